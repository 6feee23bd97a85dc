//! A test in a process of its own: where it measures what concerns the whole process, such as memory.

use std::{env, fs, process::Command};

/// Names the test whose body this process is to run.
const MARK: &str = "OTTLA_TEST_ALONE";

/// Runs `body` in a new process, which runs the test of this name (`module::function`, the one that calls this) and nothing else.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os(MARK).is_some_and(|named| named == test) {
        return body();
    }
    let output = command(test).env(MARK, test).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A name that no test has would run none, and pass.
    assert!(output.status.success() && stdout.contains("1 passed"), "{test}: {}\n{stdout}\n{stderr}", output.status);
    print!("{}", stdout.lines().filter(|line| line.contains("RSS")).map(|line| format!("{test}: {line}\n")).collect::<String>());
}

/// A process that runs the test of this name and nothing else. What it is to do there its environment says.
pub(crate) fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// The most memory that this process has had resident so far, in bytes.
pub(crate) fn peak_resident() -> usize {
    status("VmHWM")
}

/// A line of /proc/self/status that is in kB, which are 1,024 bytes there.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    let kilobytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes * 1024
}
