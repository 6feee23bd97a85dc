//! The command with a broker inside the test process, which it connects to over TCP.

mod avro;
mod checkpoint;
mod checkpoint_failures;
mod connecting;
mod consume;
mod dead_letters;
mod dialects;
mod documentation;
mod ending;
mod flags;
mod follow;
mod hostile;
mod inputs;
mod json;
mod perf;
mod produce;
mod record;
mod record_format;
mod redrive;
mod rows;
mod schema;
mod several_inputs;
mod transaction;

use std::{
    ffi::OsString,
    io::Write as _,
    process::{Child, Command},
    time::Duration,
};

use ottla::testing::{ApiKey, BrokerError, EmbeddedKafka};
use ottla_test_support::folder::Folder;

use crate::{
    arguments,
    command::{Start as _, command},
    log,
};

/// A broker with the topic `orders`, and a folder for files.
struct Place {
    kafka: EmbeddedKafka,
    folder: Folder,
}

impl Place {
    fn new(partitions: i32) -> Self {
        Self { kafka: ottla_test_support::embedded::kafka(partitions), folder: Folder::new() }
    }

    /// The arguments of `ottla produce` for an input file with this name and content.
    fn produce(&self, name: &str, input: impl AsRef<[u8]>) -> Vec<OsString> {
        let input = self.folder.file(name, input);
        self.produce_with(&arguments!["--input", input])
    }

    /// The arguments of `ottla produce`, followed by these.
    fn produce_with(&self, more: &[OsString]) -> Vec<OsString> {
        let config = self.config("producer.properties", "linger.ms=0\nmax.block.ms=10000\n");
        arguments!["produce", "-c", config, "--topic", "orders", "--report", "json"].iter().chain(more).cloned().collect()
    }

    /// A `.properties` file with the broker's address.
    fn config(&self, name: &str, settings: &str) -> std::path::PathBuf {
        self.folder.file(name, format!("bootstrap.servers={}\n{settings}", self.kafka.bootstrap_servers()))
    }

    /// The keys and values in the topic, ordered by partition and offset.
    fn records(&self) -> Vec<(Option<String>, Option<String>)> {
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).unwrap());
        let found = log::read(self.kafka.bootstrap_servers(), "orders");
        found.into_iter().map(|found| (text(found.key), text(found.value))).collect()
    }

    fn values(&self) -> Vec<String> {
        self.records().into_iter().filter_map(|(_, value)| value).collect()
    }

    /// Makes the broker write the next record without responding before the test is over.
    fn answer_no_more(&self) {
        let answer = [(BrokerError::NONE, Duration::from_secs(3600))];
        self.kafka.fail_next_on(1, ApiKey::Produce, &answer).unwrap();
    }

    /// Waits until the topic has this many records.
    fn wait_for(&self, records: usize) {
        for _ in 0..300 {
            if self.records().len() >= records {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the topic has {} of {records} records", self.records().len());
    }
}

/// Starts a command with these lines on its stdin, which stays open.
fn start_with_stdin(arguments: &[OsString], lines: &str) -> Child {
    let mut command: Command = command(arguments);
    let mut child = command.stdin(std::process::Stdio::piped()).start();
    child.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    child
}

/// Sends a signal.
fn kill(child: &Child, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).start().wait().unwrap();
    assert!(status.success());
}
