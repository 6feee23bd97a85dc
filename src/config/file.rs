//! [`is_pipe_or_device`]: paths in a configuration that could block.

use std::{fs, path::Path};

/// The error for a pipe or a device.
pub(crate) const NOT_A_FILE: &str = "is a pipe or a device, not a file";

/// Whether opening or reading the path could block: a pipe waits for a writer.
pub(crate) fn is_pipe_or_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
