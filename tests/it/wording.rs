//! Searches every text that people read for wordings that were replaced, and for phrases of the same kind.
//!
//! The texts are compared in lower case, with line breaks and comment marks removed, so that a phrase is found across lines.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A wording that must not return, and what to write instead.
const OLD: &[(&str, &str)] = &[
    ("in silence", "silently; no silent loss"),
    ("it can be watched", "observability"),
    ("was done with when it asked for more", "the records returned by earlier polls"),
    ("if it likes", "or supply ..."),
    ("do not let in", "authentication failures; refuse"),
    ("stands in a registry", "is stored in a registry"),
    ("nothing is asked", "the id is cached"),
    ("a text becomes", "strings are converted"),
    ("ottla has not", "not supported"),
    ("there are no rules", "rules are not supported"),
    ("want a new client", "require a new client"),
    ("takes as much longer", "is delayed by the same amount"),
    ("in one of four hands", "has exactly one owner at a time"),
    ("has it already cannot know it", "cannot detect the duplicate"),
    ("brokers that are none", "endpoints that are not Kafka brokers"),
    ("settings that are none", "unknown settings"),
    ("harmed on", "corrupted"),
    ("the second of the two", "the side that releases last"),
    ("overtakes nobody", "cannot overtake a waiter"),
    ("of before the fork", "created before `fork`"),
    ("does nothing any more", "returns `Closed`"),
    ("mends by itself", "recovers from"),
    ("hands on its", "forwards"),
    ("as the author may think", "without effect, or with a surprising one"),
    ("says who it is", "the SASL mechanism; authenticates"),
    ("pass the record over", "skip the record"),
    ("passed over", "skipped"),
    ("here reading stopped", "stopped after ... errors"),
    ("stands twice", "duplicate"),
    ("is none of", "must be one of"),
    ("is another process's", "was created before fork()"),
    ("name is not empty", "must not be empty"),
    ("last trouble", "last broker error"),
    ("trouble with a broker", "broker error"),
    ("nobody waited for", "was not awaited"),
    ("stand in each other", "are nested"),
    ("in each other", "nested"),
    ("reads for nobody", "requires a group.id"),
    ("count together or not at all", "transactions"),
    ("was seen once", "has been observed once"),
    ("nothing but a pause", "a pause"),
    ("of one's own", "custom; your own"),
    ("in the box", "built in"),
    ("way on is", "build a new ..."),
    ("is let in", "is accepted"),
    ("are let in", "are admitted"),
    ("not let it in", "refuse it"),
    ("for ever", "forever"),
    ("may stand", "is allowed"),
    ("goes missing", "is missing"),
    ("held against", "compared with"),
    ("hold against", "compare with"),
    ("its own affair", "the caller's decision"),
    ("does not let this client in", "authentication failed"),
    ("look whether", "check whether"),
    ("told of", "reported"),
    ("leave one out", "remove one"),
    ("; leave it out", "; remove it"),
    ("no use for it", "is not used"),
    ("what failed is in", "failed records are in"),
    ("nor what is behind it", "nor what follows it"),
    ("is said once", "is logged once"),
    ("has none of its own", "has no ... itself"),
    ("in its stead", "instead"),
    ("past somebody", "through a proxy"),
    ("meddler", "a proxy"),
    ("are to be had", "are available"),
    ("whose time is over", "whose timeout has expired"),
    ("lets go of", "releases"),
    ("let go", "release"),
    ("under way", "in flight; in progress"),
    ("be it", "whether"),
    ("the rather", "rather"),
    ("all the same", "anyway"),
    ("anew", "again"),
    ("of which", "split the sentence"),
    ("whoever", "a noun"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("stands", "is"),
];

/// Names that were replaced, as whole identifiers.
const OLD_NAMES: &[(&str, &str)] = &[
    ("stranger", "unknown_setting"),
    ("native_name", "librdkafka_property"),
    ("secrecy", "redaction"),
    ("witness", "callbacks"),
    ("broker_words", "broker_message"),
    ("hand_over", "record_queue"),
    ("parking", "block_on"),
    ("troubles", "broker_errors"),
    ("unfinished", "pending_serialization"),
];

/// What is searched, from the repository's root.
const SEARCHED: &[&str] = &[
    ".ci",
    ".github",
    "bench",
    "crates",
    "docs",
    "examples",
    "fuzz",
    "scripts",
    "src",
    "tests",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "docker-compose.yml",
];

#[test]
fn no_text_has_an_old_wording() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for searched in SEARCHED {
        collect(&root.join(searched), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    let mut found = Vec::new();
    for path in files {
        let name = path.strip_prefix(root).unwrap();
        if name.ends_with("tests/it/wording.rs") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (line, old, new) in old_wordings(&text) {
            found.push(format!("{}:{line}: \"{old}\": write \"{new}\" or the like", name.display()));
        }
    }
    assert!(found.is_empty(), "{} old wordings:\n{}", found.len(), found.join("\n"));
}

/// The files of a folder that people write and read: no data, no lists that programs make.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        if !matches!(&*name, "target" | "corpus" | "data" | "results") {
            let entries = fs::read_dir(path).unwrap();
            entries.for_each(|entry| collect(&entry.unwrap().path(), files));
        }
    } else if path.is_file() && !matches!(path.extension().and_then(|it| it.to_str()), Some("lock" | "sum" | "json" | "svg")) {
        files.push(path.to_owned());
    }
}

/// The old wordings of a text: line, wording, what to write instead.
fn old_wordings(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let (joined, starts) = joined(text);
    let mut found = Vec::new();
    for &(old, new) in OLD.iter().chain(OLD_NAMES) {
        for (at, _) in joined.match_indices(old) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            if !joined[..at].ends_with(is_word) && !joined[at + old.len()..].starts_with(is_word) {
                found.push((starts.partition_point(|&start| start <= at), old, new));
            }
        }
    }
    found
}

/// The text as one line in lower case, without the marks of comments, and where in it each line begins.
fn joined(text: &str) -> (String, Vec<usize>) {
    let mut joined = String::with_capacity(text.len());
    let mut starts = Vec::new();
    for line in text.lines() {
        starts.push(joined.len());
        let line = line.trim_start().trim_start_matches(['/', '!', '#', '*', '>']);
        for word in line.split_whitespace() {
            joined.push_str(&word.to_lowercase());
            joined.push(' ');
        }
    }
    (joined, starts)
}

#[test]
fn an_old_wording_is_found_across_lines_and_only_as_whole_words() {
    let text = "//! A setting that\n//! Stands  here is\n//! none of these.\nlet amended = 1;\n";
    assert_eq!(
        old_wordings(text).into_iter().map(|(line, old, _)| (line, old)).collect::<Vec<_>>(),
        [(2, "is none of"), (2, "stands")]
    );
    assert!(old_wordings("let understands = recommends(whoever_it_is);").is_empty());
    assert_eq!(old_wordings("mod witness;").len(), 1);
}
