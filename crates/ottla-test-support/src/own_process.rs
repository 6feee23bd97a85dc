//! Runs a test in a process of its own, if it measures the whole process, such as its memory.

use std::{env, fs, process::Command};

/// The environment variable that names the test whose body this process should run.
const MARK: &str = "OTTLA_TEST_ALONE";

/// Runs `body` in a new process that runs only the test with this name (`module::function`, the caller).
pub fn alone(test: &str, body: impl FnOnce()) {
    if is_alone(test) {
        return body();
    }
    let output = command(test).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A name without a test would run nothing and pass.
    assert!(output.status.success() && stdout.contains("1 passed"), "{test}: {}\n{stdout}\n{stderr}", output.status);
    print!("{}", stdout.lines().filter(|line| line.contains("RSS")).map(|line| format!("{test}: {line}\n")).collect::<String>());
}

/// Whether this process runs this test only.
pub fn is_alone(test: &str) -> bool {
    env::var_os(MARK).is_some_and(|named| named == test)
}

/// The command for a process that runs only the test with this name; [`is_alone`] is true in it.
pub fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]).env(MARK, test);
    command
}

/// The peak resident memory of this process, in bytes.
pub fn peak_resident() -> usize {
    status("VmHWM")
}

/// The resident memory of this process, in bytes.
pub fn resident() -> usize {
    status("VmRSS")
}

/// The number of open files of this process.
pub fn open_files() -> usize {
    // The directory itself is open while it is read.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// A line of /proc/self/status in kB, which are 1,024 bytes there.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    let kilobytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes * 1024
}
