//! [`Settings`]: the settings from the configuration file, the environment and the flags.

use std::path::Path;

use ottla::{
    ConsumerConfig, ProducerConfig,
    config::{ConfigError, Origin, OtherSetting, Warning, client_tables, consumer_settings, settings},
};

use crate::{args::SettingsArguments, exit::Failure, job::Job, message};

/// The variable of many Kafka programs. It applies only if no other source sets the brokers' addresses.
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// The clients' settings from all sources, and the command's own settings from the file.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The producer's settings: file, environment, `--set`, in increasing precedence.
    pub(crate) producer: ProducerConfig,
    /// The consumer's settings: those shared with the producer, overridden by the consumer's own sources.
    pub(crate) consumer: ConsumerConfig,
    /// The clients that the file configures.
    pub(crate) clients: Vec<Client>,
    /// The command's own settings.
    pub(crate) job: Job,
    /// The settings of a file without tables that only the consumer has, each with its place.
    consumers_own: Vec<String>,
    /// Whether a warning about a setting is an error.
    pub(crate) is_strict: bool,
}

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Producer,
    Consumer,
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// All errors in all sources. Conflicts between settings are found by [`check`](Self::check).
    pub(crate) fn load(arguments: &SettingsArguments) -> Result<Self, Failure> {
        Ok(Self { is_strict: arguments.strict, ..Self::read(arguments.file(), &arguments.set())? })
    }

    /// [`load`](Self::load) with separate arguments; the file is optional.
    pub(crate) fn read(file: Option<&Path>, set: &[String]) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut in_file = file.map_or_else(InFile::none, |file| InFile::read(file, &mut problems));
        let mut job = Job::default();
        if let Some(file) = file {
            let mut job_problems = Vec::new();
            job = Job::from_file(file, &mut job_problems);
            for (name, value, origin) in job.registry.drain(..) {
                let setting = ProducerConfig::new().set_with_origin(&name, value, origin);
                in_file.producer = in_file.producer.merge(keep(setting, &mut problems));
            }
            problems.extend(job_problems);
        }
        let before = problems.len();
        in_file.producer = keep(in_file.producer.with_environment(), &mut problems);
        // The consumer takes the brokers' addresses from the producer unless its own table sets them.
        let variables = std::env::vars_os().filter(|(name, _)| name != SERVERS);
        let environment = in_file.consumer.with_variables(variables);
        // Errors in the environment apply to both clients and are reported once.
        in_file.consumer = if problems.len() == before { keep(environment, &mut problems) } else { ConsumerConfig::new() };
        let mut without_value = Vec::new();
        for (index, flag) in set.iter().enumerate() {
            match flag.split_once('=') {
                Some((name, value)) => {
                    let (producer, consumer) = flagged(name.trim(), value, &mut problems);
                    in_file.producer = in_file.producer.merge(producer);
                    in_file.consumer = in_file.consumer.merge(consumer);
                }
                // The argument is not shown, because it may be a secret.
                None => without_value.push(format!("--set number {}: missing `=`: expected NAME=VALUE", index + 1)),
            }
        }
        problems.extend(without_value);
        problems.dedup();
        if !problems.is_empty() {
            return Err(Failure::problems(problems));
        }
        let InFile { producer, consumer, clients, consumers_own } = in_file;
        let consumer = ConsumerConfig::from_producer(&producer).merge(consumer);
        Ok(Self { producer, consumer, clients, job, consumers_own, is_strict: false })
    }

    /// Sets a setting that a flag other than `--set` determines.
    pub(crate) fn decide(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let producer = std::mem::take(&mut self.producer);
        self.producer = producer.set_with_origin(name, value, Origin::Flag)?;
        Ok(())
    }

    /// Checks a client's settings for conflicts, and prints warnings about settings with an unexpected effect.
    pub(crate) fn check(&self, client: Client) -> Result<(), Failure> {
        if client == Client::Producer && !self.clients.contains(&client) {
            return Err(Failure::usage(
                "the file has only consumer settings; put the producer's settings in the table [producer]",
            ));
        }
        let warnings: Vec<Warning> = match client {
            Client::Producer => self.producer.check().map(|()| self.producer.warnings())?,
            Client::Consumer => self.consumer.check().map(|()| self.consumer.warnings())?,
        };
        let mut warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        if client == Client::Producer && !self.consumers_own.is_empty() {
            let settings = self.consumers_own.join(", ");
            warnings.push(format!("these settings are the consumer's and have no effect on producing: {settings}"));
        }
        warnings.into_iter().try_for_each(|warning| self.warn(&warning))?;
        self.warn_about_servers(client);
        Ok(())
    }

    /// Prints a warning about settings.
    ///
    /// # Errors
    /// The warning, with `--strict`.
    pub(crate) fn warn(&self, warning: &str) -> Result<(), Failure> {
        if self.is_strict {
            return Err(Failure::usage(format!("{warning}; remove them, or leave out --strict")));
        }
        message::tell(format_args!("warning: {warning}"));
        Ok(())
    }

    /// Warns if the file's brokers override different ones in the environment: either may be intended.
    fn warn_about_servers(&self, client: Client) {
        let (servers, origin) = match client {
            Client::Producer => (self.producer.get("bootstrap.servers"), self.producer.origin("bootstrap.servers")),
            Client::Consumer => (self.consumer.get("bootstrap.servers"), self.consumer.origin("bootstrap.servers")),
        };
        let Some((Origin::File { .. }, variable)) = origin.zip(std::env::var(SERVERS).ok()) else { return };
        if !variable.is_empty() && servers != Some(&*variable) {
            let place = origin.map(ToString::to_string).unwrap_or_default();
            message::tell(format_args!(
                "warning: {SERVERS} is not used: bootstrap.servers is set in {place}; set OTTLA_BOOTSTRAP_SERVERS or \
                 --set bootstrap.servers to override it"
            ));
        }
    }

    /// The value of an integer setting of the producer, if it is set.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.producer.get(name).and_then(|value| value.parse().ok())
    }
}

/// The settings that the file has for each client.
struct InFile {
    producer: ProducerConfig,
    consumer: ConsumerConfig,
    clients: Vec<Client>,
    consumers_own: Vec<String>,
}

impl InFile {
    /// Without a file, flags and the environment configure both clients.
    fn none() -> Self {
        let clients = vec![Client::Producer, Client::Consumer];
        Self { producer: ProducerConfig::new(), consumer: ConsumerConfig::new(), clients, consumers_own: Vec::new() }
    }

    /// A file without tables that has settings of the producer and of the consumer.
    fn shared(file: &Path) -> Option<Self> {
        let (producer, consumers) = ProducerConfig::from_shared_file(file).ok()?;
        let (consumer, producers) = ConsumerConfig::from_shared_file(file).ok()?;
        let place = |setting: &OtherSetting| format!("{} ({}:{})", setting.name(), file.display(), setting.line());
        let consumers_own: Vec<String> = consumers.iter().map(place).collect();
        let clients = vec![Client::Producer, Client::Consumer];
        (!consumers.is_empty() && !producers.is_empty()).then_some(Self { producer, consumer, clients, consumers_own })
    }

    fn read(file: &Path, problems: &mut Vec<String>) -> Self {
        if let Some(shared) = Self::shared(file) {
            return shared;
        }
        let (producer, consumer) = (ProducerConfig::from_file(file), ConsumerConfig::from_file(file));
        let tables = client_tables(file).unwrap_or_default();
        let [has_producer, has_consumer] = if tables.is_empty() {
            // A file without tables is the consumer's if that gives fewer errors.
            let errors = |error: Option<&ConfigError>| error.map_or(0, |error| error.problems().len());
            let is_consumers = errors(consumer.as_ref().err()) < errors(producer.as_ref().err());
            [!is_consumers, is_consumers]
        } else {
            ["producer", "consumer"].map(|table| tables.contains(&table))
        };
        let clients = [(has_producer, Client::Producer), (has_consumer, Client::Consumer)];
        Self {
            producer: if has_producer { keep(producer, problems) } else { ProducerConfig::new() },
            consumer: if has_consumer { keep(consumer, problems) } else { ConsumerConfig::new() },
            clients: clients.into_iter().filter(|(has, _)| *has).map(|(_, client)| client).collect(),
            consumers_own: Vec::new(),
        }
    }
}

/// Reads `--set NAME=VALUE`: `consumer.NAME` is for the consumer, `producer.NAME` for the producer, any other name for each
/// client that has it.
fn flagged(name: &str, value: &str, problems: &mut Vec<String>) -> (ProducerConfig, ConsumerConfig) {
    let producer = |name: &str| ProducerConfig::new().set_with_origin(name, value, Origin::Flag);
    let consumer = |name: &str| ConsumerConfig::new().set_with_origin(name, value, Origin::Flag);
    if let Some(name) = name.strip_prefix("consumer.") {
        return (ProducerConfig::new(), keep(consumer(name), problems));
    }
    if let Some(name) = name.strip_prefix("producer.") {
        return (keep(producer(name), problems), ConsumerConfig::new());
    }
    let is_consumers =
        consumer_settings().any(|setting| setting.name() == name) && !settings().any(|setting| setting.name() == name);
    match (producer(name), consumer(name)) {
        (Err(_), consumer) if is_consumers => (ProducerConfig::new(), keep(consumer, problems)),
        (Err(_), Ok(consumer)) => (ProducerConfig::new(), consumer),
        (producer, consumer) => (keep(producer, problems), consumer.unwrap_or_default()),
    }
}

/// Returns the result, or the default after an error, which is added to `problems`.
fn keep<T: Default>(result: Result<T, ConfigError>, problems: &mut Vec<String>) -> T {
    result.unwrap_or_else(|error| {
        problems.extend(error.problems().iter().map(ToString::to_string));
        T::default()
    })
}
