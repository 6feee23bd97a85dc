//! Runs the built command `ottla`. Tests that need no broker are here; the others are in `embedded` and `broker`.

mod configuration;
mod dry_run;
mod help;
mod record;
mod topic;
mod usage;

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        PoisonError, RwLock,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use ottla::testing::EmbeddedKafka;
use ottla_test_support::repository;

/// The result of a run of the command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Checks the exit code; a failure shows the whole output.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that stderr has each of these texts.
    #[track_caller]
    pub(crate) fn saying(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in stderr:\n{}", self.stderr);
        }
        self
    }

    /// The JSON report, the only line of stdout.
    #[track_caller]
    pub(crate) fn report(&self) -> serde_json::Value {
        assert_eq!(self.stdout.lines().count(), 1, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// The command, without the environment variables that configure it.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    if ignores_interrupts() {
        // A shell that runs the tests in the background ignores SIGINT, and the command would inherit that.
        command = Command::new("env");
        command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_ottla")]);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("OTTLA_") || name == "KAFKA_BOOTSTRAP_SERVERS" || name == "RUST_LOG")
        {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Whether this process ignores SIGINT.
fn ignores_interrupts() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.unwrap_or(0) & 0b10 > 0
}

/// Held while a process starts: until it executes its program, it has the sockets of this one, also that of a broker of librdkafka's mock
/// cluster, which aborts if it cannot open it again.
static STARTING: RwLock<()> = RwLock::new(());

/// How tests start processes.
pub(crate) trait Start {
    fn start(&mut self) -> Child;
}

impl Start for Command {
    fn start(&mut self) -> Child {
        let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
        self.spawn().unwrap()
    }
}

/// Takes a broker down while no process starts.
pub(crate) fn take_down(kafka: &EmbeddedKafka, broker: i32) {
    let _none_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    kafka.broker_down(broker).unwrap();
}

/// Runs the command until it ends.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    end(command(arguments).start())
}

/// Runs the command with this stdin until it ends.
pub(crate) fn run_with_stdin<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>, stdin: &[u8]) -> Ended {
    let mut child = command(arguments).stdin(Stdio::piped()).start();
    let mut pipe = child.stdin.take().unwrap();
    thread::scope(|threads| {
        // A command that ends early closes the pipe, which is no error.
        threads.spawn(move || drop(pipe.write_all(stdin)));
        end(child)
    })
}

/// The time limit of a run; it is killed then, and the test fails.
const LONGEST: Duration = Duration::from_secs(300);

/// Waits for the end of a run.
pub(crate) fn end(child: Child) -> Ended {
    let (ended, ends) = channel::<()>();
    let id = child.id();
    let guard = thread::spawn(move || {
        if ends.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).start().wait();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    guard.join().unwrap();
    Ended {
        code: code(output.status),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The exit code; a signal is a negative number.
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| -status.signal().unwrap())
}

/// The path of an example file.
pub(crate) fn example(name: &str) -> PathBuf {
    repository("examples").join(name)
}

/// Collects arguments of different types in one list.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { [$(std::ffi::OsString::from($argument.clone())),*] };
}
