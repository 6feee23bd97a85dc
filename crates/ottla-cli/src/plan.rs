//! [`Plan`]: the parameters of an `ottla produce` run.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    args::ProduceArguments,
    encoder::{Encoder, Place},
    encoding::{Encoding, Part},
    exit::{Failure, chain},
    file_identity::FileIdentity,
    input::{Format, GivenSetting, Input, InputError, InputOptions},
    job::PartJob,
    message,
    schema_source::{self, SchemaSource},
    settings::Settings,
};

/// Java's default of `max.request.size`, and the minimum limit for a CSV header, so that a low setting does not reject headers.
const MAX_REQUEST_SIZE: u64 = 1_048_576;
const MAX_HEADER: u64 = 65_536;

/// The parameters of a run: the flags applied over the file.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) topic: String,
    pub(crate) input: InputOptions,
    /// The input's format; defaults to `lines`.
    pub(crate) format: Format,
    pub(crate) encodings: Encodings,
}

/// How keys and values become bytes; `None` leaves them unchanged.
#[derive(Clone, Copy)]
pub(crate) struct Encodings {
    pub(crate) key: Option<Encoding>,
    pub(crate) value: Option<Encoding>,
}

/// The flags that override the file.
#[derive(Default)]
struct Flags {
    format: Option<Format>,
    key_field: Option<String>,
}

impl Plan {
    pub(crate) fn new(arguments: &ProduceArguments) -> Result<Self, Failure> {
        let settings = Settings::load(&arguments.settings)?;
        let file = &arguments.settings.config;
        if arguments.transaction_records.is_some() && settings.producer.get("transactional.id").is_none() {
            return Err(Failure::usage("--transaction-records: requires transactional.id; set it in the file or with --set"));
        }
        let topic = arguments.topic.clone().or_else(|| settings.job.topic.clone());
        let topic =
            topic.ok_or_else(|| Failure::usage(format!("no topic: pass --topic, or set `topic` in {}", file.display())))?;
        let path = arguments.input.clone().or_else(|| settings.job.input.clone());
        // kcat reads stdin too. A device such as /dev/null or a terminal is unlikely to be meant as input.
        let path = path.or_else(|| FileIdentity::of_stdin().map(|_| PathBuf::from("-")));
        let path = path.ok_or_else(|| {
            Failure::usage(format!("no input: pass --input FILE or -, or set `path` in [input] of {}", file.display()))
        })?;
        Self::of(settings, file, topic, path, Flags { format: arguments.format, key_field: arguments.key_field.clone() })
    }

    /// Checks everything in a file that `produce` checks before it connects. What the file leaves out is skipped, since flags may
    /// set it.
    ///
    /// # Errors
    /// The first error found.
    pub(crate) fn check(settings: Settings, file: &Path) -> Result<(), Failure> {
        let job = &settings.job;
        if let Some(topic) = &job.topic {
            check_topic(topic).map_err(|reason| Failure::usage(format!("{}: topic {topic:?}: {reason}", file.display())))?;
        }
        let topic = job.topic.clone().unwrap_or_else(|| "topic".to_owned());
        // Without an input in the file, flags may set input and format. `lines` then accepts every serializer.
        let names_input = job.input.is_some();
        let path = job.input.clone().unwrap_or_else(|| PathBuf::from("-"));
        let plan = Self::of(settings, file, topic, path, Flags::default())?;
        plan.check_schemas()?;
        let path = &plan.input.path;
        let refuse = |error: InputError| Failure::usage(chain(&error));
        if names_input {
            Input::check(&plan.input).map_err(refuse)?;
        }
        if path == Path::new("-") {
            return Ok(());
        }
        let metadata = std::fs::metadata(path).map_err(|source| refuse(plan.cannot_open(source)))?;
        if metadata.is_dir() {
            return Err(refuse(plan.cannot_open(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"))));
        }
        // The bytes of a pipe can be read only once.
        if metadata.is_file() {
            let input = File::open(path).map_err(|source| refuse(plan.cannot_open(source)))?;
            let input = Input::read(Box::new(input), &plan.input).map_err(refuse)?;
            input.warning().into_iter().for_each(message::tell);
        }
        Ok(())
    }

    fn check_schemas(&self) -> Result<(), Failure> {
        let job = &self.settings.job;
        for (part, job, encoding) in [(Part::Key, &job.key, self.encodings.key), (Part::Value, &job.value, self.encodings.value)]
        {
            if let Some(Encoding::WithSchema(schema_type)) = encoding {
                schema_source::check(&self.settings.producer, schema_type, part, job)?;
            }
        }
        Ok(())
    }

    fn of(settings: Settings, file: &Path, topic: String, path: PathBuf, flags: Flags) -> Result<Self, Failure> {
        let (file, job) = (file.display(), &settings.job);
        let format = flags.format.or(job.format).or_else(|| Format::of_path(&path));
        let max_record = settings.number("max.request.size").unwrap_or(MAX_REQUEST_SIZE).max(MAX_HEADER);
        let mut input = InputOptions {
            format,
            key: flags.key_field.clone().or_else(|| job.key_field.clone()),
            settings: job.input_settings.clone(),
            max_record: usize::try_from(max_record).unwrap_or(usize::MAX),
            path,
        };
        let mut value = job.value.encoding;
        if flags.format.is_some() {
            override_format(&mut input, &mut value, flags.key_field.is_some(), &file.to_string());
        }
        let encodings = Encodings {
            key: Encodings::one("key", job.key.encoding, settings.producer.get("key.serializer"))?,
            value: Encodings::one("value", value, settings.producer.get("value.serializer"))?,
        };
        let format = format.unwrap_or(Format::Lines);
        let encodings = encodings.of(format)?;
        for (part, job, encoding) in [("key", &job.key, encodings.key), ("value", &job.value, encodings.value)] {
            let without = !matches!(encoding, Some(Encoding::WithSchema(_)));
            if without && (job.schema.is_some() || job.message.is_some()) {
                return Err(Failure::usage(format!(
                    "[{part}] in {file} has a schema: set its serializer to avro, protobuf or json-schema, or remove the schema"
                )));
            }
        }
        Ok(Self { settings, topic, input, format, encodings })
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.settings.producer.get("transactional.id").is_some()
    }

    /// Whether a serializer needs the schema registry.
    pub(crate) fn wants_registry(&self) -> bool {
        let Encodings { key, value } = self.encodings;
        [key, value].iter().any(|encoding| matches!(encoding, Some(Encoding::WithSchema(_))))
    }

    /// Creates the encoders of keys and values. Requests their schemas from the registry.
    ///
    /// # Errors
    /// A schema is missing or cannot be used, or the registry does not answer.
    pub(crate) fn encoders(&self) -> Result<(Encoder, Encoder), Failure> {
        let Encodings { key, value } = self.encodings;
        let (settings, job) = (&self.settings.producer, &self.settings.job);
        let open = |part, encoding, job: &PartJob| {
            let place = Place { part, topic: &self.topic, format: self.format };
            Encoder::open(encoding, job.unknown, place, |kind| SchemaSource::open(settings, kind, part, job, &self.topic))
        };
        Ok((open(Part::Key, key, &job.key)?, open(Part::Value, value, &job.value)?))
    }

    pub(crate) fn cannot_open(&self, source: io::Error) -> InputError {
        InputError::Open { name: self.input.path.display().to_string(), source }
    }
}

/// Kafka's rule for topic names.
fn check_topic(topic: &str) -> Result<(), &'static str> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match topic {
        "" | "." | ".." => Err("must not be empty, \".\" or \"..\""),
        _ if topic.len() > 249 => Err("must have at most 249 characters"),
        _ if !topic.bytes().all(is_legal) => Err("must have only ASCII letters, digits, \".\", \"_\" and \"-\""),
        _ => Ok(()),
    }
}

/// Drops the file's settings that do not apply to the format of `--format`, and reports them.
fn override_format(input: &mut InputOptions, value: &mut Option<Encoding>, key_is_flag: bool, file: &str) {
    let Some(format) = input.format else { return };
    let is_lines = format == Format::Lines;
    if is_lines && !key_is_flag {
        input.key = None;
    }
    let removed = input.settings.restrict_to(format).into_iter().filter(|given| given.name != "key" || input.key.is_none());
    let removed = removed.map(|GivenSetting { name, value, .. }| {
        let effect = if name == "key" { ": every key is null" } else { "" };
        (name, Some(value), effect)
    });
    let json = if is_lines { value.take_if(|value| *value == Encoding::Json) } else { None };
    let json = json.map(|json| json.to_string());
    for (name, value, effect) in removed.chain([("[value] serializer".to_owned(), json, ": lines are sent unchanged")]) {
        if let Some(value) = value {
            message::tell(format_args!("--format {format}: {name} = \"{value}\" in {file} does not apply{effect}"));
        }
    }
}

impl Encodings {
    /// The encoding of a part, from the command's table or from Java's setting.
    fn one(part: &str, in_table: Option<Encoding>, setting: Option<&str>) -> Result<Option<Encoding>, Failure> {
        let in_setting = setting.map(str::parse::<Encoding>).transpose();
        let in_setting = in_setting.map_err(|message| Failure::usage(format!("{part}.serializer: {message}")))?;
        match (in_table, in_setting) {
            (Some(one), Some(other)) if one != other => Err(Failure::usage(format!(
                "{part}.serializer: is {other}, but `serializer` in [{part}] is {one}; set only one of them"
            ))),
            (one, other) => Ok(one.or(other)),
        }
    }

    /// The encodings for an input of this format, without those that leave the bytes unchanged.
    fn of(self, format: Format) -> Result<Self, Failure> {
        for (part, encoding) in [("key", self.key), ("value", self.value)] {
            if let Some(encoding) = encoding.filter(|encoding| !encoding.is_known()) {
                return Err(Failure::usage(format!("{part}.serializer: {encoding} is not supported by this command")));
            }
        }
        if let Some(value) = self.value.filter(|value| !value.takes_values_of(format)) {
            return Err(Failure::usage(format!(
                "value.serializer: {value} cannot serialize the JSON objects of {format} input; use json, avro, \
                 protobuf, json-schema, string or bytes, or --format lines"
            )));
        }
        let is_json = format != Format::Lines;
        Ok(Self { key: self.key, value: self.value.filter(|value| !(is_json && *value == Encoding::Json)) })
    }
}
