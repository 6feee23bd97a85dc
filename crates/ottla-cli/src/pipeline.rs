//! [`reader_in_pipeline`]: whether another process of this pipeline reads a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::file_identity::FileIdentity;

/// The name of a process in this process group that has the file open for reading, such as `jq` in `jq .record FILE | ottla ..`.
/// Text appended to the file would come back as input in an endless loop. Known on Linux only.
pub(crate) fn reader_in_pipeline(file: &Path) -> Option<String> {
    let identity = FileIdentity::of_path(file)?;
    let group = process_group(Path::new("/proc/self"))?;
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut others = processes.filter(|process| {
        let id = process.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        id.is_some_and(|id| id != std::process::id()) && process_group(process) == Some(group)
    });
    let reader = others.find(|process| reads(process, identity))?;
    let name = fs::read_to_string(reader.join("comm")).unwrap_or_default();
    Some(name.trim_end().to_owned())
}

/// Reads the third field after the name. The name is in parentheses and may contain any character.
fn process_group(process: &Path) -> Option<i32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()
}

fn reads(process: &Path, identity: FileIdentity) -> bool {
    let Ok(handles) = fs::read_dir(process.join("fd")) else { return false };
    let handles = handles.filter_map(|handle| Some(handle.ok()?.path()));
    handles.filter(|handle| FileIdentity::of_path(handle) == Some(identity)).any(|handle| is_readable(process, &handle))
}

/// Whether the handle is open for reading: the last octal digit of its flags is 1 if it is write-only.
fn is_readable(process: &Path, handle: &Path) -> bool {
    let name = handle.file_name().unwrap_or_default();
    let path: PathBuf = process.join("fdinfo").join(name);
    let info = fs::read_to_string(path).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
    !flags.trim().ends_with(['1', '5'])
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_a_process_that_reads_the_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "").unwrap();
        assert_eq!(reader_in_pipeline(&path), None);
        let sleeping =
            |stdin: Stdio, stdout: Stdio| Command::new("sleep").arg("1000").stdin(stdin).stdout(stdout).spawn().unwrap();
        let open = || fs::OpenOptions::new().append(true).open(&path).unwrap();
        let mut writer = sleeping(Stdio::null(), open().into());
        assert_eq!(reader_in_pipeline(&path), None);
        let mut reader = sleeping(fs::File::open(&path).unwrap().into(), Stdio::null());
        assert_eq!(reader_in_pipeline(&path).as_deref(), Some("sleep"));
        for process in [&mut writer, &mut reader] {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}
