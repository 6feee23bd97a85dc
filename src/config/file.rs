//! [`read`]: a file that a configuration is, or names.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

/// The largest file that is read, in bytes: many times what a configuration, a certificate or a password takes. Placeholders give a value
/// no more than this either.
pub(crate) const LARGEST: usize = 1024 * 1024;

/// What is said of such a path.
pub(crate) const NO_FILE: &str = "is a pipe or a device, not a file";

/// All of a file, or in a few words why not. Never waits, and takes no more memory than [`LARGEST`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    if is_pipe_or_device(path) {
        return Err(NO_FILE.to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)).map_err(|error| reason(&error))?;
    if bytes.len() > LARGEST { Err("is larger than 1 MiB, which no such file should be".to_owned()) } else { Ok(bytes) }
}

/// Whether it is there, and to open or to read it may never end: a pipe waits for somebody who writes into it.
pub(crate) fn is_pipe_or_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Why a file could not be read, in a few words.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory, not a file".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (size, wanted) in [(0, true), (LARGEST, true), (LARGEST + 1, false)] {
            fs::write(&path, vec![b'x'; size]).unwrap();
            assert_eq!(read(&path).map(|bytes| bytes.len()).ok(), wanted.then_some(size), "{size}");
        }
    }
}
