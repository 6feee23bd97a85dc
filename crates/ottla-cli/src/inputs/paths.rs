//! [`InputPath`]: a file, a folder or a pattern of files. [`expand`] finds the files.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::pattern::{has_wildcards, is_hidden, matching};
use crate::{exit::Failure, file_identity::FileIdentity};

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

    /// Whether it is stdin.
    pub(crate) fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// The path with its folder; its wildcards are not replaced.
    pub(crate) fn whole(&self) -> PathBuf {
        self.base.join(&self.path)
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
    let files = paths.iter().map(|path| match files_of(path, never).complete()? {
        (files, Some(wanted)) if files.is_empty() => Err(Failure::usage(format!("{}: {wanted}", path.whole().display()))),
        (files, _) => Ok(files),
    });
    Ok(without_repetition(files.collect::<Result<Vec<_>, _>>()?))
}

/// The files of all paths that exist now, as [`expand`] finds them. A pattern or a folder may have none.
///
/// # Errors
/// A pattern is invalid, or a folder cannot be read.
pub(crate) fn existing(paths: &[InputPath], never: &[FileIdentity]) -> Result<Vec<PathBuf>, Failure> {
    let files = paths.iter().map(|path| Ok(files_of(path, never).complete()?.0));
    let mut files = without_repetition(files.collect::<Result<Vec<_>, Failure>>()?);
    files.retain(|file| file.exists());
    Ok(files)
}

/// The files of one path that can be found now, and why others cannot.
pub(crate) fn existing_of(path: &InputPath, never: &[FileIdentity]) -> (Vec<PathBuf>, Vec<String>) {
    let PathFiles { mut files, mut errors, .. } = files_of(path, never);
    files.retain(|file| match fs::metadata(file) {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => false,
        // It may be there, such as in a folder that this user may not search.
        Err(error) => {
            errors.push(format!("{}: cannot be opened: {error}", file.display()));
            false
        }
    });
    (files, errors)
}

/// The files, each at its first place.
fn without_repetition(found: Vec<Vec<PathBuf>>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let (mut known_paths, mut known_files) = (HashSet::new(), HashSet::new());
    for found in found {
        for file in found {
            let identity = if file == Path::new("-") { FileIdentity::of_stdin() } else { FileIdentity::of_path(&file) };
            let is_new = known_paths.insert(file.clone());
            if identity.is_none_or(|identity| known_files.insert(identity)) && is_new {
                files.push(file);
            }
        }
    }
    files
}

/// The files of one path.
struct PathFiles {
    /// Sorted by name.
    files: Vec<PathBuf>,
    /// For a folder or a pattern, the error if it has no file.
    wanted: Option<&'static str>,
    /// Why other files cannot be found.
    errors: Vec<String>,
}

impl PathFiles {
    /// # Errors
    /// A file cannot be found.
    fn complete(self) -> Result<(Vec<PathBuf>, Option<&'static str>), Failure> {
        match self.errors.into_iter().next() {
            Some(error) => Err(Failure::usage(error)),
            None => Ok((self.files, self.wanted)),
        }
    }
}

fn files_of(path: &InputPath, never: &[FileIdentity]) -> PathFiles {
    let whole = path.whole();
    // A broken link is kept, so that it is reported when it is opened.
    let is_input = |file: &Path| {
        fs::metadata(file).map_or(true, |metadata| metadata.is_file())
            && FileIdentity::of_path(file).is_none_or(|identity| !never.contains(&identity))
    };
    let is_pattern = has_wildcards(path.path.as_os_str()) && fs::symlink_metadata(&whole).is_err();
    if whole == Path::new("-") || !(is_pattern || whole.is_dir()) {
        return PathFiles { files: vec![whole], wanted: None, errors: Vec::new() };
    }
    let mut errors = Vec::new();
    let (mut files, wanted) = if is_pattern {
        let files = matching(&path.base, &path.path, is_input, &mut errors);
        // As a path of its own, `-` is stdin.
        let named = |file: PathBuf| if file == Path::new("-") { Path::new(".").join(file) } else { file };
        let files: Vec<_> = files.into_iter().map(named).collect();
        (files, "no file matches this pattern; correct it, or name the files")
    } else {
        let entries = fs::read_dir(&whole).and_then(|entries| {
            entries.map(|entry| Ok(entry?.path().components().collect())).collect::<std::io::Result<Vec<PathBuf>>>()
        });
        let entries = entries.unwrap_or_else(|error| {
            errors.push(format!("the folder cannot be read: {error}"));
            Vec::new()
        });
        let is_shown = |path: &PathBuf| !path.file_name().is_some_and(is_hidden) && is_input(path);
        let files: Vec<_> = entries.into_iter().filter(is_shown).collect();
        (files, "the folder has no files to read; name the files, or a pattern such as data/**/*.csv for the folders in it")
    };
    files.sort();
    let shown = whole.display();
    PathFiles { files, wanted: Some(wanted), errors: errors.into_iter().map(|error| format!("{shown}: {error}")).collect() }
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

    /// A folder with these files, and the names that a pattern finds in it.
    #[cfg(unix)]
    fn found(files: &[&[u8]], pattern: &str) -> Result<Vec<PathBuf>, String> {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        // The configuration's folder is not UTF-8 either.
        let folder = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        for file in files {
            let file = folder.join(std::ffi::OsStr::from_bytes(file));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink("sub", folder.join("link")).unwrap();
        let found = expand(&[InputPath::beside(&folder.join("orders.toml"), pattern)], &[]);
        let inside = |path: PathBuf| path.strip_prefix(&folder).unwrap().to_owned();
        found.map(|files| files.into_iter().map(inside).collect()).map_err(|failure| failure.text())
    }

    #[test]
    #[cfg(unix)]
    fn a_name_that_is_not_utf_8_is_an_error_if_it_may_match() {
        let files: [&[u8]; 4] = [b"a.csv", b"caf\xe9.txt", b"\xe9/b.csv", b".\xe9.csv"];
        let found = |pattern| found(&files, pattern);
        assert_eq!(found("*.csv").unwrap(), [Path::new("a.csv")]);
        assert_eq!(found("**/a.*").unwrap(), [Path::new("a.csv")]);
        assert_eq!(found("**/b.csv").unwrap().len(), 1, "no name of a folder is compared");
        for pattern in ["*", "caf?.txt", "**/*.txt", "*/b.csv", ".*", "caf[!e].txt"] {
            let error = found(pattern).unwrap_err();
            assert!(error.contains("\" is not UTF-8, so a pattern cannot match it; rename it"), "{error}");
        }
        assert!(found("*").unwrap_err().contains("caf\\xE9.txt\" is"), "{}", found("*").unwrap_err());
    }

    #[test]
    #[cfg(unix)]
    fn links_to_folders_are_followed_only_by_their_names() {
        let files: [&[u8]; 2] = [b"a.csv", b"sub/deep/a.csv"];
        let found = |pattern| found(&files, pattern).unwrap();
        let names = [Path::new("a.csv"), Path::new("sub/deep/a.csv")];
        assert_eq!(found("**/a.csv"), names);
        assert_eq!(found("**/**/*.csv"), names);
        assert_eq!(found("**"), names);
        assert_eq!(found("sub/**"), names[1..]);
        assert_eq!(found("sub/../[a].csv"), [Path::new("sub/../a.csv")]);
        assert_eq!(found("link/*/a.csv"), [Path::new("link/deep/a.csv")]);
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
