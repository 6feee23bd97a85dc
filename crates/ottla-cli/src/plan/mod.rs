//! [`Plan`]: the parameters of an `ottla produce` run.

mod encodings;
mod inputs;

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use ottla_schema_registry::SchemaRegistryConfig;

use crate::{
    args::ProduceArguments,
    checkpoint,
    encoder::{Encoder, Place},
    encoding::{Encoding, Part},
    exit::{Failure, chain},
    file_identity::FileIdentity,
    input::{FollowSettings, Format, GivenSetting, Input, InputError, InputOptions, Keep},
    inputs::InputPath,
    job::PartJob,
    message,
    record::{RecordMapper, RecordSettings, check_topic},
    schema_source::{self, SchemaSource},
    settings::Settings,
    topic::check_creation,
};
use inputs::{check_follow, find_inputs, formats};

pub(crate) use encodings::Encodings;
pub(crate) use inputs::{NOT_JSON, never_inputs};

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
    /// The inputs, in the order in which they are read; `-` is stdin.
    pub(crate) paths: Vec<PathBuf>,
    /// The inputs as they are named: files, folders and patterns.
    named: Vec<InputPath>,
    /// What all inputs have in common: `path` is the first, and `format` is set if no path determines it.
    pub(crate) input: InputOptions,
    /// The different formats of the inputs.
    formats: Vec<Format>,
    /// The format of the values: that of the input, which defaults to `lines`, or `lines` if `[record]` makes them texts.
    pub(crate) format: Format,
    pub(crate) encodings: Encodings,
}

/// The flags that override the file.
#[derive(Default)]
struct Flags {
    has_topic: bool,
    format: Option<Format>,
    key_field: Option<String>,
    has_key_separator: bool,
    keep: Option<Keep>,
}

impl Plan {
    pub(crate) fn new(arguments: &ProduceArguments) -> Result<Self, Failure> {
        let mut settings = Settings::load(&arguments.settings)?;
        settings.job.override_with(arguments).map_err(Failure::usage)?;
        let file = arguments.settings.place();
        if arguments.transaction_records.is_some() && settings.producer.get("transactional.id").is_none() {
            return Err(Failure::usage("--transaction-records: requires transactional.id; set it in the file or with --set"));
        }
        let topic = arguments.topic.clone().or_else(|| settings.job.topic.clone()).or_else(|| settings.job.record.topic_text());
        let topic = topic.or_else(|| settings.job.input_settings.keep.topic.then(|| "{topic}".to_owned()));
        let topic =
            topic.ok_or_else(|| Failure::usage(format!("no topic: pass --topic, or set `topic` in {}", file.display())))?;
        let flags: Vec<_> = arguments.input.iter().map(InputPath::new).collect();
        let named = if flags.is_empty() { settings.job.inputs.clone() } else { flags };
        let paths = match &named[..] {
            // kcat reads stdin too. A device such as /dev/null or a terminal is unlikely to be meant as input.
            [] if FileIdentity::of_stdin().is_some() || arguments.settings.file().is_none() => vec![PathBuf::from("-")],
            [] => {
                return Err(Failure::usage(format!(
                    "no input: pass --input FILE or -, or set `path` in [input] of {}",
                    file.display()
                )));
            }
            named => find_inputs(named, &settings, file, arguments.dead_letter.as_deref())?,
        };
        check_follow(&settings, &named, &paths)?;
        if !arguments.embedded {
            checkpoint::check_files(&settings.job.checkpoint, &paths, arguments.dead_letter.as_deref())?;
        }
        let has_topic = arguments.topic.is_some();
        let is_stdin = paths.iter().any(|path| path == Path::new("-"));
        let flags = Flags {
            has_topic,
            format: arguments.format,
            key_field: arguments.key_field.clone(),
            has_key_separator: arguments.key_separator.is_some(),
            keep: arguments.keep,
        };
        let plan = Self::of(settings, file, topic, paths, &named, flags)?;
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
        let paths = match &job.inputs[..] {
            [] => None,
            named => Some(find_inputs(named, &settings, file, None)?),
        };
        check_follow(&settings, &job.inputs, paths.as_deref().unwrap_or_default())?;
        let names_input = paths.is_some();
        checkpoint::check_files(&job.checkpoint, paths.as_deref().unwrap_or_default(), None)?;
        let named = job.inputs.clone();
        let paths = paths.unwrap_or_else(|| vec![PathBuf::from("-")]);
        let plan = Self::of(settings, file, topic, paths, &named, Flags::default())?;
        plan.check_schemas()?;
        for index in (0..plan.paths.len()).filter(|_| names_input) {
            plan.check_input(index)?.into_iter().for_each(message::tell);
        }
        Ok(())
    }

    /// Checks an input, up to its first record if it is a regular file. Returns the warning about a likely mistake.
    ///
    /// # Errors
    /// The input cannot be opened, or does not have what the settings require.
    pub(crate) fn check_input(&self, index: usize) -> Result<Option<String>, Failure> {
        let options = self.options(index);
        let refuse = |error: InputError| Failure::usage(chain(&error));
        let cannot_open = |source| refuse(InputError::Open { name: options.name(), source });
        Input::check(&options).map_err(refuse)?;
        if options.path == Path::new("-") {
            return Ok(None);
        }
        // The bytes of a pipe can be read only once.
        if !std::fs::metadata(&options.path).map_err(cannot_open)?.is_file() {
            return Ok(None);
        }
        let source = File::open(&options.path).map_err(cannot_open)?;
        let mut input = Input::read(Box::new(source), &options).map_err(refuse)?;
        RecordMapper::new(&self.record, &mut input)?;
        Ok(input.warning())
    }

    /// The options of an input.
    pub(crate) fn options(&self, index: usize) -> InputOptions {
        let path = self.paths.get(index).unwrap_or(&self.input.path);
        let mut options = InputOptions { path: path.clone(), format: self.format_of(path), ..self.input.clone() };
        if let (Some(format), true) = (options.format, self.input.format.is_none() && self.paths.len() > 1) {
            options.settings.leave_to_others(format, &self.formats);
        }
        options
    }

    /// The options of a file that is read as a part of an input that is followed. Its own name determines its format only if the input's does not.
    pub(crate) fn options_of_followed(&self, input: &Path, file: &Path) -> InputOptions {
        let format = self.format_of(input).or_else(|| self.format_of(file));
        let mut options = InputOptions { path: file.to_owned(), format, ..self.input.clone() };
        if let (Some(format), true) = (format, self.input.format.is_none()) {
            options.settings.leave_to_others(format, &Format::ALL);
        }
        options
    }

    /// The paths of the inputs and how they are followed, if they are.
    pub(crate) fn follow(&self) -> Option<(&[InputPath], FollowSettings)> {
        let settings = self.input.settings.follow;
        settings.is_on.then_some((&*self.named, settings))
    }

    fn format_of(&self, path: &Path) -> Option<Format> {
        self.input.format.or_else(|| Format::of_path(path))
    }

    /// The inputs' names in messages.
    pub(crate) fn input_names(&self) -> impl Iterator<Item = String> {
        self.paths.iter().map(|path| InputOptions::name_of(path))
    }

    /// Checks the schema files.
    ///
    /// # Errors
    /// A schema file cannot be read or is not valid, or a setting of the registry is missing.
    pub(crate) fn check_schemas(&self) -> Result<(), Failure> {
        let job = &self.settings.job;
        for (part, job, encoding) in [(Part::Key, &job.key, self.encodings.key), (Part::Value, &job.value, self.encodings.value)]
        {
            if let Some(Encoding::WithSchema(schema_type)) = encoding {
                schema_source::check(&self.settings.producer, schema_type, part, job)?;
            }
        }
        Ok(())
    }

    fn of(
        settings: Settings,
        file: &Path,
        topic: String,
        paths: Vec<PathBuf>,
        named: &[InputPath],
        flags: Flags,
    ) -> Result<Self, Failure> {
        let (file, job) = (file.display(), &settings.job);
        let max_record = settings.number("max.request.size").unwrap_or(MAX_REQUEST_SIZE).max(MAX_HEADER);
        let mut input = InputOptions {
            format: flags.format.or(job.format),
            key: flags.key_field.clone().or_else(|| job.key_field.clone()),
            letters_format: job.format.or_else(|| job.inputs.iter().find_map(|input| Format::of_path(&input.whole()))),
            settings: job.input_settings.clone(),
            max_record: usize::try_from(max_record).unwrap_or(usize::MAX),
            path: paths.first().cloned().unwrap_or_else(|| PathBuf::from("-")),
        };
        let mut record = job.record.clone();
        let is_redrive = input.format == Some(Format::DeadLetters);
        let keeps = input.format == Some(Format::Record) || (is_redrive && (input.settings.keep.topic || flags.keep.is_some()));
        if keeps {
            let place = if flags.keep.is_some() { "--keep".to_owned() } else { format!("{file}: input.keep") };
            let keep = Keep { topic: input.settings.keep.topic && !flags.has_topic, ..input.settings.keep };
            record.keep(keep).map_err(|message| Failure::usage(format!("{place}: {message}")))?;
        } else if flags.keep.is_some() && !is_redrive {
            let format = input.known_format().unwrap_or(Format::Lines);
            return Err(Failure::usage(format!(
                "--keep: applies only to the format record, but the format is {format}; remove it"
            )));
        }
        record.override_with(flags.has_topic, flags.key_field.is_some());
        checkpoint::check(&job.checkpoint, &settings.producer, &topic, record.topic_rule())?;
        // A pattern of files that may appear later has their extension.
        let later: Vec<_> = named.iter().filter(|_| input.settings.follow.is_on).map(InputPath::whole).collect();
        let of_name: Vec<_> = paths.iter().chain(&later).cloned().collect();
        let formats = formats(&of_name, input.format, record.has_text_values())?;
        if input.settings.follow.is_on && formats.contains(&Format::Json) {
            return Err(Failure::usage(NOT_JSON));
        }
        check_creation(&job.new_topic, record.topic_rule())?;
        if let Some(format) =
            formats.first().filter(|_| flags.has_key_separator && !is_redrive && !formats.contains(&Format::Lines))
        {
            return Err(Failure::usage(format!(
                "--key-separator: applies only to lines, but the format is {format}; use --key-field, or key of [record]"
            )));
        }
        let (mut key, mut value) = (job.key.encoding, job.value.encoding);
        let is_serialized = input.format == Some(Format::Record);
        // Most dead letters then have records that are serialized.
        let is_of_serialized = is_serialized || (is_redrive && input.letters_format == Some(Format::Record));
        if is_serialized {
            report_serializers(&settings, &file.to_string());
            (key, value) = (None, None);
        }
        if flags.format.is_some() && !is_redrive {
            override_format(&mut input, &mut value, flags.key_field.is_some(), &file.to_string());
        }
        let encodings = Encodings {
            key: Encodings::one("key", key, settings.producer.get("key.serializer").filter(|_| !is_serialized))?,
            value: Encodings::one("value", value, settings.producer.get("value.serializer").filter(|_| !is_serialized))?,
        };
        // The format of dead letters' records is known only when they are read.
        for format in formats.iter().filter(|_| !is_redrive) {
            record.check(*format, matches!(encodings.value, Some(Encoding::WithSchema(_))))?;
        }
        let format =
            formats.first().copied().filter(|format| format.has_fields() && !record.has_text_values()).unwrap_or(Format::Lines);
        let mut encodings = encodings.of(format)?;
        if record.has_object_keys() && encodings.key == Some(Encoding::Json) {
            encodings.key = None;
        }
        for (part, job, encoding) in [("key", &job.key, encodings.key), ("value", &job.value, encodings.value)] {
            let without = !matches!(encoding, Some(Encoding::WithSchema(_)));
            if without && !is_of_serialized && (job.schema.is_some() || job.message.is_some()) {
                return Err(Failure::usage(format!(
                    "[{part}] in {file} has a schema: set its serializer to avro, protobuf or json-schema, or remove the schema"
                )));
            }
            let registry = SchemaRegistryConfig::from_producer(&settings.producer);
            let has_id = registry.get("use.schema.id").and_then(|id| id.parse::<i32>().ok()).is_some_and(|id| id >= 0);
            let of_one_subject =
                [("use.latest.version", registry.get("use.latest.version") == Some("true")), ("use.schema.id", has_id)];
            let of_one_subject = of_one_subject.into_iter().find(|(_, is_set)| *is_set);
            if let (Some((name, _)), Some(_), false) = (of_one_subject, record.topic_rule(), without || is_of_serialized) {
                return Err(Failure::usage(format!(
                    "{name}: takes the schema from the registry and not from `schema` in [{part}] of {file}, which topics from data \
                     require; remove {name}"
                )));
            }
            let has_fixed_schema = job.schema.is_some() && record.topic_rule().is_none_or(|rule| !rule.names().is_empty());
            if !without && !is_of_serialized && record.topic_rule().is_some() && !has_fixed_schema {
                return Err(Failure::usage(format!(
                    "[{part}] in {file}: a schema for topics from data must be a file: set `schema`, and list at least one topic in \
                     record.topics by its name"
                )));
            }
        }
        Ok(Self { settings, topic, record, paths, named: named.to_owned(), input, formats, format, encodings })
    }

    /// The format of the values of rows of this format.
    pub(crate) fn format_of_values(&self, rows: Format) -> Format {
        if rows.has_fields() && !self.record.has_text_values() { rows } else { Format::Lines }
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.settings.producer.get("transactional.id").is_some()
    }

    /// `transaction.timeout.ms`.
    pub(crate) fn transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.settings.number("transaction.timeout.ms").unwrap_or(60_000))
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

    /// Whether the run may send only records that are serialized: dead letters of a configuration with the format `record`.
    pub(crate) fn may_need_no_encoders(&self) -> bool {
        self.input.format == Some(Format::DeadLetters) && self.input.letters_format == Some(Format::Record)
    }

    /// Whether the keys and the values of the rows that follow are serialized. Those of dead letters are if the run that wrote them did it.
    pub(crate) fn serialized_parts(&self, input: &Input) -> (bool, bool) {
        let Some(name) = input.name_in_letters() else { return (true, true) };
        match input.row_format() {
            Format::Record => (false, false),
            // With `--format lines`, which overrides the format that the configuration or the input's name says.
            Format::Lines if self.encodings.value == Some(Encoding::Json) => {
                let of_name = if name == "stdin" { Some(Format::Lines) } else { Format::of_path(Path::new(name)) };
                let format = self.settings.job.format.or(of_name).or(self.input.letters_format);
                (true, format == Some(Format::Lines))
            }
            _ => (true, true),
        }
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

/// Reports the serializers, which do not apply to the format `record`: its records are serialized.
fn report_serializers(settings: &Settings, file: &str) {
    for (part, job) in [("key", &settings.job.key), ("value", &settings.job.value)] {
        if let Some(encoding) = job.encoding {
            message::tell(format_args!(
                "format record: [{part}] serializer = \"{encoding}\" in {file} does not apply: records are sent unchanged"
            ));
        }
    }
}
