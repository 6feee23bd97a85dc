//! [`dry_run`]: shows the first records of a run, and sends nothing.

use std::io::{self, BufWriter, Write as _};

use futures::{
    executor::block_on,
    future::{Either, select},
};
use ottla::record::Headers;

use crate::{
    consumed::{PlainRecord, write_plain},
    encoders::{Encoders, Serializing},
    encoding::Unfit,
    exit::{Exit, Failure, chain, written},
    input::Step,
    inputs::{Inputs, OpenInput},
    interrupt::Interrupt,
    message,
    plan::Plan,
    record::{HIDDEN, Parts, check_topic},
    row::RowError,
    sender::parts_of,
    settings::Client,
};

/// Writes the first records to stdout, each as a JSON object, and the rows that could not be sent to stderr.
///
/// No broker is asked, so a partition or a topic that does not exist is not found. With a schema registry, no schema is requested, and a
/// row that does not fit its schema is shown.
///
/// # Errors
/// The configuration is one that a run refuses, an input cannot be read, or stdout cannot be written.
pub(crate) fn dry_run(plan: &Plan, records: u64, interrupt: &Interrupt) -> Result<Exit, Failure> {
    plan.settings.check(Client::Producer)?;
    if plan.record.topic_rule().is_none() {
        let topic = &plan.topic;
        check_topic(topic).map_err(|reason| Failure::usage(format!("topic {topic:?}: {reason}")))?;
    }
    plan.check_schemas()?;
    if plan.paths.is_empty() {
        message::tell("no input has a file yet");
        return Ok(Exit::Done);
    }
    let mut inputs = Inputs::new(plan, interrupt)?;
    let opening = std::pin::pin!(inputs.open_first()?);
    let opened = match block_on(select(opening, interrupt.pressed())) {
        Either::Left((opened, _)) => opened?,
        Either::Right(_) => return Ok(Exit::Interrupted),
    };
    let encoders = if plan.wants_registry() { None } else { Some(Encoders::open(plan)?) };
    let mut showing =
        Showing { plan, encoders: encoders.as_ref(), left: records, failed: 0, output: BufWriter::new(io::stdout().lock()) };
    // As in a run, the next input is read after one that breaks off, except with transactions.
    let (mut opened, mut is_broken) = (Ok(opened), false);
    loop {
        let mut mapper = None;
        let shown = match opened {
            Ok(mut opened) => {
                opened.input.warning().into_iter().for_each(message::tell);
                let shown = showing.show_rows(&mut opened);
                mapper = opened.mapper;
                shown
            }
            Err(failure) => Err(Stop::Input(failure)),
        };
        match shown {
            Ok(()) => {}
            Err(_) if interrupt.is_pressed() => return Ok(Exit::Interrupted),
            Err(Stop::Output(error)) => return written(Err(error)),
            Err(Stop::Input(failure)) => {
                // In the order of the rows, if both go to a terminal.
                written(showing.output.flush())?;
                failure.tell();
                is_broken = true;
            }
        }
        if showing.left == 0 || (is_broken && plan.is_transactional()) {
            break;
        }
        opened = match inputs.open_next(mapper) {
            None => break,
            Some(next) => next,
        };
    }
    let exit = written(showing.output.flush())?;
    Ok(match exit {
        _ if is_broken => Exit::Usage,
        _ if showing.failed > 0 => Exit::Failed,
        exit => exit,
    })
}

/// Why nothing else is shown.
enum Stop {
    Output(io::Error),
    Input(Failure),
}

struct Showing<'a, W: io::Write> {
    plan: &'a Plan,
    /// The encoders of keys and values; `None` if they need the schema registry.
    encoders: Option<&'a Encoders<'a>>,
    left: u64,
    failed: u64,
    output: W,
}

impl<'a, W: io::Write> Showing<'a, W> {
    /// Shows the records of an input.
    fn show_rows(&mut self, opened: &mut OpenInput) -> Result<(), Stop> {
        let name = self.plan.options(opened.index).name();
        let mut serializing = self.serializing(opened)?;
        while self.left > 0 {
            let OpenInput { input, mapper, file, .. } = &mut *opened;
            let refused = match input.next() {
                Ok(Step::Layout) => {
                    opened.resolve_again(self.plan).map_err(Stop::Input)?;
                    serializing = self.serializing(opened)?;
                    continue;
                }
                Ok(Step::End | Step::Wait) => return Ok(()),
                Ok(Step::Bad(error)) => Some(error),
                Ok(Step::Row(row)) => {
                    let parts = parts_of(&row, mapper.as_mut(), &self.plan.topic, |_| None);
                    let parts = parts.and_then(|parts| self.encode(&parts, serializing.as_ref()).map(|()| parts));
                    match parts {
                        Ok(parts) => {
                            self.show(&parts).map_err(Stop::Output)?;
                            if file.is_none() {
                                // The next row may arrive much later.
                                self.output.flush().map_err(Stop::Output)?;
                            }
                            None
                        }
                        Err(Unfit { kind, message, field }) => {
                            Some(RowError { line: row.line, kind, message, field, record: Vec::new(), letter: None })
                        }
                    }
                }
                Err(error) => return Err(Stop::Input(Failure::usage(chain(&error)))),
            };
            self.left -= 1;
            if let Some(error) = refused {
                self.failed += 1;
                // In the order of the rows, if both go to a terminal.
                self.output.flush().map_err(Stop::Output)?;
                message::tell(format_args!("{name}: {error}"));
            }
        }
        Ok(())
    }

    /// How the rows that follow are serialized; `None` if that needs the schema registry.
    fn serializing(&self, opened: &OpenInput) -> Result<Option<Serializing<'a>>, Stop> {
        self.encoders.map(|encoders| encoders.serializing(&opened.input).map_err(Stop::Input)).transpose()
    }

    /// Checks that key and value can be serialized.
    fn encode(&self, parts: &Parts<'_>, serializing: Option<&Serializing<'_>>) -> Result<(), Unfit> {
        let Some(serializing) = serializing else { return Ok(()) };
        let topic = parts.topic.unwrap_or(&self.plan.topic);
        serializing.encode(parts, topic, None, &mut parts.headers.clone(), &mut Default::default()).map(drop)
    }

    fn show(&mut self, parts: &Parts<'_>) -> io::Result<()> {
        let Parts { topic, partition, timestamp, key, value, headers, .. } = parts;
        let topic = topic.unwrap_or(&self.plan.topic);
        let headers = headers.iter().map(|header| {
            let is_hidden = self.plan.record.hides(header.name());
            (header.name(), if is_hidden { Some(HIDDEN.as_bytes()) } else { header.value() })
        });
        let headers = &headers.collect::<Headers>();
        let (partition, timestamp, key, value) = (*partition, *timestamp, *key, *value);
        let record = PlainRecord { topic, partition, timestamp, key, value, headers, origin: None };
        write_plain(&mut self.output, &record)
    }
}
