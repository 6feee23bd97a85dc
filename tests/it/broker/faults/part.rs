//! A part of a test that has a process of its own, on the brokers of the [`Stage`].

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

const TEST: &str = "broker::faults::whatever_goes_wrong_every_record_is_accounted_for";

/// What the process learns from its environment.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) topic: String,
    /// Where its producer finds the brokers.
    servers: String,
    /// Where the brokers themselves are.
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

    /// Records to the topic, which exists; they are under way when this returns.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic::flowing(self.config(), &self.topic, Scale::of_environment())
    }

    /// Ends the traffic, and prints the row that it gives, for [`listen`].
    pub(super) fn settle(&self, fault: &str, traffic: Traffic) -> Row {
        let row = traffic.end().settle(fault, &self.direct, Isolation::Uncommitted);
        println!("\n{row}");
        row.tell();
        row.assert_sound();
        row
    }
}

/// Hears what the process prints, until it ends, and keeps its row.
pub(super) fn listen(stage: &Stage, child: &mut Child, mut hear: impl FnMut(&mut Child, &str)) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        let line = line.unwrap();
        if line.starts_with("| ") { stage.keep(line) } else { hear(child, &line) }
    }
}

/// Runs a part to its good end.
pub(super) fn run(stage: &Stage, command: &mut Command, mut hear: impl FnMut(&str)) {
    let mut child = command.spawn().unwrap();
    listen(stage, &mut child, |_, line| {
        println!("{line}");
        hear(line);
    });
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// Builds `system.c`, once; its first lines say what it is.
pub(super) fn system() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (library, unfinished) = (folder.join("system.so"), folder.join(format!("system-{}.so", process::id())));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/broker/faults/system.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]).arg(&unfinished).arg(source);
        assert!(compiler.status().unwrap().success());
        fs::rename(unfinished, &library).unwrap();
        library
    })
}
