//! A test in a process of its own: where it measures what concerns the whole process, such as memory.

use std::{env, fs, process::Command};

/// Names the test whose body this process is to run.
const MARK: &str = "OTTLA_TEST_ALONE";

/// Runs `body` in a new process, which runs the test of this name (`module::function`, the one that calls this) and nothing else.
pub fn alone(test: &str, body: impl FnOnce()) {
    if is_alone(test) {
        return body();
    }
    let output = command(test).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A name that no test has would run none, and pass.
    assert!(output.status.success() && stdout.contains("1 passed"), "{test}: {}\n{stdout}\n{stderr}", output.status);
    print!("{}", stdout.lines().filter(|line| line.contains("RSS")).map(|line| format!("{test}: {line}\n")).collect::<String>());
}

/// Whether this process is there for this test alone.
pub fn is_alone(test: &str) -> bool {
    env::var_os(MARK).is_some_and(|named| named == test)
}

/// A process that runs the test of this name and nothing else: in it, [`is_alone`] is true.
pub fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]).env(MARK, test);
    command
}

/// The most memory that this process has had resident so far, in bytes.
pub fn peak_resident() -> usize {
    status("VmHWM")
}

/// The memory that this process has resident, in bytes.
pub fn resident() -> usize {
    status("VmRSS")
}

/// How many files this process has open.
pub fn open_files() -> usize {
    // The folder itself is one of them while it is read.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// A line of /proc/self/status that is in kB, which are 1,024 bytes there.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    let kilobytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes * 1024
}
