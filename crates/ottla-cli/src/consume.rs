//! `ottla consume`: writes the records of a topic to stdout.

use std::{
    io::{self, BufWriter, Write},
    time::{Duration, Instant},
};

use futures::{
    executor::block_on,
    future::{Either, select},
};
use ottla::{
    Consumer, ErrorKind,
    consumer::{ConsumeError, TopicPartition},
};
use ottla_schema_registry::{SchemaRegistry, SchemaRegistryConfig};

use crate::{
    args::{ConsumeArguments, OutputFormat},
    consumed::{write_json, write_record, write_undecoded, write_value},
    decoder::{Decoded, Decoder},
    exit::{Exit, Failure, chain, written},
    interrupt::Interrupt,
    message,
    settings::{Client, Settings},
};

/// How long one poll waits for a record before the loop checks for Ctrl-C and `--idle`.
const POLL: Duration = Duration::from_millis(50);
const OUTPUT_BUFFER: usize = 64 * 1024;

/// Runs the command.
pub(crate) fn consume(arguments: &ConsumeArguments) -> Result<Exit, Failure> {
    let settings = Settings::load(&arguments.settings)?;
    settings.check(Client::Consumer)?;
    let file = arguments.settings.place().display();
    let constant = || settings.job.record.constant_topic().map(str::to_owned);
    let topic = arguments.topic.clone().or_else(|| settings.job.topic.clone()).or_else(constant);
    let topic = topic.ok_or_else(|| Failure::usage(format!("no topic: pass --topic, or set `topic` in {file}")))?;
    report_unused(&settings)?;
    let interrupt = Interrupt::listen()?;
    let consumer = start(&settings, arguments.format)?;
    let partitions = match block_on(select(std::pin::pin!(consumer.partitions_for(&topic)), interrupt.pressed())) {
        Either::Left((Err(error), _)) if error.kind() == ErrorKind::UnknownTopicOrPartition => {
            return Err(Failure::usage(format!("topic {topic}: does not exist")));
        }
        Either::Left((partitions, _)) => partitions?,
        Either::Right(_) => return Ok(Exit::Interrupted),
    };
    let partitions: Vec<_> = partitions.iter().map(|partition| TopicPartition::new(&*topic, partition.partition())).collect();
    block_on(async {
        consumer.assign(partitions.clone()).await?;
        // The position does not depend on a group's committed offsets.
        if arguments.from_beginning {
            consumer.seek_to_beginning(partitions).await
        } else {
            consumer.seek_to_end(partitions).await
        }
    })?;
    let output = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    read(&consumer, arguments, &interrupt, output)
}

/// Starts a consumer that joins no group and commits nothing.
fn start(settings: &Settings, format: OutputFormat) -> Result<Consumer<Decoded, Decoded>, Failure> {
    let registry = SchemaRegistryConfig::from_producer(&settings.producer);
    let url = registry.get("schema.registry.url").filter(|_| format != OutputFormat::Record);
    let registry = url.map(|_| SchemaRegistry::new(&registry)).transpose()?;
    let mut config = settings.consumer.clone().set("enable.auto.commit", "false")?;
    if config.get("auto.offset.reset").is_none() {
        config = config.set("auto.offset.reset", "earliest")?;
    }
    if config.get("default.api.timeout.ms").is_none() {
        if let Some(timeout) = settings.producer.get("max.block.ms") {
            config = config.set("default.api.timeout.ms", timeout)?;
        }
    }
    let decoder = Decoder::new(registry);
    Ok(Consumer::builder(config).key_deserializer(decoder.clone()).value_deserializer(decoder).build()?)
}

/// Reports the given settings that have no effect on consuming.
///
/// # Errors
/// There are some, with `--strict`.
fn report_unused(settings: &Settings) -> Result<(), Failure> {
    let explanation = settings.producer.explain();
    let unused: Vec<&str> = explanation
        .rows()
        .iter()
        .map(|row| row.name())
        .filter(|name| *name != "max.block.ms" && settings.producer.get(name).is_some() && settings.consumer.get(name).is_none())
        .collect();
    match (unused.join(", "), settings.is_strict) {
        (unused, _) if unused.is_empty() => Ok(()),
        (unused, true) => settings.warn(&format!("these settings have no effect on consuming: {unused}")),
        (unused, false) => {
            message::tell(format_args!("these settings have no effect on consuming: {unused}"));
            Ok(())
        }
    }
}

/// Writes records until `--max`, `--idle`, Ctrl-C or a closed stdout ends it.
fn read(
    consumer: &Consumer<Decoded, Decoded>,
    arguments: &ConsumeArguments,
    interrupt: &Interrupt,
    mut output: impl Write,
) -> Result<Exit, Failure> {
    let mut left = arguments.max.unwrap_or(u64::MAX);
    let mut last = Instant::now();
    // The schema registry's error that holds records back, until the next record arrives.
    let mut held_back = None;
    while left > 0 {
        if interrupt.is_pressed() {
            return written(output.flush()).map(|_| Exit::Interrupted);
        }
        // Fetched records are written in large pieces; the buffer is flushed before each wait.
        let mut items = consumer.blocking().poll(Duration::ZERO);
        if items.is_empty() {
            if let Err(error) = output.flush() {
                return written(Err(error));
            }
            items = consumer.blocking().poll(POLL);
        }
        if items.is_empty() && arguments.idle.is_some_and(|idle| last.elapsed() >= idle) {
            // The output was flushed above.
            return held_back.map_or(Ok(Exit::Done), |error| {
                Err(Failure::new(Exit::Failed, format!("the schema registry failed, so records could not be decoded: {error}")))
            });
        }
        for item in items {
            let wrote = match item {
                Ok(record) => match arguments.format {
                    OutputFormat::Jsonl => write_json(&mut output, &record),
                    OutputFormat::Record => write_record(&mut output, &record),
                    OutputFormat::Lines => write_value(&mut output, record.value()),
                },
                Err(error) => match error.record() {
                    Some(record) if arguments.format == OutputFormat::Jsonl => {
                        write_undecoded(&mut output, record, &chain(error.error()))
                    }
                    Some(_) => {
                        held_back = None;
                        message::tell(format_args!("record skipped: {}", chain(error.error())));
                        continue;
                    }
                    None => {
                        if error.kind() == ErrorKind::SchemaRegistry {
                            held_back = Some(chain(error.error()));
                        }
                        check_error(&error)?;
                        continue;
                    }
                },
            };
            if let Err(error) = wrote {
                return written(Err(error));
            }
            last = Instant::now();
            held_back = None;
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    written(output.flush())
}

/// Returns the errors that end consuming and reports the others. librdkafka recovers from lost connections.
fn check_error(error: &ConsumeError) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::Authentication | ErrorKind::Authorization => {
            Err(Failure::new(Exit::Unreachable, format!("access denied: {}", chain(error.error()))))
        }
        ErrorKind::UnknownTopicOrPartition => Err(Failure::new(Exit::Failed, chain(error.error()))),
        _ if error.error().is_fatal() => Err(Failure::new(Exit::Failed, chain(error.error()))),
        _ => {
            message::tell(format_args!("still consuming after an error: {}", chain(error.error())));
            Ok(())
        }
    }
}
