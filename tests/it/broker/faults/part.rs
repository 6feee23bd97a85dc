//! A part of a test that runs in its own process, with the brokers of the [`Stage`].

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::OnceLock,
};

use ottla::ProducerConfig;

use super::{scale::Scale, stage::Stage, traffic::Traffic};
use crate::{account::Row, log::Isolation, own_process};

const TEST: &str = "broker::faults::every_record_is_accounted_for";

/// The environment variables of the process.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) topic: String,
    /// The addresses for its producer.
    servers: String,
    /// The addresses of the brokers themselves.
    direct: String,
}

impl Part {
    /// `None` in the test's own process.
    pub(super) fn of_environment() -> Option<Self> {
        let variable = |name: &str| env::var(name).ok();
        Some(Self {
            name: variable("OTTLA_TEST_PART")?,
            topic: variable("OTTLA_TEST_TOPIC")?,
            servers: variable("OTTLA_TEST_SERVERS")?,
            direct: variable("OTTLA_TEST_DIRECT")?,
        })
    }

    pub(super) fn command(stage: &Stage, name: &str, topic: &str, servers: &str) -> Command {
        let mut command = own_process::command(TEST);
        command.env("OTTLA_TEST_PART", name).env("OTTLA_TEST_TOPIC", topic).env("OTTLA_TEST_SERVERS", servers);
        command.env("OTTLA_TEST_DIRECT", stage.kafka.bootstrap_servers()).stdout(Stdio::piped());
        command
    }

    pub(super) fn config(&self) -> ProducerConfig {
        ProducerConfig::new().set("bootstrap.servers", self.servers.as_str()).unwrap()
    }

    /// Starts sending to the topic, which must exist. Returns when records are in flight.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic::flowing(self.config(), &self.topic, Scale::of_environment())
    }

    /// Ends the traffic and prints its row for [`listen`].
    pub(super) fn settle(&self, fault: &str, traffic: Traffic) -> Row {
        let row = traffic.end().settle(fault, &self.direct, Isolation::Uncommitted);
        println!("\n{row}");
        row.tell();
        row.assert_sound();
        row
    }
}

/// Reads the output of the process until it ends, and stores its row.
pub(super) fn listen(stage: &Stage, child: &mut Child, mut hear: impl FnMut(&mut Child, &str)) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        let line = line.unwrap();
        if line.starts_with("| ") { stage.keep(line) } else { hear(child, &line) }
    }
}

/// Runs a part, which must succeed.
pub(super) fn run(stage: &Stage, command: &mut Command, mut hear: impl FnMut(&str)) {
    let mut child = command.spawn().unwrap();
    listen(stage, &mut child, |_, line| {
        println!("{line}");
        hear(line);
    });
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// Builds `system.c`, once. Its first lines describe it.
pub(super) fn system() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (library, temporary) = (folder.join("system.so"), folder.join(format!("system-{}.so", process::id())));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/broker/faults/system.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]).arg(&temporary).arg(source);
        assert!(compiler.status().unwrap().success());
        fs::rename(temporary, &library).unwrap();
        library
    })
}
