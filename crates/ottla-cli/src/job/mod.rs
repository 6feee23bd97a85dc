//! [`Job`]: the command's own settings in a configuration file, beside the clients' settings.

mod escapes;
mod names;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use ottla::config::{HostSetting, Origin, host_settings};

use crate::{
    aligned_table::aligned,
    args::ProduceArguments,
    checkpoint::CheckpointSettings,
    encoding::Encoding,
    input::{Format, INPUT_SETTINGS, InputSetting, InputSettings},
    inputs::InputPath,
    monitoring::MetricsAddress,
    record::{self, RecordSettings},
    topic::TopicSettings,
    typed::Unknown,
};
pub(crate) use escapes::unescaped;
use names::{INPUT, REGISTRY, is_known, registry_setting, unknown};

/// The command's own settings: topic, input, and encodings of keys and values. All are optional.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// `topic`.
    pub(crate) topic: Option<String>,
    /// `input.path`: the files, folders and patterns. A relative path starts at the configuration file's folder.
    pub(crate) inputs: Vec<InputPath>,
    /// `input.format`.
    pub(crate) format: Option<Format>,
    /// `input.key`: the field to take keys from.
    pub(crate) key_field: Option<String>,
    /// The table `input`: dialect and encoding.
    pub(crate) input_settings: InputSettings,
    /// The table `key`.
    pub(crate) key: PartJob,
    /// The table `value`.
    pub(crate) value: PartJob,
    /// The table `record`.
    pub(crate) record: RecordSettings,
    /// The table `checkpoint`.
    pub(crate) checkpoint: CheckpointSettings,
    /// `metrics.address`.
    pub(crate) metrics: Option<MetricsAddress>,
    /// The table `topic`.
    pub(crate) new_topic: TopicSettings,
    /// `schema.registry`: the registry's settings by their own names, with their origin.
    pub(crate) registry: Vec<(String, String, Origin)>,
}

/// How keys or values are encoded.
#[derive(Debug, Default)]
pub(crate) struct PartJob {
    /// `serializer`.
    pub(crate) encoding: Option<Encoding>,
    /// `schema`: the schema file; a relative path starts at the configuration file's folder. Without it the registry's latest
    /// version is used.
    pub(crate) schema: Option<PathBuf>,
    /// `message`: the full name of a Protobuf message. Defaults to the first message of the file.
    pub(crate) message: Option<String>,
    /// `unknown`: how to handle fields that the schema does not have.
    pub(crate) unknown: Unknown,
}

/// The number of errors to report for one file before the rest is dropped.
const MAX_PROBLEMS: usize = 100;

impl Job {
    /// Reads the settings outside the tables `producer` and `consumer`. Errors are added to `problems`. A file that cannot be
    /// read is reported where the producer's settings are read.
    pub(crate) fn from_file(file: &Path, problems: &mut Vec<String>) -> Self {
        let mut job = Self { record: RecordSettings::of(file), checkpoint: CheckpointSettings::of(file), ..Self::default() };
        job.new_topic = TopicSettings::of(file);
        let mut seen = HashSet::new();
        for setting in host_settings(file).unwrap_or_default() {
            if problems.len() > MAX_PROBLEMS {
                break;
            }
            let is_new = seen.insert(setting.name().to_owned());
            if let Err(message) = if is_new { job.put(file, &setting) } else { Err("duplicate key".to_owned()) } {
                let message = as_written(message, &setting);
                problems.push(format!("{}:{}: {}: {message}", file.display(), setting.line(), setting.name()));
            }
        }
        match (&job.new_topic.name, &job.topic) {
            (Some(_), Some(_)) => {
                problems.push(job.new_topic.at("topic.name", "the file also has the setting topic; remove one of them"));
            }
            (Some(name), None) => job.topic = Some(name.clone()),
            (None, _) => {}
        }
        for (given, message) in job.input_settings.conflicts() {
            problems.push(format!("{}:{}: {INPUT}{}: {message}", file.display(), given.line, given.name));
        }
        problems.extend(job.checkpoint.conflicts());
        let key = job.key_field.as_ref().map(|_| "input.key");
        let key = key.or_else(|| job.input_settings.lines.parse_key.then_some("input.parse_key"));
        let keeps_topic = job.input_settings.keep.topic;
        problems.extend(job.record.conflicts(job.topic.as_deref(), key, keeps_topic));
        let keep = job.input_settings.given.iter().find(|given| given.name == "keep" && keeps_topic && job.topic.is_some());
        problems.extend(keep.map(|keep| {
            format!(
                "{}:{}: input.keep: has `topic`, and the file has the setting topic; remove one of them",
                file.display(),
                keep.line
            )
        }));
        job
    }

    fn put(&mut self, file: &Path, setting: &HostSetting) -> Result<(), String> {
        let name = setting.name();
        if let Some(name) = name.strip_prefix(REGISTRY).and_then(|_| registry_setting(name)) {
            let origin = Origin::File { path: file.to_owned(), line: setting.line() };
            self.registry.push((name.to_owned(), setting.value()?.to_owned(), origin));
            return Ok(());
        }
        if setting.entries().is_ok_and(|entries| entries.is_empty()) {
            return self.put_empty_list(setting);
        }
        if let Some((name, _)) = name.strip_prefix(INPUT).and_then(|name| Some((name, InputSetting::of_name(name)?))) {
            self.put_input(file, name, setting)?;
            self.input_settings.show_as_written(setting.written());
            return Ok(());
        }
        if record::is_record_setting(name) {
            let put = self.record.put(name, setting.line(), setting.value()?);
            self.record.show_as_written(setting.written());
            return put;
        }
        if CheckpointSettings::has(name) {
            self.checkpoint.put(name, setting.line(), setting.value()?)?;
            self.checkpoint.show_as_written(setting.written());
            return Ok(());
        }
        if TopicSettings::has(name) {
            self.new_topic.put(name, setting.line(), setting.value()?)?;
            self.new_topic.show_as_written(setting.written());
            return Ok(());
        }
        if !is_known(name) {
            return Err(unknown(name));
        }
        let value = setting.value()?;
        match name {
            "topic" => self.topic = Some(value.to_owned()),
            "metrics.address" => self.metrics = Some(value.parse()?),
            _ => match name.split_once('.') {
                Some(("key", name)) => self.key.put(file, name, value)?,
                Some((_, name)) => self.value.put(file, name, value)?,
                None => {}
            },
        }
        Ok(())
    }

    /// Applies the flags that set the same as settings of the file.
    ///
    /// # Errors
    /// The value of a flag is invalid, or conflicts with a setting of the file.
    pub(crate) fn override_with(&mut self, arguments: &ProduceArguments) -> Result<(), String> {
        if arguments.key.is_some() || arguments.key_separator.is_some() {
            self.key_field = None;
            self.input_settings.remove("key");
        }
        if let Some(separator) = &arguments.key_separator {
            let split = unescaped(separator).and_then(|separator| self.input_settings.split_keys_at(separator));
            split.map_err(|error| format!("--key-separator: {error}"))?;
            self.record.override_with(false, true);
        }
        if let Some(keep) = arguments.keep {
            self.input_settings.override_keep(keep);
        }
        if arguments.follow {
            self.input_settings.follow();
        }
        self.record.override_parts(arguments.key.as_deref(), arguments.partition, &arguments.header, arguments.null_empty);
        match self.input_settings.conflicts().first() {
            Some((given, message)) if given.line == 0 => Err(format!("--key-separator: {message}")),
            Some((given, message)) => {
                Err(format!("{}:{}: {INPUT}{}: {message}", arguments.settings.place().display(), given.line, given.name))
            }
            None => Ok(()),
        }
    }

    /// The table of the input's settings, with their values and origins; empty if the file has none of them.
    pub(crate) fn explain_input(&self, file: &Path) -> String {
        let given = &self.input_settings.given;
        if given.is_empty() {
            return String::new();
        }
        // A flag may determine the format of an input that is not known here.
        let formats = match self.format {
            Some(format) => vec![format],
            None => self.inputs.iter().map(|input| Format::of_path(&input.whole())).collect::<Option<_>>().unwrap_or_default(),
        };
        let is_shown = |setting: &InputSetting| formats.is_empty() || formats.iter().any(|format| setting.applies_to(*format));
        let mut rows = vec![["[input]", "VALUE", "FROM", "NOTE"].map(str::to_owned)];
        for setting in INPUT_SETTINGS.iter().filter(|setting| is_shown(setting)) {
            let mut is_default = true;
            for given in given.iter().filter(|given| given.is_of(setting)) {
                is_default = false;
                let from = format!("{}:{}", file.display(), given.line);
                rows.push([given.name.clone(), format!("{:?}", given.value), from, setting.meaning.replace('`', "")]);
            }
            if is_default {
                let [default, note] = [setting.default, setting.meaning].map(|text| text.replace('`', ""));
                rows.push([setting.name.to_owned(), default, "default".to_owned(), note]);
            }
        }
        aligned(&rows)
    }

    /// Sets a setting to `[]`, which only the markers of tombstones may be.
    fn put_empty_list(&mut self, setting: &HostSetting) -> Result<(), String> {
        match setting.name() {
            "record.tombstone_markers" => self.record.put_no_markers(setting.line()),
            name if is_known(name) => return Err("must not be an empty list; remove it".to_owned()),
            name => return Err(unknown(name)),
        }
        Ok(())
    }

    fn put_input(&mut self, file: &Path, name: &str, setting: &HostSetting) -> Result<(), String> {
        let value = setting.value()?;
        match name {
            "path" => self.inputs = setting.entries()?.into_iter().map(|path| InputPath::beside(file, path)).collect(),
            "format" => match value.parse()? {
                Format::DeadLetters => {
                    return Err(
                        "must be the format of the records that are in dead letters; pass --format dead-letters".to_owned()
                    );
                }
                format => self.format = Some(format),
            },
            "key" => self.key_field = Some(value.to_owned()),
            _ => {}
        }
        self.input_settings.put(name, value, setting.line())
    }
}

impl PartJob {
    fn put(&mut self, file: &Path, name: &str, value: &str) -> Result<(), String> {
        match name {
            "serializer" => self.encoding = Some(value.parse()?),
            "schema" => self.schema = Some(beside(file, value)),
            "message" => self.message = Some(value.to_owned()),
            _ => self.unknown = value.parse()?,
        }
        Ok(())
    }
}

/// An error with the value as it is in the file, if it has placeholders: their text may be a secret.
fn as_written(message: String, setting: &HostSetting) -> String {
    let values = setting.value().into_iter().flat_map(|value| setting.entries().unwrap_or_default().into_iter().chain([value]));
    let values = values.filter(|value| !value.is_empty());
    let Some(written) = setting.written() else { return message };
    values.fold(message, |message, value| {
        let quoted = format!("{value:?}");
        message.replace(quoted.trim_matches('"'), written).replace(value, written)
    })
}

/// Resolves a path relative to the configuration file's folder.
fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn job(text: &str) -> (Job, Vec<String>, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job.toml");
        fs::write(&file, text).unwrap();
        let mut problems = Vec::new();
        let job = Job::from_file(&file, &mut problems);
        let problems = problems.iter().map(|problem| problem.replace(&file.display().to_string(), "job.toml")).collect();
        (job, problems, folder.path().to_owned())
    }

    #[test]
    fn settings_are_read() {
        let (job, problems, folder) = job(
            "topic = \"flights\"\n[producer]\nlinger.ms = 5\n[input]\npath = \"data/a.csv\"\nformat = \"csv\"\nkey = \"id\"\n\
             null = \"NA\"\n[key]\nserializer = \"string\"\n[value]\nserializer = \"json\"\n",
        );
        assert_eq!(problems, [] as [&str; 0]);
        assert_eq!(job.topic.as_deref(), Some("flights"));
        assert_eq!(job.inputs.iter().map(InputPath::whole).collect::<Vec<_>>(), [folder.join("data/a.csv")]);
        assert_eq!(job.format, Some(Format::Csv));
        assert_eq!((job.key_field.as_deref(), job.input_settings.csv.null.all.as_deref()), (Some("id"), Some("NA")));
        assert_eq!((job.key.encoding, job.value.encoding), ("string".parse().ok(), Some(Encoding::Json)));
    }

    #[test]
    fn errors_have_a_line_and_the_most_similar_name() {
        let (_, problems, _) =
            job("topik = \"flights\"\n[producer]\n[input]\npth = \"a.csv\"\nformat = \"tsv\"\n[value]\nserializer = \"arvo\"\n\
             shema = \"a.avsc\"\n[schema.registry]\nurll = \"http://localhost\"\n[zebra]\nx = 1\n");
        for wanted in [
            "job.toml:1: topik: unknown setting; did you mean topic?",
            "job.toml:4: input.pth: unknown setting; did you mean input.path?",
            "job.toml:5: input.format: unknown input format `tsv`; must be one of lines, jsonl, json, csv, avro, record, dead-letters",
            "job.toml:7: value.serializer: must be one of json, avro, protobuf, json-schema, string, bytes, short, integer, long, float, \
             double, boolean, uuid, void",
            "job.toml:8: value.shema: unknown setting; did you mean value.schema?",
            "job.toml:10: schema.registry.urll: unknown setting; did you mean schema.registry.url?",
        ] {
            assert!(problems.iter().any(|problem| problem == wanted), "{wanted:?} in {problems:#?}");
        }
        assert!(
            problems.last().unwrap().starts_with("job.toml:12: zebra.x: unknown setting; the command accepts topic"),
            "{problems:?}"
        );
    }

    #[test]
    fn schema_and_registry_settings_are_read() {
        let (job, problems, folder) = job(
            "[producer]\n[value]\nserializer = \"protobuf\"\nschema = \"a.proto\"\nmessage = \"a.A\"\nunknown = \"ignore\"\n\
             [schema.registry]\nurl = \"http://localhost:8081\"\nauto.register.schemas = false\n",
        );
        assert_eq!(problems, [] as [&str; 0]);
        assert_eq!((job.value.encoding, job.value.unknown), ("protobuf".parse().ok(), Unknown::Ignore));
        assert_eq!((job.value.schema, job.value.message.as_deref()), (Some(folder.join("a.proto")), Some("a.A")));
        let registry: Vec<_> = job.registry.iter().map(|(name, value, _)| (name.as_str(), value.as_str())).collect();
        assert_eq!(registry, [("schema.registry.url", "http://localhost:8081"), ("auto.register.schemas", "false")]);
    }

    #[test]
    fn the_settings_of_an_input_that_a_flag_names_are_explained() {
        let explained = |input: &str| {
            let (job, problems, _) = job(&format!("[producer]\n[input]\n{input}delimiter = \";\"\n"));
            assert_eq!(problems, [] as [&str; 0]);
            job.explain_input(Path::new("job.toml")).lines().any(|line| line.starts_with("delimiter ") && line.contains("\";\""))
        };
        for input in ["", "path = \"-\"\n", "path = \"data\"\n", "path = [\"a.jsonl\", \"b.csv\"]\n", "path = \"*.csv\"\n"] {
            assert!(explained(input), "{input}");
        }
        assert!(!explained("path = \"a.jsonl\"\n"));
    }

    #[test]
    fn placeholders_of_checkpoint_are_explained_as_they_are_written() {
        let (job, problems, _) = job("[producer]\n[checkpoint]\nfile = \"${OTTLA_NO_SUCH:-hunter2}\"\n");
        assert_eq!(problems, [] as [&str; 0]);
        let explained = job.checkpoint.explain();
        assert!(explained.contains("${OTTLA_NO_SUCH:-hunter2}") && !explained.contains("\"hunter2\""), "{explained}");
    }

    #[test]
    fn errors_show_placeholders_as_they_are_written() {
        // The variable is set by cargo to the name of the package.
        for setting in [
            "[input]\nformat = V",
            "[input]\nencoding = V",
            "[input]\ndelimiter = V",
            "[input]\nskip_lines = V",
            "[input]\nkeep = V",
            "[record]\npartition = \"{\"\nkey = V",
            "[record]\ntopics = [V, \"a b\", \"*\"]",
            "[checkpoint]\ninterval.ms = V",
            "[checkpoint]\ninterval.records = V",
            "[topic]\npartitions = V",
            "[key]\nserializer = V",
        ] {
            let (_, problems, _) = job(&format!("[producer]\n{}\n", setting.replace('V', "\"${CARGO_PKG_NAME}\"")));
            assert!(!problems.is_empty() || setting.contains("key = V"), "{setting}");
            assert!(problems.iter().all(|problem| !problem.contains("ottla-cli")), "{setting}: {problems:?}");
        }
    }

    #[test]
    fn stdin_is_not_a_relative_path() {
        let (job, ..) = job("[producer]\n[input]\npath = \"-\"\n");
        assert_eq!(job.inputs, [InputPath::new("-")]);
    }
}
