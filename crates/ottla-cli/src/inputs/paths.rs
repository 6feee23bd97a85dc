//! [`InputPath`]: a file, a folder or a pattern of files. [`expand`] finds the files.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern, glob_with};

use crate::{exit::Failure, file_identity::FileIdentity};

/// As in a shell, `*` matches within one folder. No wildcard matches the dot of a hidden file.
const AS_IN_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// What an input is: a file, a folder, a pattern, or stdin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputPath {
    /// The folder that the path starts at; empty for the working directory.
    base: PathBuf,
    path: PathBuf,
}

impl InputPath {
    /// A path that starts at the working directory; `-` is stdin.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { base: PathBuf::new(), path: path.into() }
    }

    /// A path that starts at the configuration file's folder; `-` is stdin.
    pub(crate) fn beside(file: &Path, path: &str) -> Self {
        let base = file.parent().filter(|_| path != "-");
        Self { base: base.unwrap_or(Path::new("")).to_owned(), path: path.into() }
    }

    /// The path with its folder; its wildcards are not replaced.
    pub(crate) fn whole(&self) -> PathBuf {
        self.base.join(&self.path)
    }

    /// The text for `glob`, if the path has wildcards. Those of the configuration file's folder are plain characters.
    fn pattern(&self) -> Option<String> {
        let text = self.path.to_str().filter(|text| text.contains(['*', '?', '[']))?;
        let base = self.base.to_str().filter(|_| self.path.is_relative()).unwrap_or_default();
        let separator = if base.is_empty() || base.ends_with('/') { "" } else { "/" };
        Some(format!("{}{separator}{text}", Pattern::escape(base)))
    }
}

/// The files of all paths, in the order in which they are read: the paths as given, and the files of a folder or of a pattern sorted by
/// name. A file that is found twice is read once, at its first place. `never` are files that neither a folder nor a pattern finds, such as the
/// configuration.
///
/// A path that exists is itself, also if its name has wildcards. A folder is its files, without hidden ones and without folders in it.
///
/// # Errors
/// A pattern is invalid or matches no file; a folder has no file or cannot be read.
pub(crate) fn expand(paths: &[InputPath], never: &[FileIdentity]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let (mut known_paths, mut known_files) = (HashSet::new(), HashSet::new());
    for path in paths {
        let found = files_of(path, never)?;
        for file in found {
            let identity = if file == Path::new("-") { FileIdentity::of_stdin() } else { FileIdentity::of_path(&file) };
            let is_new = known_paths.insert(file.clone());
            if identity.is_none_or(|identity| known_files.insert(identity)) && is_new {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// The files of one path, sorted by name.
fn files_of(path: &InputPath, never: &[FileIdentity]) -> Result<Vec<PathBuf>, Failure> {
    let whole = path.whole();
    let shown = whole.display();
    let refuse = |message: &str| Failure::usage(format!("{shown}: {message}"));
    let (mut files, wanted) = if whole.is_dir() {
        let unreadable = |error| refuse(&format!("the folder cannot be read: {error}"));
        let entries = fs::read_dir(&whole).map_err(unreadable)?;
        let entries = entries
            .map(|entry| Ok(entry?.path().components().collect()))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(unreadable)?;
        let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let files: Vec<_> = entries.into_iter().filter(|path| !is_hidden(path)).collect();
        (files, "the folder has no files to read; name the files, or a pattern such as data/**/*.csv for the folders in it")
    } else if let Some(pattern) = path.pattern().filter(|_| fs::symlink_metadata(&whole).is_err()) {
        let matches = glob_with(&pattern, AS_IN_A_SHELL).map_err(|error| refuse(&format!("invalid pattern: {error}")))?;
        let files = matches.collect::<Result<Vec<_>, _>>().map_err(|error| {
            Failure::usage(format!("{shown}: the folder {} cannot be read: {}", error.path().display(), error.error()))
        })?;
        (files, "no file matches this pattern; correct it, or name the files")
    } else {
        return Ok(vec![whole]);
    };
    // A broken link is kept, so that it is reported when it is opened.
    files.retain(|file| fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) || fs::metadata(file).is_err());
    files.retain(|file| FileIdentity::of_path(file).is_none_or(|identity| !never.contains(&identity)));
    if files.is_empty() {
        return Err(refuse(wanted));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, and the names that the paths are expanded to.
    fn names(files: &[&str], paths: &[&str], never: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        // A folder with characters of a pattern in its name.
        let folder = folder.path().join("a[1]*");
        for file in files {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        let never: Vec<_> = never.iter().map(|name| FileIdentity::of_path(&folder.join(name)).unwrap()).collect();
        let paths: Vec<_> = paths.iter().map(|path| InputPath::beside(&folder.join("orders.toml"), path)).collect();
        let inside = |path: PathBuf| path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        match expand(&paths, &never) {
            Ok(files) => Ok(files.into_iter().map(inside).collect()),
            Err(failure) => Err(failure.text().replace(&folder.display().to_string(), "DIR")),
        }
    }

    #[test]
    fn files_of_patterns_and_folders_are_sorted_and_paths_are_in_the_given_order() {
        let files = ["b.csv", "a.csv", "c.txt", "10.csv", "2.csv", ".hidden.csv", ".hidden/f.csv", "sub/d.csv", "sub/deep/e.csv"];
        let expand = |paths: &[&str]| names(&files, paths, &[]).unwrap();
        assert_eq!(expand(&["*.csv"]), ["10.csv", "2.csv", "a.csv", "b.csv"]);
        assert_eq!(expand(&["c.txt", "[ab].csv"]), ["c.txt", "a.csv", "b.csv"]);
        assert_eq!(expand(&["."]), ["10.csv", "2.csv", "a.csv", "b.csv", "c.txt"]);
        assert_eq!(expand(&["sub"]), ["sub/d.csv"]);
        assert_eq!(expand(&["**/?.csv"]), ["2.csv", "a.csv", "b.csv", "sub/d.csv", "sub/deep/e.csv"]);
        assert_eq!(expand(&[".hidden.csv", ".hidden/*", "-"]), [".hidden.csv", ".hidden/f.csv", "-"]);
    }

    #[test]
    fn a_file_is_read_once() {
        assert_eq!(names(&["a.csv", "b.csv"], &["b.csv", "*.csv", "./b.csv", "-", "-"], &[]).unwrap(), ["b.csv", "a.csv", "-"]);
    }

    #[test]
    fn a_path_that_exists_is_no_pattern() {
        assert_eq!(names(&["a[b].csv", "ab.csv"], &["a[b].csv"], &[]).unwrap(), ["a[b].csv"]);
        assert_eq!(names(&["ab.csv"], &["a[b].csv"], &[]).unwrap(), ["ab.csv"]);
    }

    #[test]
    fn folders_and_patterns_do_not_find_the_configuration() {
        let files = ["orders.toml", "a.csv"];
        assert_eq!(names(&files, &["*"], &["orders.toml"]).unwrap(), ["a.csv"]);
        assert_eq!(names(&files, &["."], &["orders.toml"]).unwrap(), ["a.csv"]);
        assert_eq!(names(&files, &["orders.toml"], &["orders.toml"]).unwrap(), ["orders.toml"]);
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        let error = |paths: &[&str]| names(&["sub/a.csv"], paths, &[]).unwrap_err();
        assert_eq!(error(&["*.csv"]), "DIR/*.csv: no file matches this pattern; correct it, or name the files");
        assert_eq!(error(&["s*"]), "DIR/s*: no file matches this pattern; correct it, or name the files");
        assert!(error(&["."]).starts_with("DIR/.: the folder has no files to read"), "{}", error(&["."]));
        assert!(error(&["a[.csv"]).starts_with("DIR/a[.csv: invalid pattern: "), "{}", error(&["a[.csv"]));
    }
}
