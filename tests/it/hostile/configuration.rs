//! Hostile configurations: the error is reported at once, with little memory.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use ottla::{
    Producer,
    config::{Format, ProducerConfig},
};

use ottla_test_support::folder::Folder;

use super::{Row, Table, chain};
use crate::own_process::{alone, peak_resident};

/// The limit of resident memory in bytes, including that of the test program.
const MAX_RESIDENT: usize = 160_000_000;

fn fifo(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn sparse(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path(name);
    File::create(&path).unwrap().set_len(1 << 30).unwrap();
    path
}

fn link(folder: &Folder, name: &str, to: &str) -> PathBuf {
    let path = folder.path(name);
    std::os::unix::fs::symlink(to, &path).unwrap();
    path
}

/// Files that are missing, special or endless.
fn files() -> Table {
    let folder = Folder::new();
    let mut table = Table::default();
    let shown = |path: &Path, text: String| text.replace(&path.display().to_string(), "FILE");
    for (input, path) in [
        ("${file:} of a directory", folder.path("")),
        ("${file:} of a missing file", folder.path("none")),
        ("${file:} of a FIFO without a writer", fifo(&folder, "fifo")),
        ("${file:} of /dev/zero", "/dev/zero".into()),
        ("${file:} of /proc/self/mem", "/proc/self/mem".into()),
        ("${file:} of 1 GiB", sparse(&folder, "sparse")),
        ("${file:} of a file that is not UTF-8", folder.file("binary", [0xff, 0xfe])),
    ] {
        let text = format!("bootstrap.servers=localhost:9092\nclient.id=${{file:{}}}\n", path.display());
        let error = ProducerConfig::from_str(&text, Format::Properties).unwrap_err().to_string();
        table.add(Row::refused(input, shown(&path, error)));
    }
    for (input, path) in [
        ("a configuration that is a directory", link(&folder, "folder.toml", "/")),
        ("a configuration that is a FIFO", fifo(&folder, "fifo.yaml")),
        ("a configuration that is /dev/zero", link(&folder, "zero.json", "/dev/zero")),
        ("a configuration of 1 GiB", sparse(&folder, "sparse.properties")),
    ] {
        let error = ProducerConfig::from_file(&path).unwrap_err().to_string();
        table.add(Row::refused(input, shown(&path, error)));
    }
    let path = fifo(&folder, "authority.pem");
    let text = format!(
        "bootstrap.servers=localhost:9092\nsecurity.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location={}\n",
        path.display()
    );
    // librdkafka would open it when the producer is built.
    let config = ProducerConfig::from_str(&text, Format::Properties).unwrap();
    let error = Producer::<str, str>::builder(config).build().unwrap_err();
    table.add(Row::refused("a certificate file that is a FIFO", chain(&error)));
    let many = folder.file("many", "x".repeat(100_000));
    let text = format!("client.id={}", format!("${{file:{}}}", many.display()).repeat(11));
    let error = ProducerConfig::from_str(&text, Format::Properties).unwrap_err().to_string();
    table.add(Row::refused("many placeholders for one large file", error));
    table
}

/// A text of about 1 MB, the most that is read: `part` repeated.
fn large(part: &str) -> String {
    part.repeat(1_000_000 / part.len())
}

/// A text of about 1 MB: `open` repeated, `inner`, `close` repeated.
fn nested(open: &str, inner: &str, close: &str) -> String {
    let times = 1_000_000 / (open.len() + close.len());
    open.repeat(times) + inner + &close.repeat(times)
}

/// Texts with deep nesting or many settings.
fn texts() -> Table {
    let mut table = Table::default();
    let numbered = |before: &str, between: &str, behind: &str| {
        (0..50_000).map(|n| format!("{before}{n}{between}")).collect::<String>() + behind
    };
    let aliases = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect::<String>();
    for (input, format, text) in [
        ("TOML: nested arrays", Format::Toml, format!("acks = {}", nested("[", "", "]"))),
        ("TOML: nested tables", Format::Toml, format!("acks = {}", nested("{a=", "1", "}"))),
        ("TOML: a key with half a million parts", Format::Toml, format!("{}a = 1", large("a."))),
        ("TOML: a table name with half a million parts", Format::Toml, format!("[{}a]\nb = 1", large("a."))),
        ("TOML: 50,000 unknown settings", Format::Toml, numbered("name.", " = 1\n", "")),
        ("JSON: nested arrays", Format::Json, format!("{{\"acks\": {}}}", nested("[", "", "]"))),
        ("JSON: nested objects", Format::Json, nested("{\"a\":", "1", "}")),
        ("JSON: 50,000 unknown settings", Format::Json, format!("{{{}}}", numbered("\"name.", "\": 1,\n", "\"b\": 1"))),
        ("YAML: nested sequences", Format::Yaml, format!("acks: {}", nested("[", "", "]"))),
        ("YAML: nested mappings", Format::Yaml, format!("acks: {}", nested("{a: ", "1", "}"))),
        ("YAML: nested block sequences", Format::Yaml, format!("acks:\n {}", large("- "))),
        ("YAML: nested aliases (billion laughs)", Format::Yaml, format!("a0: &a0 lol\n{aliases}acks: *a29\n")),
        ("YAML: 50,000 unknown settings", Format::Yaml, numbered("name.", ": 1\n", "")),
        (".properties: 50,000 unknown settings", Format::Properties, numbered("name.", "=1\n", "")),
        ("a duplicate setting", Format::Toml, "acks = \"all\"\n[producer]\nacks = \"1\"\nacks = \"all\"\n".to_owned()),
        ("a ${NAME} that is not set", Format::Toml, "client.id = \"${OTTLA_TEST_NONE}\"".to_owned()),
    ] {
        let error = ProducerConfig::from_str(&text, format).unwrap_err().to_string();
        let count = error.lines().count();
        assert!(count <= 102, "{input}: {count} lines of errors");
        table.add(Row::refused(input, error.lines().next_back().unwrap_or_default()));
    }
    table
}

#[test]
fn special_and_endless_files() {
    files().finish();
}

#[test]
fn deep_nesting_and_many_settings() {
    texts().finish();
}

#[test]
fn hostile_configurations_take_little_memory() {
    alone("hostile::configuration::hostile_configurations_take_little_memory", || {
        files();
        texts();
        let peak = peak_resident();
        println!("peak RSS {:.1} MB", peak as f64 / 1e6);
        assert!(peak < MAX_RESIDENT, "{peak}");
    });
}
