//! [`FileIdentity`]: whether two paths or handles refer to the same file.

use std::{
    fs::{self, File, Metadata},
    path::Path,
};

/// A file's device and inode, independent of its name. Only regular files, pipes and sockets have one: a device such as
/// `/dev/null` may be opened any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
    is_socket: bool,
}

impl FileIdentity {
    /// The identity of the file at a path, with symbolic links followed; `None` if there is no such file.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        Self::of(&fs::metadata(path).ok()?)
    }

    pub(crate) fn of_file(file: &File) -> Option<Self> {
        Self::of(&file.metadata().ok()?)
    }

    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
        let kind = metadata.file_type();
        let has_one = kind.is_file() || kind.is_fifo() || kind.is_socket();
        has_one.then(|| Self { device: metadata.dev(), inode: metadata.ino(), is_socket: kind.is_socket() })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// The device and the inode.
    pub(crate) fn numbers(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether it is a socket, whose reads and writes are independent.
    pub(crate) fn is_socket(self) -> bool {
        self.is_socket
    }

    pub(crate) fn of_stdin() -> Option<Self> {
        Self::of_standard(&std::io::stdin())
    }

    pub(crate) fn of_stdout() -> Option<Self> {
        Self::of_standard(&std::io::stdout())
    }

    pub(crate) fn of_stderr() -> Option<Self> {
        Self::of_standard(&std::io::stderr())
    }

    #[cfg(unix)]
    fn of_standard(stream: &impl std::os::fd::AsFd) -> Option<Self> {
        // `File` closes its handle, so it gets a duplicate.
        Self::of_file(&File::from(stream.as_fd().try_clone_to_owned().ok()?))
    }

    #[cfg(not(unix))]
    fn of_standard<T>(_: &T) -> Option<Self> {
        None
    }
}
