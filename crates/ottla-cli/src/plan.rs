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
    record::{RecordMapper, RecordSettings, check_topic},
    schema_source::{self, SchemaSource},
    settings::Settings,
};

/// Java's default of `max.request.size`, and the minimum limit for a CSV header, so that a low setting does not reject headers.
const MAX_REQUEST_SIZE: u64 = 1_048_576;
const MAX_HEADER: u64 = 65_536;

/// The parameters of a run: the flags applied over the file.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    /// The topic; if it comes from data, the setting's text.
    pub(crate) topic: String,
    /// Where the parts of a record come from.
    pub(crate) record: RecordSettings,
    pub(crate) input: InputOptions,
    /// The format of the values: that of the input, which defaults to `lines`, or `lines` if `[record]` makes them texts.
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
    has_topic: bool,
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
        let topic = arguments.topic.clone().or_else(|| settings.job.topic.clone()).or_else(|| settings.job.record.topic_text());
        let topic =
            topic.ok_or_else(|| Failure::usage(format!("no topic: pass --topic, or set `topic` in {}", file.display())))?;
        let path = arguments.input.clone().or_else(|| settings.job.input.clone());
        // kcat reads stdin too. A device such as /dev/null or a terminal is unlikely to be meant as input.
        let path = path.or_else(|| FileIdentity::of_stdin().map(|_| PathBuf::from("-")));
        let path = path.ok_or_else(|| {
            Failure::usage(format!("no input: pass --input FILE or -, or set `path` in [input] of {}", file.display()))
        })?;
        let has_topic = arguments.topic.is_some();
        let is_stdin = path == Path::new("-");
        let flags = Flags { has_topic, format: arguments.format, key_field: arguments.key_field.clone() };
        let plan = Self::of(settings, file, topic, path, flags)?;
        if is_stdin && plan.input.format.is_none() {
            plan.record.check(Format::Lines, false)?;
        }
        if arguments.embedded && plan.record.topic_rule().is_some() {
            return Err(Failure::usage(format!(
                "--embedded: starts a broker with one topic, but the topic comes from data (record.topic in {}); pass --topic",
                file.display()
            )));
        }
        Ok(plan)
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
        let topic = job.topic.clone().or_else(|| job.record.topic_text()).unwrap_or_else(|| "topic".to_owned());
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
            let mut input = Input::read(Box::new(input), &plan.input).map_err(refuse)?;
            input.warning().into_iter().for_each(message::tell);
            RecordMapper::new(&plan.record, &mut input)?;
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
        let mut record = job.record.clone();
        record.override_with(flags.has_topic, flags.key_field.is_some());
        let mut value = job.value.encoding;
        if flags.format.is_some() {
            override_format(&mut input, &mut value, flags.key_field.is_some(), &file.to_string());
        }
        let encodings = Encodings {
            key: Encodings::one("key", job.key.encoding, settings.producer.get("key.serializer"))?,
            value: Encodings::one("value", value, settings.producer.get("value.serializer"))?,
        };
        if let Some(format) = format {
            record.check(format, matches!(encodings.value, Some(Encoding::WithSchema(_))))?;
        }
        let format = format.filter(|_| !record.has_text_values()).unwrap_or(Format::Lines);
        let mut encodings = encodings.of(format)?;
        if record.has_object_keys() && encodings.key == Some(Encoding::Json) {
            encodings.key = None;
        }
        for (part, job, encoding) in [("key", &job.key, encodings.key), ("value", &job.value, encodings.value)] {
            let without = !matches!(encoding, Some(Encoding::WithSchema(_)));
            if without && (job.schema.is_some() || job.message.is_some()) {
                return Err(Failure::usage(format!(
                    "[{part}] in {file} has a schema: set its serializer to avro, protobuf or json-schema, or remove the schema"
                )));
            }
            let has_fixed_schema = job.schema.is_some() && record.topic_rule().is_none_or(|rule| !rule.names().is_empty());
            if !without && record.topic_rule().is_some() && !has_fixed_schema {
                return Err(Failure::usage(format!(
                    "[{part}] in {file}: a schema for topics from data must be a file: set `schema`, and list at least one topic in \
                     record.topics by its name"
                )));
            }
        }
        Ok(Self { settings, topic, record, input, format, encodings })
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.settings.producer.get("transactional.id").is_some()
    }

    /// The topics that are known before the first record: one, or those that data may address by name.
    pub(crate) fn known_topics(&self) -> Vec<&String> {
        self.record.topic_rule().map_or_else(|| vec![&self.topic], |rule| rule.names().iter().collect())
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
            // With topics from data, the encoders register the schema for each topic when its first record is sent.
            let topic = self.known_topics().first().map_or(&self.topic, |topic| *topic);
            let place = Place { part, topic, format: self.format };
            Encoder::open(encoding, job.unknown, place, |kind| SchemaSource::open(settings, kind, part, job, topic))
        };
        Ok((open(Part::Key, key, &job.key)?, open(Part::Value, value, &job.value)?))
    }

    pub(crate) fn cannot_open(&self, source: io::Error) -> InputError {
        InputError::Open { name: self.input.path.display().to_string(), source }
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
