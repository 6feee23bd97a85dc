//! [`Settings`]: what a configuration file, the environment and the flags say together.

use std::path::Path;

use ottla::{
    ConsumerConfig, ProducerConfig,
    config::{ConfigError, Origin, Warning, client_tables, consumer_settings, settings},
};

use crate::{args::SettingsArguments, exit::Failure, job::Job, message};

/// The variable that every program of Kafka's reads, and that counts only where nothing else says where the brokers are.
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// The settings of the clients from all sources, and what the command itself takes from the file.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The producer's: file, environment and `--set`, one over the other.
    pub(crate) producer: ProducerConfig,
    /// The consumer's: what it has in common with the producer, and its own sources over that.
    pub(crate) consumer: ConsumerConfig,
    /// The clients that the file is about.
    pub(crate) clients: Vec<Client>,
    /// The command's own.
    pub(crate) job: Job,
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
    /// All that is wrong in any of them. What is wrong between settings is for [`check`](Self::check).
    pub(crate) fn load(arguments: &SettingsArguments) -> Result<Self, Failure> {
        Self::read(Some(&arguments.config), &arguments.set)
    }

    /// [`load`](Self::load), with the sources one by one; there may be no file.
    pub(crate) fn read(file: Option<&Path>, set: &[String]) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut in_file = file.map(|file| InFile::read(file, &mut problems)).unwrap_or_default();
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
        let told = problems.len();
        in_file.producer = keep(in_file.producer.with_environment(), &mut problems);
        // The consumer has the brokers' addresses from the producer where its own table gives none.
        let variables = std::env::vars_os().filter(|(name, _)| name != SERVERS);
        let environment = in_file.consumer.with_variables(variables);
        // What is wrong with the environment is wrong for both, and told once.
        in_file.consumer = if problems.len() == told { keep(environment, &mut problems) } else { ConsumerConfig::new() };
        let mut without_value = Vec::new();
        for (index, flag) in set.iter().enumerate() {
            match flag.split_once('=') {
                Some((name, value)) => {
                    let (producer, consumer) = flagged(name.trim(), value, &mut problems);
                    in_file.producer = in_file.producer.merge(producer);
                    in_file.consumer = in_file.consumer.merge(consumer);
                }
                // Not shown: it may be a secret.
                None => without_value.push(format!("--set: number {} has no =: give NAME=VALUE", index + 1)),
            }
        }
        problems.extend(without_value);
        problems.dedup();
        if !problems.is_empty() {
            return Err(Failure::problems(problems));
        }
        let InFile { producer, consumer, clients } = in_file;
        Ok(Self { consumer: ConsumerConfig::from_producer(&producer).merge(consumer), producer, clients, job })
    }

    /// Sets what a flag other than `--set` decides.
    pub(crate) fn decide(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let producer = std::mem::take(&mut self.producer);
        self.producer = producer.set_with_origin(name, value, Origin::Flag)?;
        Ok(())
    }

    /// Checks a client's settings against each other, and says what works otherwise than may be thought.
    pub(crate) fn check(&self, client: Client) -> Result<(), Failure> {
        if client == Client::Producer && !self.clients.contains(&client) {
            return Err(Failure::usage("the file has settings of a consumer alone: a producer's stand in the table [producer]"));
        }
        let warnings: Vec<Warning> = match client {
            Client::Producer => self.producer.check().map(|()| self.producer.warnings())?,
            Client::Consumer => self.consumer.check().map(|()| self.consumer.warnings())?,
        };
        for warning in warnings {
            message::tell(format_args!("warning: {warning}"));
        }
        self.tell_servers(client);
        Ok(())
    }

    /// Says that the file's addresses count where the environment's are others: both may be what somebody meant.
    fn tell_servers(&self, client: Client) {
        let (servers, origin) = match client {
            Client::Producer => (self.producer.get("bootstrap.servers"), self.producer.origin("bootstrap.servers")),
            Client::Consumer => (self.consumer.get("bootstrap.servers"), self.consumer.origin("bootstrap.servers")),
        };
        let Some((Origin::File { .. }, variable)) = origin.zip(std::env::var(SERVERS).ok()) else { return };
        if !variable.is_empty() && servers != Some(&*variable) {
            let place = origin.map(ToString::to_string).unwrap_or_default();
            message::tell(format_args!(
                "warning: {SERVERS} is not used: bootstrap.servers is set in {place}; set OTTLA_BOOTSTRAP_SERVERS or --set bootstrap.servers to override it"
            ));
        }
    }

    /// A setting of the producer that is a whole number, if it is set.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.producer.get(name).and_then(|value| value.parse().ok())
    }
}

/// What the file says to each client.
#[derive(Default)]
struct InFile {
    producer: ProducerConfig,
    consumer: ConsumerConfig,
    clients: Vec<Client>,
}

impl InFile {
    fn read(file: &Path, problems: &mut Vec<String>) -> Self {
        let (producer, consumer) = (ProducerConfig::from_file(file), ConsumerConfig::from_file(file));
        let tables = client_tables(file).unwrap_or_default();
        let [has_producer, has_consumer] = if tables.is_empty() {
            // Nothing but names: they are the consumer's if they suit that one better.
            let wrong = |error: Option<&ConfigError>| error.map_or(0, |error| error.problems().len());
            let is_consumers = wrong(consumer.as_ref().err()) < wrong(producer.as_ref().err());
            [!is_consumers, is_consumers]
        } else {
            ["producer", "consumer"].map(|table| tables.contains(&table))
        };
        let clients = [(has_producer, Client::Producer), (has_consumer, Client::Consumer)];
        Self {
            producer: if has_producer { keep(producer, problems) } else { ProducerConfig::new() },
            consumer: if has_consumer { keep(consumer, problems) } else { ConsumerConfig::new() },
            clients: clients.into_iter().filter(|(has, _)| *has).map(|(_, client)| client).collect(),
        }
    }
}

/// What `--set NAME=VALUE` says: `consumer.NAME` to the consumer, `producer.NAME` to the producer, any other name to whoever has it.
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

/// What was read; nothing if that failed, and why is added to `problems`.
fn keep<T: Default>(result: Result<T, ConfigError>, problems: &mut Vec<String>) -> T {
    result.unwrap_or_else(|error| {
        problems.extend(error.problems().iter().map(ToString::to_string));
        T::default()
    })
}
