//! What `scripts/kafka` says when Docker is missing, broken, or starts something else than it should. The `docker` of these tests is a script.
#![cfg(unix)]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::{Command, Output},
    thread,
};

use ottla_test_support::repository;
use tempfile::TempDir;

/// A machine with a Docker daemon and the images, as far as `scripts/kafka` asks. Lines before these override them.
const WORKING: &str = r#"
    "version --format"*) echo 28.0.0 ;;
    "compose version --short") echo 2.40.0 ;;
    "compose version"*) ;;
    "compose -p "*" config") ;;
    "compose -p "*" up -d "*) ;;
    "image inspect "*) ;;
    "ps -aq "*) [[ -e $0.removed ]] || echo 0123456789ab ;;
    "port 0123456789ab 9092") echo "127.0.0.1:$KAFKA_PORT" ;;
    "inspect -f {{range .Config.Env}}"*) echo "KAFKA_ADVERTISED_LISTENERS=HOST://127.0.0.1:$KAFKA_PORT,INTERNAL://kafka:19092" ;;
    "inspect -f {{.State.StartedAt}}"*) echo 2026-01-01T00:00:00Z ;;
    "inspect -f {{.State.Status}}, exit code"*) echo "running, exit code 0" ;;
    "logs --since "*) echo "Kafka Server started" ;;
    "rm -fv 0123456789ab") touch "$0.removed" ;;
    "logs "* | "ps "* | "network "* | "volume "* | "inspect "*) ;;
    *) echo "unexpected: docker $*" >&2; exit 99 ;;
"#;

/// A machine on which `docker` answers as the cases of a shell's `case` say.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new(cases: &str) -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        machine.program("docker", &format!("case \"$*\" in\n{cases}\n{WORKING}\nesac"));
        machine
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::write(&file, format!("#!/bin/bash\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_path(arguments, &format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap()))
    }

    fn run_with_path(&self, arguments: &[&str], path: &str) -> Output {
        let mut command = Command::new(repository("scripts/kafka"));
        for name in ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_WITH", "KAFKA_VERSION", "DOCKER_HOST"] {
            command.env_remove(name);
        }
        command.args(arguments).env("PATH", path).env("KAFKA_STATE", self.state());
        command.env("DOCKER_STATE", self.folder.path().join("docker-state")).output().unwrap()
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What `scripts/kafka which` prints: the Kafka that `up` would use.
    fn way(&self, options: &[&str]) -> String {
        let output = self.run(&[&["which"], options].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asserts that `up` fails with this message and leaves nothing.
    fn assert_up_fails(&self, options: &[&str], message: &str) {
        let output = self.run(&[&["up"], options].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.lines().any(|line| line.contains(message)), "{message}\nis not in\n{said}");
        assert!(!self.state().join("mode").exists(), "{said}");
    }

    /// The containers of the machine were removed.
    fn removed(&self) -> bool {
        self.folder.path().join("docker.removed").exists()
    }
}

/// Asserts that an obstacle leads to the jars by default, and to an error with `--with compose`; both say what it is.
fn assert_obstacle(machine: &Machine, obstacle: &str) {
    let way = machine.way(&[]);
    assert!(
        way.contains("using the jars of Apache Kafka ") && way.contains(&format!(": no docker compose: {obstacle}")),
        "{way}"
    );
    assert_eq!(way.lines().count(), 1, "{way}");
    machine.assert_up_fails(&["--with", "compose"], &format!("docker compose cannot be used: {obstacle}"));
}

#[test]
fn a_daemon_with_the_images_is_used() {
    let way = Machine::new("").way(&[]);
    assert!(way.contains("using docker compose: a Docker daemon answers at its default address, and it has the images"), "{way}");
}

#[test]
fn options_that_only_the_jars_have_are_an_obstacle() {
    for options in [&["--set", "a=b"][..], &["--secure"], &["--listener", "a:1"]] {
        let way = Machine::new("").way(options);
        assert!(way.contains("no docker compose: --set, --listener and --secure work only with the jars"), "{way}");
    }
}

#[test]
fn no_docker_is_an_obstacle() {
    let machine = Machine::new("");
    let bin = machine.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["bash", "cat", "dirname", "env", "mkdir", "sed", "cksum", "cut"] {
        let found =
            std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|path| path.join(name)).find(|file| file.exists());
        symlink(found.unwrap(), bin.join(name)).unwrap();
    }
    let output = machine.run_with_path(&["which"], bin.to_str().unwrap());
    assert!(String::from_utf8_lossy(&output.stdout).contains("no docker compose: docker is not installed"), "{output:?}");
}

#[test]
fn no_daemon_is_an_obstacle() {
    let machine =
        Machine::new(r#""version "*) echo "Cannot connect to the Docker daemon at unix:///x. Is it running?" >&2; exit 1 ;;"#);
    assert_obstacle(&machine, "no Docker daemon answers at its default address");
}

#[test]
fn a_daemon_without_permission_is_an_obstacle() {
    let machine = Machine::new(
        r#""version "*) echo "permission denied while trying to connect to the docker API at unix:///x" >&2; exit 1 ;;"#,
    );
    let way = machine.way(&[]);
    assert!(way.contains("has no permission to use the Docker daemon at its default address"), "{way}");
}

#[test]
fn a_broken_daemon_is_an_obstacle() {
    let machine = Machine::new(r#""version "*) echo "Error response from daemon: the disk is on fire" >&2; exit 1 ;;"#);
    assert_obstacle(&machine, "the Docker daemon at its default address fails: Error response from daemon: the disk is on fire");
}

#[test]
fn no_compose_is_an_obstacle() {
    let machine = Machine::new(r#""compose version"*) exit 1 ;;"#);
    machine.program("docker-compose", "echo 1.25.0");
    assert_obstacle(&machine, "docker-compose has version 1.25.0, but docker-compose.yml needs 1.28 or newer");
}

#[test]
fn an_invalid_file_is_an_obstacle() {
    let machine = Machine::new(
        r#""compose -p "*" config") echo "services.kafka additional properties 'prots' not allowed" >&2; exit 15 ;;"#,
    );
    assert_obstacle(&machine, "docker-compose.yml is not valid: services.kafka additional properties 'prots' not allowed");
}

#[test]
fn images_that_cannot_be_pulled_are_an_obstacle() {
    let machine = Machine::new(
        r#""image inspect "*) exit 1 ;;
        "pull -q "*) echo "Error response from daemon: no such host" >&2; exit 1 ;;"#,
    );
    assert_obstacle(&machine, "the image apache/kafka:");
    let way = machine.way(&[]);
    assert!(way.contains(" cannot be pulled (no such host): use the daemon of scripts/docker up, which builds it here"), "{way}");
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let machine = Machine::new(
        r#""compose -p "*" up -d "*) echo "Bind for 127.0.0.1:$KAFKA_PORT failed: port is already allocated" >&2; exit 1 ;;"#,
    );
    machine.assert_up_fails(
        &["--with", "compose", "--port", "9092"],
        "a port from 9092 to 9092 is in use: use another --port, or none",
    );
    assert!(machine.removed());
    machine.assert_up_fails(&["--with", "compose"], "another process has taken a port, retrying with other ports");
}

#[test]
fn a_container_that_has_ended_is_not_waited_for() {
    let machine = Machine::new(
        r#""logs --since "*) ;;
        "inspect -f {{.State.Status}}, exit code"*) echo "exited, exit code 1" ;;
        "logs --tail "*) echo "Invalid maximum heap size" ;;"#,
    );
    machine.assert_up_fails(&["--with", "compose"], "the container of kafka has ended (exited, exit code 1)");
    assert!(machine.removed());
}

#[test]
fn ports_that_were_changed_in_the_file_are_named() {
    let machine = Machine::new(r#""port 0123456789ab 9092") echo 127.0.0.1:9999 ;;"#);
    machine.assert_up_fails(
        &["--with", "compose"],
        "docker-compose.yml publishes port 9092 of kafka at 9999, not at the port in the environment",
    );
    assert!(machine.removed());
    let machine =
        Machine::new(r#""inspect -f {{range .Config.Env}}"*) echo "KAFKA_ADVERTISED_LISTENERS=HOST://127.0.0.1:9999,X" ;;"#);
    machine.assert_up_fails(&["--with", "compose"], "docker-compose.yml tells clients of another port of kafka than ");
    assert!(machine.removed());
}

#[test]
fn an_unknown_way_is_refused() {
    Machine::new("").assert_up_fails(&["--with", "podman"], "--with podman: must be jars or compose");
}

/// `up` with the jars of a version, on a machine whose Maven cannot download any.
fn up_of_version(version: &str) -> String {
    let machine = Machine::new("");
    machine.program(
        "mvn",
        r#"echo "[ERROR] Failed to execute goal: Could not find artifact kafka:$3 in central -> [Help 1]"; exit 1"#,
    );
    machine.program("java", r#"echo 'openjdk version "17.0.15"' >&2"#);
    machine.program("openssl", "");
    let mut command = Command::new(repository("scripts/kafka"));
    command.args(["up", "--with", "jars"]).env_remove("KAFKA_BOOTSTRAP_SERVERS").env("KAFKA_STATE", machine.state());
    command.env("PATH", format!("{}:{}", machine.folder.path().display(), std::env::var("PATH").unwrap()));
    let output = command.env("KAFKA_VERSION", version).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(fs::read_dir(machine.state()).unwrap().count(), 0, "{output:?}");
    String::from_utf8(output.stderr).unwrap().lines().last().unwrap().to_owned()
}

#[test]
fn a_version_that_does_not_exist_is_named_with_mavens_reason() {
    let said = up_of_version("9.9.9");
    assert!(said.starts_with("scripts/kafka: Maven cannot resolve the jars of Apache Kafka 9.9.9 "), "{said}");
    assert!(said.ends_with(": Could not find artifact kafka:-ntp in central"), "{said}");
}

#[test]
fn a_version_that_cannot_be_started_is_refused() {
    assert!(up_of_version("nonsense").starts_with("scripts/kafka: KAFKA_VERSION is nonsense: must be a version such as "));
    assert_eq!(up_of_version("2.7.2"), "scripts/kafka: KAFKA_VERSION is 2.7.2: must be 2.8.0 or newer");
}

/// Docker accepts connections to a published port before the container listens, and closes them.
#[test]
fn a_port_that_closes_its_connections_is_no_registry() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || listener.incoming().for_each(drop));
    let script = "source \"$1\"; for n in {1..200}; do ! registry_answers \"$2\" || exit 9; done; echo asked";
    let jars = repository("scripts/kafka.d/jars.bash");
    let output = Command::new("bash").args(["-c", script, "bash"]).arg(jars).arg(port).output().unwrap();
    assert_eq!(output.stdout, b"asked\n", "{output:?}");
}

/// The text between two others in a file of the repository.
fn between(file: &str, before: &str, after: &str) -> String {
    let text = fs::read_to_string(repository(file)).unwrap();
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{file} has no {before}"));
    rest.split_once(after).unwrap().0.to_owned()
}

#[test]
fn images_have_the_versions_of_the_jars() {
    for (image, element) in [("apache/kafka:", "kafka.version"), ("apicurio/apicurio-registry-mem:", "registry.version")] {
        let jars = between("scripts/kafka.pom.xml", &format!("<{element}>"), "<");
        assert_eq!(
            between("docker-compose.yml", image, "\n"),
            jars,
            "{image} in docker-compose.yml, {element} in scripts/kafka.pom.xml"
        );
    }
    let test = between("examples/dockerized/tests/orders.rs", "with_tag(\"", "\"");
    assert_eq!(test, between("docker-compose.yml", "apache/kafka:", "\n"), "examples/dockerized");
}
