//! The inputs of a run: their files, formats, and whether they can be followed.

use std::path::{Path, PathBuf};

use crate::{
    checkpoint,
    exit::Failure,
    file_identity::FileIdentity,
    input::{Format, InputOptions, InputSettings},
    inputs::{InputPath, existing, expand},
    settings::Settings,
};

/// Why JSON that spans lines is not followed.
pub(crate) const NOT_JSON: &str = "`follow` applies only to lines, jsonl, csv and record, but the format is json; remove it, or set `format` in [input] to jsonl if each line has an \
     object";

/// The files of the inputs. Those that are followed may appear later.
pub(super) fn find_inputs(
    named: &[InputPath],
    settings: &Settings,
    file: &Path,
    dead_letter: Option<&Path>,
) -> Result<Vec<PathBuf>, Failure> {
    let never: Vec<_> = never_inputs(settings, file, dead_letter).iter().filter_map(|path| FileIdentity::of_path(path)).collect();
    let never: Vec<_> = never.into_iter().chain(FileIdentity::of_stdout()).chain(FileIdentity::of_stderr()).collect();
    if settings.job.input_settings.follow.is_on { existing(named, &never) } else { expand(named, &never) }
}

/// Checks that the inputs can be followed, if they are to be.
pub(super) fn check_follow(settings: &Settings, named: &[InputPath], paths: &[PathBuf]) -> Result<(), Failure> {
    let InputSettings { follow, encoding, .. } = &settings.job.input_settings;
    if !follow.is_on {
        return Ok(());
    }
    let is_stdin = named.is_empty() || named.iter().any(InputPath::is_stdin);
    let other = paths.iter().find(|path| std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()));
    if is_stdin || other.is_some() {
        let name = other.filter(|_| !is_stdin).map_or_else(|| "stdin".to_owned(), |path| InputOptions::name_of(path));
        return Err(Failure::usage(format!(
            "{name}: `follow` reads files that grow, and a pipe or device is read until its writer closes it in any case; remove `follow`"
        )));
    }
    if let Some(encoding) = encoding.filter(|encoding| encoding.is_utf16()) {
        return Err(Failure::usage(format!(
            "input.encoding: {encoding} cannot be followed, because its line ends are not single bytes; convert the files, or remove `follow`"
        )));
    }
    Ok(())
}

/// The files that neither a folder nor a pattern finds: the configuration, those of the checkpoint, the dead letters, also those of an earlier run,
/// and the files that stdout and stderr write to.
pub(crate) fn never_inputs(settings: &Settings, file: &Path, dead_letter: Option<&Path>) -> Vec<PathBuf> {
    let checkpoint = checkpoint::files(&settings.job.checkpoint);
    let files = [Some(file), dead_letter].into_iter().flatten().chain(checkpoint.iter().map(|path| &**path));
    files.map(Path::to_owned).collect()
}

/// The different formats of the inputs; `given` is the one of all. Without it, an input that does not determine its format is left out.
///
/// # Errors
/// Lines are mixed with rows that become JSON objects, although the values are not texts in each case.
pub(super) fn formats(paths: &[PathBuf], given: Option<Format>, has_text_values: bool) -> Result<Vec<Format>, Failure> {
    let mut found: Vec<(Format, &PathBuf)> = Vec::new();
    for path in paths {
        let lines = (paths.len() > 1 && path == Path::new("-")).then_some(Format::Lines);
        let Some(format) = given.or_else(|| Format::of_path(path)).or(lines) else { continue };
        if !found.iter().any(|(known, _)| *known == format) {
            found.push((format, path));
        }
    }
    let lines = found.iter().find(|(format, _)| *format == Format::Lines);
    let rows = found.iter().find(|(format, _)| format.has_fields());
    if let (Some((_, lines)), Some((format, rows)), false) = (lines, rows, has_text_values) {
        return Err(Failure::usage(format!(
            "{} has lines, and {} is {format}: one run cannot mix them; pass --format for all inputs, or use two runs",
            InputOptions::name_of(lines),
            InputOptions::name_of(rows)
        )));
    }
    Ok(found.into_iter().map(|(format, _)| format).collect())
}
