//! [`read`]: reads a configuration file, or a file named in one.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use crate::config::file::{NOT_A_FILE, is_pipe_or_device};

/// The maximum size of a file in bytes, far more than a configuration, a certificate or a password needs. It also limits the
/// placeholders of a value.
pub(crate) const MAX_SIZE: usize = 1024 * 1024;

/// Reads a file; the error is a short reason. Never blocks, and takes at most [`MAX_SIZE`] of memory.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    if is_pipe_or_device(path) {
        return Err(NOT_A_FILE.to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)).map_err(|error| reason(&error))?;
    if bytes.len() > MAX_SIZE {
        Err("is larger than 1 MiB, the limit for a file in a configuration".to_owned())
    } else {
        Ok(bytes)
    }
}

/// A short reason why a file could not be read.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory, not a file".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (size, wanted) in [(0, true), (MAX_SIZE, true), (MAX_SIZE + 1, false)] {
            fs::write(&path, vec![b'x'; size]).unwrap();
            assert_eq!(read(&path).map(|bytes| bytes.len()).ok(), wanted.then_some(size), "{size}");
        }
    }
}
