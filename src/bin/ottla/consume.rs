//! `ottla consume`: a topic's records to stdout.

use std::{
    io::{self, BufWriter, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use futures::{
    channel::oneshot,
    executor::block_on,
    future::{Either, select},
};
use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    metadata::MetadataPartition,
    types::RDKafkaErrorCode as Code,
};

use crate::{
    args::{ConsumeArguments, OutputFormat},
    consumed::{write_json, write_value},
    exit::{Exit, Failure, written},
    interrupt::Interrupt,
    message,
    settings::{Client, Settings},
};

/// How long it waits for a record before it looks around.
const LOOK: Duration = Duration::from_millis(50);
/// Java's default of `default.api.timeout.ms` and of `max.block.ms`: how long the brokers may take to answer.
const API_TIMEOUT: u64 = 60_000;
const OUTPUT_BUFFER: usize = 64 * 1024;
/// More errors than a client has of its brokers before it gives up.
const EVENTS: usize = 32;

/// Runs the command.
pub(crate) fn consume(arguments: &ConsumeArguments) -> Result<Exit, Failure> {
    let settings = Settings::load(&arguments.settings)?;
    settings.check(Client::Consumer)?;
    let file = arguments.settings.config.display();
    let topic = arguments.topic.clone().or_else(|| settings.job.topic.clone());
    let topic = topic.ok_or_else(|| Failure::usage(format!("there is no topic: give --topic, or `topic` in {file}")))?;
    let interrupt = Interrupt::listen()?;
    let consumer = Arc::new(start(&settings)?);
    let Some(partitions) = partitions(&consumer, &settings, &topic, &interrupt)? else { return Ok(Exit::Interrupted) };
    assign(&consumer, &topic, &partitions, arguments.from_beginning)?;
    tell_unconcerned(&settings);
    let output = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    read(&consumer, arguments, &interrupt, output)
}

fn start(settings: &Settings) -> Result<BaseConsumer<Trouble>, Failure> {
    let mut config = ClientConfig::new();
    for (name, value) in settings.consumer.native_properties()? {
        config.set(name, value);
    }
    // It joins no group and commits nothing.
    config.set("enable.auto.commit", "false");
    if settings.consumer.get("auto.offset.reset").is_none() {
        config.set("auto.offset.reset", "earliest");
    }
    // Its error may quote the value that it refuses, so only the setting is named.
    config.create_with_context(Trouble::default()).map_err(|error| match error {
        KafkaError::ClientConfig(_, _, name, _) => Failure::usage(format!("librdkafka refuses {name}")),
        error => Failure::usage(format!("the consumer does not start: {error}")),
    })
}

/// Says which settings were given and have no part in consuming.
fn tell_unconcerned(settings: &Settings) {
    let explanation = settings.producer.explain();
    let unconcerned: Vec<&str> = explanation
        .rows()
        .iter()
        .map(|row| row.name())
        .filter(|name| *name != "max.block.ms" && settings.producer.get(name).is_some() && settings.consumer.get(name).is_none())
        .collect();
    if !unconcerned.is_empty() {
        message::tell(format_args!("these settings do not concern consuming: {}", unconcerned.join(", ")));
    }
}

/// The topic's partitions, asked of the brokers; `None` if Ctrl-C came first.
fn partitions(
    consumer: &Arc<BaseConsumer<Trouble>>,
    settings: &Settings,
    topic: &str,
    interrupt: &Interrupt,
) -> Result<Option<Vec<i32>>, Failure> {
    let set = settings.consumer.get("default.api.timeout.ms").and_then(|timeout| timeout.parse().ok());
    let timeout = Duration::from_millis(set.or(settings.number("max.block.ms")).unwrap_or(API_TIMEOUT));
    let (asking, asked) = (Arc::clone(consumer), topic.to_owned());
    let (sender, answer) = oneshot::channel();
    thread::Builder::new()
        .name("ottla-metadata".to_owned())
        // If nobody waits for the answer any more, Ctrl-C came first.
        .spawn(move || drop(sender.send(asking.fetch_metadata(Some(&asked), timeout))))
        .map_err(|error| Failure::new(Exit::Failed, format!("no thread to ask the brokers: {error}")))?;
    let metadata = match block_on(select(answer, interrupt.pressed())) {
        Either::Left((Ok(Ok(metadata)), _)) => metadata,
        Either::Left((Ok(Err(error)), _)) => {
            let servers = settings.consumer.get("bootstrap.servers").unwrap_or_default();
            let text = format!("topic {topic}: no broker at {servers} answered within {} ms: {error}", timeout.as_millis());
            // What went wrong with the brokers waits to be served.
            for _ in 0..EVENTS {
                drop(consumer.poll(Duration::ZERO));
            }
            let trouble = consumer.context().last().map(|trouble| format!(": {trouble}")).unwrap_or_default();
            return Err(Failure::new(Exit::Unreachable, text + &trouble));
        }
        Either::Left((Err(_), _)) => return Err(Failure::new(Exit::Failed, "the thread that asked the brokers is gone")),
        Either::Right(_) => return Ok(None),
    };
    let missing = || Failure::usage(format!("topic {topic}: does not exist"));
    let known = metadata.topics().iter().find(|known| known.name() == topic).ok_or_else(missing)?;
    match known.error().map(Code::from) {
        None => Ok(Some(known.partitions().iter().map(MetadataPartition::id).collect())),
        Some(Code::TopicAuthorizationFailed) => {
            Err(Failure::new(Exit::Unreachable, format!("topic {topic}: this client is not allowed to see it")))
        }
        Some(Code::UnknownTopicOrPartition) => Err(missing()),
        Some(code) => Err(Failure::new(Exit::Failed, format!("topic {topic}: {code}"))),
    }
}

/// Begins with all partitions, at their first record or behind their last.
fn assign(consumer: &BaseConsumer<Trouble>, topic: &str, partitions: &[i32], from_beginning: bool) -> Result<(), Failure> {
    let offset = if from_beginning { Offset::Beginning } else { Offset::End };
    let mut assignment = TopicPartitionList::new();
    partitions
        .iter()
        .try_for_each(|partition| assignment.add_partition_offset(topic, *partition, offset))
        .and_then(|()| consumer.assign(&assignment))
        .map_err(|error| Failure::new(Exit::Failed, format!("topic {topic}: {error}")))
}

/// Writes record after record, until `--max`, `--idle`, Ctrl-C or the end of who reads.
fn read(
    consumer: &BaseConsumer<Trouble>,
    arguments: &ConsumeArguments,
    interrupt: &Interrupt,
    mut output: impl Write,
) -> Result<Exit, Failure> {
    let mut left = arguments.max.unwrap_or(u64::MAX);
    let mut last = Instant::now();
    while left > 0 {
        if interrupt.is_pressed() {
            return written(output.flush()).map(|_| Exit::Interrupted);
        }
        // What is there is written in large pieces; before a wait everything goes out.
        let next = match consumer.poll(Duration::ZERO) {
            None => {
                if let Err(error) = output.flush() {
                    return written(Err(error));
                }
                consumer.poll(LOOK)
            }
            next => next,
        };
        match next {
            None if arguments.idle.is_some_and(|idle| last.elapsed() >= idle) => break,
            None => {}
            Some(Ok(record)) => {
                last = Instant::now();
                left -= 1;
                let wrote = match arguments.format {
                    OutputFormat::Jsonl => write_json(&mut output, &record),
                    OutputFormat::Lines => write_value(&mut output, &record),
                };
                if let Err(error) = wrote {
                    return written(Err(error));
                }
            }
            Some(Err(error)) => judge(&error)?,
        }
    }
    written(output.flush())
}

/// Whether an error ends consuming. Connections come and go; librdkafka goes on by itself.
fn judge(error: &KafkaError) -> Result<(), Failure> {
    match error.rdkafka_error_code() {
        Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::TopicAuthorizationFailed) => {
            Err(Failure::new(Exit::Unreachable, format!("not allowed in: {error}")))
        }
        Some(Code::Fatal | Code::UnknownTopicOrPartition | Code::UnknownTopic) => Err(Failure::new(Exit::Failed, error)),
        _ => {
            message::tell(format_args!("consuming goes on after: {error}"));
            Ok(())
        }
    }
}

/// Keeps the last thing that went wrong with a broker, for an error that says why none answered.
#[derive(Debug, Default)]
struct Trouble(Mutex<Option<String>>);

impl Trouble {
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Trouble {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(target: "ottla::librdkafka", ?level, facility, "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down says less than why the last one is.
        if error.rdkafka_error_code() != Some(Code::AllBrokersDown) || last.is_none() {
            *last = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Trouble {}
