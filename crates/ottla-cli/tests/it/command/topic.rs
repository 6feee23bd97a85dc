//! The table `[topic]` in `ottla config check` and `ottla config explain`.

use ottla_test_support::folder::Folder;

use super::{run, run_with_stdin};
use crate::arguments;

const HEAD: &str = "[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n";

#[test]
fn mistakes_are_found_before_the_brokers_are_asked() {
    let folder = Folder::new();
    for (settings, error) in [
        ("[topic]\npartitions = 0\n", "job.toml:4: topic.partitions: must be a number of partitions, at least 1, but is \"0\""),
        ("[topic]\npartition = 3\n", "job.toml:4: topic.partition: unknown setting; did you mean topic.partitions?"),
        ("[topic]\nname = \"a b\"\n", "job.toml:4: topic.name: must have only ASCII letters"),
        (
            "[record]\ntopic = \"a\"\n[topic]\nname = \"b\"\n",
            "job.toml:4: record.topic: the file also has the setting topic; remove one of them",
        ),
        (
            "[input]\nformat = \"jsonl\"\n[record]\ntopic = \"{a}\"\ntopics = [\"b\", \"c-*\"]\n[topic]\ncreate = true\n",
            "job.toml:9: topic.create: the topics of the pattern c-* in record.topics are not known; list each topic by its name",
        ),
    ] {
        let file = folder.file("job.toml", format!("{HEAD}{settings}"));
        run(arguments!["config", "check", file]).with(2).saying(&[error]);
        run_with_stdin(arguments!["produce", "-c", file, "--input", "-"], b"").with(2).saying(&[error]);
    }
}

#[test]
fn settings_are_explained_with_their_lines() {
    let folder = Folder::new();
    let settings = "[topic]\nname = \"orders\"\ncreate = true\nconfig.retention.ms = -1\n";
    let file = folder.file("job.toml", format!("{HEAD}{settings}"));
    let ended = run(arguments!["config", "explain", file]).with(0);
    for part in ["[topic]", "\"orders\"", "job.toml:5", "config.retention.ms", "\"-1\""] {
        assert!(ended.stdout.contains(part), "{part} in {}", ended.stdout);
    }
}

#[test]
fn a_topic_to_describe_must_be_named() {
    run(["topic", "describe", "-b", "127.0.0.1:1"]).with(2).saying(&["no topic: pass --topic"]);
}
