//! Runs the console examples of README and docs, and compares their output.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use ottla::testing::EmbeddedKafka;
use ottla_test_support::{folder::Folder, repository};

use crate::command::Start as _;

/// A command of an example, and its output.
struct Example {
    page: PathBuf,
    command: String,
    output: Vec<String>,
}

/// The examples of all pages, in order.
fn examples() -> Vec<Example> {
    let root = repository("");
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|page| page.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|page| page.extension().is_some_and(|extension| extension == "md")).collect();
    pages.sort();
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| root.join(page)));
    let mut found = Vec::new();
    for page in pages {
        let mut inside = false;
        for line in fs::read_to_string(&page).unwrap().lines() {
            match line {
                "```console" => inside = true,
                "```" => inside = false,
                _ if !inside => {}
                _ => {
                    if let Some(command) = line.strip_prefix("$ ") {
                        found.push(Example { page: page.clone(), command: command.to_owned(), output: Vec::new() });
                    } else {
                        let example: &mut Example = found.last_mut().unwrap();
                        match line.strip_prefix("> ").filter(|_| example.output.is_empty()) {
                            Some(more) => example.command.push_str(&format!("\n{more}")),
                            None => example.output.push(line.to_owned()),
                        }
                    }
                }
            }
        }
    }
    found
}

/// Masks what may differ between runs: durations, the distribution of records without a key, and the embedded broker's address.
fn comparable(line: &str, servers: &str) -> String {
    let line = line.replace(servers, "localhost:9092");
    let numbers = |text: &str| {
        let mut masked = String::new();
        for c in text.chars() {
            let c = if c.is_ascii_digit() { 'N' } else { c };
            if !(matches!(c, 'N' | ',' | '.') && masked.ends_with('N')) {
                masked.push(c);
            }
        }
        masked
    };
    if let Some((records, time)) = line.split_once(" in ").filter(|(_, rest)| rest.contains(" s: ")) {
        let (time, size) = time.rsplit_once(", ").unwrap();
        return format!("{records} in {}, {size}", numbers(time));
    }
    if line.starts_with("latency in ms: ") {
        return numbers(&line);
    }
    if line.starts_with("topic ") {
        let named = |text: &str, what: &str| match text.split_once(what) {
            Some((before, after)) => {
                let end = after.find(", ").unwrap_or(after.len());
                format!("{before}{what}…{}", &after[end..])
            }
            None => text.to_owned(),
        };
        return named(&named(&line, "brokers "), "cluster ");
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.len() == 4 && words.iter().all(|word| numbers(word) == "N") {
        return numbers(&words[..1].join(" ")) + &" N".repeat(3);
    }
    // The widths of a table's columns depend on rows that the example leaves out.
    words.join(" ")
}

#[test]
fn console_examples_print_the_documented_output() {
    let examples = examples();
    assert!(examples.len() >= 5, "{} examples", examples.len());
    let topics = ["orders", "load", "flights-AA", "flights-B6", "flights-UA"];
    let kafka = topics.iter().fold(EmbeddedKafka::builder(), |kafka, topic| kafka.topic(*topic, 1)).start().unwrap();
    let servers = kafka.bootstrap_servers();
    let folder = Folder::new();
    // The repository's files that the examples use, and a command that connects to this broker.
    let root = repository("");
    std::os::unix::fs::symlink(root.join("examples"), folder.path("examples")).unwrap();
    fs::create_dir(folder.path("bin")).unwrap();
    let program = env!("CARGO_BIN_EXE_ottla");
    let script = format!(
        "#!/bin/sh\ncase $1 in produce|consume|perf|topic) export OTTLA_BOOTSTRAP_SERVERS={servers};; esac\n\
         for word; do shift; [ \"$word\" != localhost:9092 ] || word={servers}; set -- \"$@\" \"$word\"; done\nexec {program} \"$@\"\n"
    );
    let path = folder.file("bin/ottla", script);
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut wrong = Vec::new();
    for Example { page, command, output } in &examples {
        let mut bash = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("OTTLA_") || name == "KAFKA_BOOTSTRAP_SERVERS" || name == "RUST_LOG")
            {
                bash.env_remove(name);
            }
        }
        let search = format!("{}:{}", folder.path("bin").display(), std::env::var("PATH").unwrap());
        let ran = bash
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(folder.path("."))
            .env("PATH", search)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .start()
            .wait_with_output()
            .unwrap();
        let printed = String::from_utf8(ran.stdout).unwrap();
        let comparable = |lines: &mut dyn Iterator<Item = &str>| lines.map(|line| comparable(line, servers)).collect::<Vec<_>>();
        let (is, should) = (comparable(&mut printed.lines()), comparable(&mut output.iter().map(String::as_str)));
        if is != should {
            wrong.push(format!("{}: $ {command}\nprints\n{printed}\nexpected\n{}", page.display(), output.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
