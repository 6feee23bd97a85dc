//! [`Arguments`]: the command line.

mod help_texts;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ottla_schema_registry::SchemaType;

use crate::{
    exit::{Exit, Failure, written},
    input::{Format, Keep},
    monitoring::MetricsAddress,
    pace::Rate,
    perf::PerfArguments,
};
use help_texts::{
    CHECK_EXAMPLES, CHECKPOINT_EXAMPLES, CHECKPOINTS, CONSUME_EXAMPLES, EXIT_CODES, PERF_EXAMPLES, PERF_EXIT_CODES,
    PRODUCE_EXAMPLES, SCHEMA_EXAMPLES, SCHEMA_EXIT_CODES, SOURCES, TOPIC_EXAMPLES, TRANSACTIONS,
};

/// A Kafka producer driven by configuration files.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, after_help = EXIT_CODES, max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sends every record of a file or of stdin, and reports the outcome of each.
    #[command(after_help = format!("{PRODUCE_EXAMPLES}\n\n{SOURCES}\n\n{TRANSACTIONS}\n\n{CHECKPOINTS}\n\n{EXIT_CODES}"))]
    Produce(ProduceArguments),
    /// Writes the records of a topic to stdout.
    #[command(after_help = format!("{CONSUME_EXAMPLES}\n\n{SOURCES}"))]
    Consume(ConsumeArguments),
    /// Sends generated records, and reports throughput and latency.
    #[command(after_help = format!("{PERF_EXAMPLES}\n\n{PERF_EXIT_CODES}"))]
    Perf(PerfArguments),
    /// Shows and resets checkpoints: how far `produce` has read its inputs.
    #[command(after_help = format!("{CHECKPOINT_EXAMPLES}\n\n{SOURCES}"))]
    Checkpoint(CheckpointArguments),
    /// Describes topics.
    #[command(after_help = format!("{TOPIC_EXAMPLES}\n\n{SOURCES}"))]
    Topic(TopicArguments),
    /// Checks and explains configuration files, without a broker.
    #[command(after_help = format!("{CHECK_EXAMPLES}\n\n{SOURCES}"))]
    Config(ConfigArguments),
    /// Checks and registers schemas in a schema registry.
    #[command(after_help = format!("{SCHEMA_EXAMPLES}\n\n{SOURCES}\n\n{SCHEMA_EXIT_CODES}"))]
    Schema(SchemaArguments),
    /// Asks a run with --metrics whether it is healthy: exit code 0 if it is, 1 if not.
    Health {
        /// Where it serves its metrics: HOST:PORT, or a port of this machine.
        #[arg(default_value = "9400")]
        address: String,
    },
    /// Writes a completion script for a shell to stdout.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Writes the manual pages into a folder.
    Man {
        /// The folder, which must exist.
        folder: PathBuf,
    },
}

/// Where settings come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct SettingsArguments {
    /// The configuration file: .toml, .yaml, .json, or Java's .properties. It can be left out with -b.
    #[arg(short, long = "config", value_name = "FILE", required_unless_present = "bootstrap_servers")]
    config: Option<PathBuf>,
    /// The brokers; overrides bootstrap.servers of every other source.
    #[arg(short, long, value_name = "HOST:PORT,..")]
    bootstrap_servers: Option<String>,
    /// Sets a setting; overrides every other source but -b. consumer.NAME or producer.NAME sets it for that client only. May be
    /// repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Refuses what is otherwise a warning: settings without effect, such as those of a consumer in a producer's file, or with a surprising
    /// one.
    #[arg(long)]
    pub(crate) strict: bool,
}

impl SettingsArguments {
    /// The configuration file, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The configuration's name in messages.
    pub(crate) fn place(&self) -> &Path {
        self.file().unwrap_or(Path::new("the configuration file"))
    }

    /// The settings of the flags, as `--set` has them.
    pub(crate) fn set(&self) -> Vec<String> {
        let servers = self.bootstrap_servers.iter().map(|servers| format!("bootstrap.servers={servers}"));
        self.set.iter().cloned().chain(servers).collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct ProduceArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// The topic; overrides the file's.
    #[arg(short, long)]
    pub(crate) topic: Option<String>,
    /// The inputs, read in this order: .csv, .tsv, .jsonl, .json or .txt files, also compressed (.gz, .zst, .xz, .lz4), folders, patterns such
    /// as 'data/*.csv' (files sorted by name), or - for stdin; override the file's. May be repeated. With no input named, stdin is read
    /// if it is a pipe or a file, and always if there is no configuration file.
    #[arg(long, value_name = "FILE|-", num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// Reads on at the end of the files until Ctrl-C or SIGTERM, which end the run with exit code 0: what is appended, the files that replace
    /// them (rotation), and new files of a folder or a pattern. The same as `follow = true` in [input].
    #[arg(long)]
    pub(crate) follow: bool,
    /// The format of the input; overrides the one that follows from the file's name. dead-letters: the records of dead-letter files,
    /// each read as its input was.
    #[arg(long, value_name = "lines|jsonl|json|csv|avro|record|dead-letters")]
    pub(crate) format: Option<Format>,
    /// With the format record, what a record keeps beside key, value, headers and timestamp: `partition` (the default), `topic`,
    /// `topic,partition` or `none`; overrides the file's. `topic` requires `topics` in [record].
    #[arg(long, value_name = "topic,partition|none")]
    pub(crate) keep: Option<Keep>,
    /// The column or JSON field to take keys from; overrides the file's.
    #[arg(long, value_name = "FIELD", conflicts_with = "key")]
    pub(crate) key_field: Option<String>,
    /// The key of every record; overrides the file's.
    #[arg(short, long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The text between the key and the value of a line; `\t` and `\x7c` are characters. A line without it has no key. The same as
    /// `parse_key`, `key_separator` and, unless `parse_headers` is set, `ignore_error` in [input].
    #[arg(short = 'K', long, value_name = "TEXT", conflicts_with = "key")]
    pub(crate) key_separator: Option<String>,
    /// Adds a header to every record; replaces the file's header of the same name. May be repeated.
    #[arg(short = 'H', long, value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,
    /// The partition of every record; overrides the file's.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,
    /// Sends empty values as null, besides those that `tombstone_markers` in [record] names.
    #[arg(short = 'Z', long)]
    pub(crate) null_empty: bool,
    /// Starts a broker inside the process, produces to it, reads all records back and compares them. Needs no Kafka.
    #[arg(long)]
    pub(crate) embedded: bool,
    /// The file to append unacknowledged records to, or - for stdout: one JSON object per line, with the record, its line, and
    /// the kind and message of the error.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) dead_letter: Option<PathBuf>,
    /// Stops after this many records.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Writes the first N records to stdout as they would be sent, one JSON object per line, and sends nothing. Needs no broker. Keys and
    /// values are shown before they are serialized.
    #[arg(
        long,
        value_name = "N",
        conflicts_with_all = ["embedded", "dead_letter", "limit", "metrics", "rate", "transaction_records", "report"]
    )]
    pub(crate) dry_run: Option<u64>,
    /// Serves metrics for Prometheus at /metrics and the health of the run at /healthz, on this port of 127.0.0.1 or this address; overrides
    /// `address` of [metrics].
    #[arg(long, value_name = "[HOST:]PORT")]
    pub(crate) metrics: Option<MetricsAddress>,
    /// Sends at most this many records per second.
    #[arg(long, value_name = "N/s")]
    pub(crate) rate: Option<Rate>,
    /// With transactional.id: also commits after every N records, so that an abort affects only the records since the last
    /// commit.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) transaction_records: Option<u64>,
    /// The report: text on stderr, or one JSON object on stdout.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) report: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumeArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// The topic; overrides the file's.
    #[arg(short, long)]
    pub(crate) topic: Option<String>,
    /// Starts at the earliest available record instead of at the end of the topic.
    #[arg(long)]
    pub(crate) from_beginning: bool,
    /// Stops after this many records.
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// Stops after this long without a record. Without --idle and --max it runs until Ctrl-C.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) idle: Option<std::time::Duration>,
    /// jsonl: one object per record; bytes that are not UTF-8 are base64, marked by `key_encoding`, `value_encoding` or
    /// `encoding`. record: the same with all bytes as they are, for `ottla produce --format record`; data with a schema is not decoded.
    /// lines: only the value.
    #[arg(long, value_enum, default_value_t = OutputFormat::Jsonl)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Jsonl,
    Record,
    Lines,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Lists all errors in configuration files, and in the input and schemas that they name.
    Check {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Refuses what is otherwise a warning: settings without effect, such as those of a consumer in a producer's file, or with a
        /// surprising one.
        #[arg(long)]
        strict: bool,
    },
    /// Shows each setting's value, its origin, the librdkafka property it becomes, and the defaults of Java and librdkafka.
    Explain {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Sets a setting; overrides every other source. consumer.NAME or producer.NAME sets it for that client only. May be
        /// repeated.
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TopicArguments {
    #[command(subcommand)]
    pub(crate) command: TopicCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Shows a topic's partitions with their leader, replicas and in-sync replicas, and the configurations that the topic sets itself.
    Describe {
        #[command(flatten)]
        settings: SettingsArguments,
        /// The topic; overrides the file's.
        #[arg(short, long)]
        topic: Option<String>,
        /// Writes a JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArguments {
    #[command(subcommand)]
    pub(crate) command: CheckpointCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Shows the line and the byte where each input continues.
    Show {
        #[command(flatten)]
        settings: SettingsArguments,
        /// The report: text, or one JSON object.
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        report: ReportFormat,
    },
    /// Deletes checkpoints, so that the inputs are sent from their beginning. With a checkpoint topic, a run with the same transactional.id
    /// that is still going ends.
    Reset {
        #[command(flatten)]
        settings: SettingsArguments,
        /// The inputs. Defaults to all. May be repeated.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        input: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    #[command(subcommand)]
    pub(crate) command: SchemaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Tests whether a schema is compatible with the versions registered under a subject.
    Check(SchemaFile),
    /// Registers a schema under a subject if it is not there yet, and prints its id and version.
    Register(SchemaFile),
}

#[derive(Debug, Args)]
pub(crate) struct SchemaFile {
    /// The schema.
    #[arg(value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// The subject, such as orders-value for the values of the topic orders.
    #[arg(long)]
    pub(crate) subject: String,
    /// The schema language; overrides the one that follows from the file's name (.avsc, .proto, .json).
    #[arg(long = "type", value_name = "avro|protobuf|json-schema", value_parser = schema_type)]
    pub(crate) kind: Option<SchemaType>,
    /// A schema that this one imports: the name it is imported by (an import path, an Avro full name, the URL of a $ref), and the
    /// subject it is registered under. VERSION defaults to the latest. May be repeated.
    #[arg(long, value_name = "NAME=SUBJECT[:VERSION]", value_parser = reference)]
    pub(crate) reference: Vec<Reference>,
    /// The URL of the registry; overrides the file's schema.registry.url.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// A configuration file with the registry's settings: .toml, .yaml, .json, or Java's .properties.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sets a setting; overrides every other source. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// A schema that another schema imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) subject: String,
    /// `None` means the latest.
    pub(crate) version: Option<i32>,
}

fn schema_type(name: &str) -> Result<SchemaType, String> {
    match name {
        "avro" => Ok(SchemaType::Avro),
        "protobuf" => Ok(SchemaType::Protobuf),
        "json-schema" => Ok(SchemaType::Json),
        _ => Err("must be one of avro, protobuf, json-schema".to_owned()),
    }
}

fn reference(text: &str) -> Result<Reference, String> {
    let (name, place) = text.split_once('=').ok_or("missing `=`: expected NAME=SUBJECT or NAME=SUBJECT:VERSION")?;
    let (subject, version) = match place.rsplit_once(':') {
        Some((subject, version)) => (subject, Some(version.parse().map_err(|_| "the version must be a number")?)),
        None => (place, None),
    };
    if name.is_empty() || subject.is_empty() {
        return Err("expected NAME=SUBJECT or NAME=SUBJECT:VERSION".to_owned());
    }
    Ok(Reference { name: name.to_owned(), subject: subject.to_owned(), version })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("missing `=`: expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0);
    seconds
        .and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be a number of seconds, such as 2 or 0.5".to_owned())
}

/// Writes the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "ottla", &mut script);
    written(io::stdout().lock().write_all(&script))
}

/// Writes a manual page for the command and one for each subcommand.
pub(crate) fn manual(folder: &Path) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| Failure::usage(format!("cannot write the manual pages to {}: {error}", folder.display())))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn references_are_parsed() {
        let read = |text| reference(text).map(|Reference { name, subject, version }| (name, subject, version));
        let wanted = |version| Ok(("shop/a.proto".to_owned(), "a-value".to_owned(), version));
        assert_eq!(read("shop/a.proto=a-value"), wanted(None));
        assert_eq!(read("shop/a.proto=a-value:3"), wanted(Some(3)));
        for wrong in ["", "a", "=a", "a=", "a=b:x"] {
            assert!(reference(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seconds_are_parsed() {
        assert_eq!(seconds("0.5"), Ok(std::time::Duration::from_millis(500)));
        for wrong in ["", "-1", "inf", "NaN", "1e300", "two"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
