//! [`PageFile`]: the file of `--html`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::arguments::PerfArguments;
use crate::{
    exit::{Exit, Failure},
    file_identity::FileIdentity,
};

/// The file of the page, open for writing. An existing file keeps its content until [`write`](Self::write).
#[derive(Debug)]
pub(super) struct PageFile {
    path: PathBuf,
    file: File,
}

impl PageFile {
    /// Opens the file if there is to be a page. Call it before the measurement, so that a path that cannot be written loses no figures.
    ///
    /// # Errors
    /// The file cannot be written, or the command reads it or prints to it.
    pub(super) fn open(arguments: &PerfArguments) -> Result<Option<Self>, Failure> {
        let Some(path) = arguments.html.clone() else { return Ok(None) };
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(|error| cannot_write(&path, &error))?;
        let page = Self { path, file };
        let identity = FileIdentity::of_file(&page.file).filter(|_| page.is_regular());
        let configurations = arguments.settings.file().into_iter().chain(arguments.compare.iter().map(PathBuf::as_path));
        let mut used = configurations.map(|path| ("a configuration", FileIdentity::of_path(path))).chain([
            ("--payload-file", arguments.payload_file.as_deref().and_then(FileIdentity::of_path)),
            ("where stdout is written to", FileIdentity::of_stdout()),
            ("where stderr is written to", FileIdentity::of_stderr()),
        ]);
        match used.find(|(_, used)| used.is_some() && *used == identity) {
            Some((what, _)) => Err(Failure::usage(format!("--html {}: is {what}; give another file", page.path.display()))),
            None => Ok(Some(page)),
        }
    }

    /// Writes the page in place of the file's content.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(mut self, page: &str) -> Result<(), Failure> {
        // A pipe or a device has no length.
        let emptied = if self.is_regular() { self.file.set_len(0) } else { Ok(()) };
        emptied.and_then(|()| self.file.write_all(page.as_bytes())).map_err(|error| cannot_write(&self.path, &error))
    }

    fn is_regular(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("--html {}: cannot be written: {error}", path.display()))
}
