//! A Kafka cluster for one test, which may stop or overload its brokers.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::repository;

/// One broker or three. They are stopped on drop.
pub struct OwnKafka {
    state: TempDir,
    bootstrap_servers: String,
}

impl OwnKafka {
    /// Starts a cluster with these options of `scripts/kafka up`.
    pub fn start(options: &[&str]) -> Self {
        let mut kafka = Self { state: tempfile::tempdir().unwrap(), bootstrap_servers: String::new() };
        kafka.script(&[&["up"], options].concat());
        kafka.bootstrap_servers = fs::read_to_string(kafka.state.path().join("bootstrap")).unwrap().trim().to_owned();
        kafka
    }

    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// A file that `--secure` generates: certificates, and `listeners.properties`.
    pub fn secure_file(&self, name: &str) -> PathBuf {
        self.state.path().join("secure").join(name)
    }

    /// Runs one of Kafka's tools with the cluster.
    pub fn tool(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", arguments.join(" "));
    }

    /// Pauses a broker (SIGSTOP): its connections stay open, and it does not respond.
    pub fn pause(&self, broker: usize) {
        self.script(&["pause", &broker.to_string()]);
    }

    pub fn resume(&self, broker: usize) {
        self.script(&["resume", &broker.to_string()]);
    }

    /// Kills a broker (SIGKILL).
    pub fn kill(&self, broker: usize) {
        self.script(&["kill", &broker.to_string()]);
    }

    /// Stops a broker cleanly (SIGTERM): it moves its leaderships first.
    pub fn stop(&self, broker: usize) {
        self.script(&["stop", &broker.to_string()]);
    }

    /// Restarts a broker with its data, and waits until it responds.
    pub fn restart(&self, broker: usize) {
        self.script(&["start", &broker.to_string()]);
    }

    /// The broker's process.
    pub fn pid(&self, broker: usize) -> String {
        fs::read_to_string(self.state.path().join(format!("broker-{broker}/pid"))).unwrap().trim().to_owned()
    }

    /// The broker that is the active controller.
    pub fn controller(&self) -> usize {
        let status = self.output(&["metadata-quorum", "describe", "--status"]);
        let leader = status.lines().find_map(|line| line.strip_prefix("LeaderId:"));
        leader.and_then(|leader| leader.trim().parse().ok()).unwrap_or_else(|| panic!("{status}"))
    }

    /// The broker's files of a partition, as printed by Kafka's tool.
    pub fn dump(&self, topic: &str, partition: i32) -> String {
        self.output(&["dump-log", "1", topic, &partition.to_string()])
    }

    fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(repository("scripts/kafka"));
        command.args(arguments).env("KAFKA_STATE", self.state.path()).env("KAFKA_WITH", "jars");
        // Most of these brokers run for seconds.
        command.env("KAFKA_COMPILER", "c1");
        command.env_remove("KAFKA_BOOTSTRAP_SERVERS");
        command
    }

    fn script(&self, arguments: &[&str]) {
        let status = self.command(arguments).status().unwrap();
        assert!(status.success(), "scripts/kafka {}: {status}", arguments.join(" "));
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        let _ = self.command(&["down"]).status();
    }
}
