//! [`Job`]: what a configuration file says to the command itself, beside the producer's settings.

use std::path::{Path, PathBuf};

use ottla::config::{HostSetting, host_settings};

use crate::{encoding::Encoding, input::Format};

/// The command's own settings: topic, input, and how keys and values are encoded. All of them may be absent.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// `topic`.
    pub(crate) topic: Option<String>,
    /// `input.path`; one that is not absolute begins at the file's folder.
    pub(crate) input: Option<PathBuf>,
    /// `input.format`.
    pub(crate) format: Option<Format>,
    /// `input.key`: the field that keys are taken from.
    pub(crate) key_field: Option<String>,
    /// `input.null`: the text that stands for null in CSV.
    pub(crate) null: Option<String>,
    /// `key.serializer`.
    pub(crate) key: Option<Encoding>,
    /// `value.serializer`.
    pub(crate) value: Option<Encoding>,
}

/// The names that there are.
const NAMES: [&str; 7] = ["topic", "input.path", "input.format", "input.key", "input.null", "key.serializer", "value.serializer"];
/// Those that will be.
const NOT_BUILT: [&str; 5] = ["key.schema", "key.message", "value.schema", "value.message", "schema.registry"];
/// How like a name another must be to be meant by it.
const NEAR: f64 = 0.7;

impl Job {
    /// Reads the settings that stand beside the tables `producer` and `consumer`. What is wrong is added to `problems`; that the file cannot be
    /// read is left to who reads the producer's.
    pub(crate) fn from_file(file: &Path, problems: &mut Vec<String>) -> Self {
        let mut job = Self::default();
        let mut seen = Vec::new();
        for setting in host_settings(file).unwrap_or_default() {
            let put =
                if seen.contains(&setting.name().to_owned()) { Err("stands twice".to_owned()) } else { job.put(file, &setting) };
            seen.push(setting.name().to_owned());
            if let Err(message) = put {
                problems.push(format!("{}:{}: {}: {message}", file.display(), setting.line(), setting.name()));
            }
        }
        job
    }

    fn put(&mut self, file: &Path, setting: &HostSetting) -> Result<(), String> {
        let name = setting.name();
        if !NAMES.contains(&name) {
            return Err(unknown(name));
        }
        let value = setting.value()?;
        match name {
            "topic" => self.topic = Some(value.to_owned()),
            "input.path" => self.input = Some(beside(file, value)),
            "input.format" => self.format = Some(value.parse()?),
            "input.key" => self.key_field = Some(value.to_owned()),
            "input.null" => self.null = Some(value.to_owned()),
            "key.serializer" => self.key = Some(value.parse()?),
            _ => self.value = Some(value.parse()?),
        }
        Ok(())
    }
}

/// The path as seen from the configuration file's folder.
fn beside(file: &Path, path: &str) -> PathBuf {
    match file.parent() {
        Some(folder) if path != "-" => folder.join(path),
        _ => PathBuf::from(path),
    }
}

fn unknown(name: &str) -> String {
    if NOT_BUILT.iter().any(|known| name == *known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))) {
        return "schemas are not built in yet: leave it out".to_owned();
    }
    let nearest = NAMES
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), *known))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, nearest)) => format!("unknown to the command; did you mean {nearest}?"),
        None => format!(
            "unknown to the command, which knows {}; the settings of clients stand in [producer] and [consumer]",
            NAMES.join(", ")
        ),
    }
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
    fn everything_has_its_place() {
        let (job, problems, folder) = job(
            "topic = \"flights\"\n[producer]\nlinger.ms = 5\n[input]\npath = \"data/a.csv\"\nformat = \"csv\"\nkey = \"id\"\n\
             null = \"NA\"\n[key]\nserializer = \"string\"\n[value]\nserializer = \"json\"\n",
        );
        assert_eq!(problems, [] as [&str; 0]);
        assert_eq!(job.topic.as_deref(), Some("flights"));
        assert_eq!(job.input, Some(folder.join("data/a.csv")));
        assert_eq!(job.format, Some(Format::Csv));
        assert_eq!((job.key_field.as_deref(), job.null.as_deref()), (Some("id"), Some("NA")));
        assert_eq!((job.key, job.value), ("string".parse().ok(), Some(Encoding::Json)));
    }

    #[test]
    fn what_is_wrong_has_its_line_and_the_nearest_name() {
        let (_, problems, _) =
            job("topik = \"flights\"\n[producer]\n[input]\npth = \"a.csv\"\nformat = \"tsv\"\n[value]\nserializer = \"avro\"\n\
             schema = \"a.avsc\"\n[schema.registry]\nurl = \"http://localhost\"\n[zebra]\nx = 1\n");
        for wanted in [
            "job.toml:1: topik: unknown to the command; did you mean topic?",
            "job.toml:4: input.pth: unknown to the command; did you mean input.path?",
            "job.toml:5: input.format: `tsv` is no input format; there are lines, jsonl and csv",
            "job.toml:7: value.serializer: the serializer avro is not built in yet: use json, string or bytes",
            "job.toml:8: value.schema: schemas are not built in yet: leave it out",
            "job.toml:10: schema.registry.url: schemas are not built in yet: leave it out",
        ] {
            assert!(problems.iter().any(|problem| problem == wanted), "{wanted:?} in {problems:#?}");
        }
        assert!(
            problems.last().unwrap().starts_with("job.toml:12: zebra.x: unknown to the command, which knows topic"),
            "{problems:?}"
        );
    }

    #[test]
    fn stdin_is_no_path_beside_the_file() {
        let (job, ..) = job("[producer]\n[input]\npath = \"-\"\n");
        assert_eq!(job.input, Some(PathBuf::from("-")));
    }
}
