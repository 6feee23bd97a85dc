//! [`matching`]: the files that match a pattern, as in a shell.

use std::{
    ffi::OsStr,
    fs::{self, DirEntry},
    io,
    path::{Component, Path, PathBuf},
};

use glob::{MatchOptions, Pattern};

/// No wildcard matches the dot of a hidden file.
const AS_IN_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A part of a pattern, between two separators.
enum Step {
    /// A name without wildcards, or the root.
    Name(PathBuf),
    Wildcards(Pattern),
    /// `**`: any number of folders.
    Folders,
}

/// Whether a path has wildcards.
pub(super) fn has_wildcards(text: &OsStr) -> bool {
    text.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The files that match a pattern, which starts at the folder `base` unless it is absolute. `is_input` says which files count.
///
/// `*`, `?` and `[..]` match within a name, and `**` any number of folders, without those that are hidden or symbolic links.
///
/// Adds to `errors` if the pattern is invalid, a folder cannot be read, or a name that is not UTF-8 may match. The files elsewhere are found.
pub(super) fn matching(base: &Path, pattern: &Path, is_input: impl Fn(&Path) -> bool, errors: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let steps = match steps(pattern) {
        Ok(steps) => steps,
        Err(error) => {
            errors.push(error);
            return found;
        }
    };
    let entries = |folder: &Path, errors: &mut Vec<String>| {
        entries(folder).unwrap_or_else(|error| {
            // With `**` a folder is read twice.
            if !errors.contains(&error) {
                errors.push(error);
            }
            Vec::new()
        })
    };
    let mut todo = vec![(base.to_owned(), &steps[..])];
    while let Some((path, steps)) = todo.pop() {
        let Some((step, rest)) = steps.split_first() else {
            if is_input(&path) {
                found.push(path);
            }
            continue;
        };
        match step {
            Step::Name(name) => {
                let path = path.join(name);
                // A broken link is kept, as one that a wildcard finds.
                if fs::symlink_metadata(&path).is_ok() {
                    todo.push((path, rest));
                }
            }
            Step::Wildcards(pattern) => {
                for entry in entries(&path, errors) {
                    let (name, path) = (entry.file_name(), path.join(entry.file_name()));
                    if !pattern.matches_with(&name.to_string_lossy(), AS_IN_A_SHELL) {
                        continue;
                    }
                    let matters = || if rest.is_empty() { is_input(&path) } else { path.is_dir() };
                    if name.to_str().is_none() && matters() {
                        errors.push(format!(
                            "the name {path:?} is not UTF-8, so a pattern cannot match it; rename it, or name the files or their folder"
                        ));
                        continue;
                    }
                    todo.push((path, rest));
                }
            }
            Step::Folders => {
                for entry in entries(&path, errors) {
                    if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden(&entry.file_name()) {
                        todo.push((path.join(entry.file_name()), steps));
                    }
                }
                todo.push((path, rest));
            }
        }
    }
    found
}

/// Whether it is the name of a hidden file.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn steps(pattern: &Path) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for component in pattern.components() {
        let name = component.as_os_str();
        if !matches!(component, Component::Normal(_)) || !has_wildcards(name) {
            steps.push(Step::Name(name.into()));
        } else if name == "**" {
            if !matches!(steps.last(), Some(Step::Folders)) {
                steps.push(Step::Folders);
            }
        } else {
            let text = name.to_str().ok_or("a pattern must be UTF-8; name the files or their folder")?;
            let pattern = Pattern::new(text).map_err(|error| format!("invalid pattern: `{text}`, {error}"))?;
            steps.push(Step::Wildcards(pattern));
        }
    }
    if pattern.as_os_str().as_encoded_bytes().ends_with(b"/") {
        // Only folders match it, as in a shell, and these are no inputs.
        steps.push(Step::Name(PathBuf::from(".")));
    }
    if let Some(Step::Folders) = steps.last() {
        // All files in them.
        steps.push(Step::Wildcards(Pattern::new("*").map_err(|error| error.to_string())?));
    }
    Ok(steps)
}

/// The entries of a folder; none if it is no folder.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, String> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = match fs::read_dir(shown) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect),
    };
    entries.map_err(|error| format!("the folder {} cannot be read: {error}", shown.display()))
}
