//! `ottla produce`: every record of a file or of stdin is sent, and what became of it is said.

use std::{
    io::{self, Write as _},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::{
    FutureExt as _,
    executor::block_on,
    future::{Either, select},
};
use ottla::{Producer, serialize::Bytes, testing::EmbeddedRegistry};

use crate::{
    args::{ProduceArguments, ReportFormat},
    batch_size,
    dead_letter::DeadLetters,
    embedded::Embedded,
    exit::{Exit, Failure, chain, written},
    input::Input,
    interrupt::Interrupt,
    ledger::{Balance, Ledger},
    message,
    plan::Plan,
    progress::Progress,
    sender::{End, Sender},
    settings::Client,
    source::Source,
    transactions::{self, Transactions},
};

/// How long what was accepted has to be delivered after Ctrl-C.
const LAST_CALL: Duration = Duration::from_secs(10);
/// Runs the command: reads, sends, waits for every report, and sums up.
pub(crate) fn produce(arguments: &ProduceArguments) -> Result<Exit, Failure> {
    let mut plan = Plan::new(arguments)?;
    let embedded = arguments.embedded.then(|| Embedded::start(&plan.topic)).transpose()?;
    if let Some(embedded) = &embedded {
        plan.settings.decide("bootstrap.servers", embedded.bootstrap_servers())?;
        plan.settings.decide("security.protocol", "PLAINTEXT")?;
    }
    let registry = (arguments.embedded && plan.wants_registry()).then(EmbeddedRegistry::start).transpose()?;
    if let Some(registry) = &registry {
        plan.settings.decide("schema.registry.url", registry.url())?;
    }
    plan.settings.check(Client::Producer)?;
    let letters = arguments.dead_letter.as_ref().map(DeadLetters::at).transpose().map_err(Failure::usage)?;

    let interrupt = Interrupt::listen()?;
    let source = Source::open(&plan.input.path, &interrupt).map_err(|source| Failure::usage(chain(&plan.cannot_open(source))))?;
    let (position, size) = (source.position, source.size);
    let mut input = match Input::read(source.bytes, &plan.input) {
        Err(_) if interrupt.is_pressed() => return Ok(Exit::Interrupted),
        input => input.map_err(|error| Failure::usage(chain(&error)))?,
    };
    let (key_encoder, value_encoder) = plan.encoders()?;
    let mut producer = build(&plan)?;
    if !reach(&producer, &plan.topic, &interrupt)? {
        return Ok(Exit::Interrupted);
    }
    if let Some(limit) = batch_size::lowered(&plan.settings.producer, &producer, &plan.topic, &interrupt) {
        message::tell(format_args!("batch.size is lowered to {limit}, the max.message.bytes of {}", plan.topic));
        plan.settings.decide("batch.size", &limit.to_string())?;
        let first = std::mem::replace(&mut producer, build(&plan)?);
        // It has sent nothing.
        let _ = first.blocking().close(Duration::ZERO);
    }
    if plan.is_transactional() && !transactions::init(&producer, &interrupt)? {
        return Ok(Exit::Interrupted);
    }

    let started = Instant::now();
    let read_back = embedded.as_ref().map(|embedded| Arc::clone(embedded.read_back()));
    let ledger = Ledger::new(letters, Progress::start(size), read_back, plan.is_transactional());
    let mut transactions = plan
        .is_transactional()
        .then(|| Transactions::begin(&producer, &ledger, &interrupt, arguments.transaction_records))
        .transpose()?;
    let closing = producer.clone();
    interrupt.react(move || {
        // Begins to close, and does not wait: room that is waited for is refused from now on, and a second Ctrl-C is heard.
        let _ = closing.close(LAST_CALL).now_or_never();
    });
    let encoders = (&key_encoder, &value_encoder);
    let sender = Sender {
        producer: &producer,
        plan: &plan,
        encoders,
        ledger: &ledger,
        embedded: embedded.as_ref(),
        interrupt: &interrupt,
    };
    let mut end = sender.send_all(&mut input, arguments, &mut transactions, || position.load(Ordering::Relaxed));
    if matches!(end, End::Interrupted) {
        let what = if transactions.is_some() { "the transaction is aborted" } else { "what was accepted is delivered" };
        let seconds = LAST_CALL.as_secs();
        ledger.tell(&format!("interrupted: {what}, for {seconds} s at most; Ctrl-C again ends at once"));
    }
    match &mut transactions {
        None => producer.blocking().flush()?,
        Some(transactions) => match end {
            End::Read => {
                if let Err(reason) = transactions.commit() {
                    end = End::Uncommitted(reason);
                }
            }
            End::Uncommitted(_) => {}
            End::Interrupted | End::Broken(_) | End::Stopped(_) => transactions.abort(),
        },
    }
    drop(transactions);
    if plan.is_transactional() {
        // Until the brokers have heard of the abort; what was given up is in the ledger.
        let _ = producer.blocking().close(LAST_CALL);
    }
    let mut balance = ledger.close();
    balance.report.finish(started.elapsed());

    let summed_up = sum_up(arguments, &balance);
    let end = if interrupt.is_pressed() { End::Interrupted } else { end };
    let exit = judge(end, &balance);
    let compared = embedded.map_or(Ok(()), compare);
    Ok(match (compared, summed_up) {
        (Err(failure), _) | (_, Err(failure)) => {
            let failed = failure.tell();
            if exit == Exit::Done { failed } else { exit }
        }
        (Ok(()), Ok(_)) => exit,
    })
}

fn build(plan: &Plan) -> Result<Producer<[u8], [u8]>, Failure> {
    Ok(Producer::builder(plan.settings.producer.clone()).key_serializer(Bytes).value_serializer(Bytes).build()?)
}

/// Asks the brokers for the topic, before anything is read: `false` if Ctrl-C came first.
fn reach(producer: &Producer<[u8], [u8]>, topic: &str, interrupt: &Interrupt) -> Result<bool, Failure> {
    let partitions = std::pin::pin!(producer.partitions_for(topic));
    match block_on(select(partitions, interrupt.pressed())) {
        Either::Left((Ok(_), _)) => Ok(true),
        Either::Left((Err(error), _)) => Err(error.into()),
        Either::Right(_) => Ok(false),
    }
}

/// Says what became of the records.
fn sum_up(arguments: &ProduceArguments, balance: &Balance) -> Result<Exit, Failure> {
    let report = &balance.report;
    let told = match arguments.report {
        ReportFormat::Text => {
            message::tell(report);
            Ok(Exit::Done)
        }
        ReportFormat::Json => {
            let mut json = serde_json::to_string(report).map_err(|error| Failure::new(Exit::Failed, error))?;
            json.push('\n');
            written(io::stdout().lock().write_all(json.as_bytes()))
        }
    };
    if let Some(path) = arguments.dead_letter.as_deref().filter(|_| report.failed() > 0) {
        tell_letters(path, balance);
    }
    told
}

fn tell_letters(path: &Path, balance: &Balance) {
    match &balance.letters_failed {
        Some(error) => message::tell(error),
        None => message::tell(format_args!("what failed is in {}", path.display())),
    }
}

/// How the command ends.
fn judge(end: End, balance: &Balance) -> Exit {
    let report = &balance.report;
    match end {
        End::Interrupted => Exit::Interrupted,
        End::Broken(error) => {
            message::tell(chain(&error));
            Exit::Usage
        }
        End::Stopped(reason) => {
            message::tell(format_args!("stopped reading: {reason}"));
            Exit::Failed
        }
        End::Uncommitted(reason) => {
            message::tell(format_args!("{reason}"));
            // As below.
            if balance.not_allowed > 0 && report.acknowledged() == 0 { Exit::Unreachable } else { Exit::Failed }
        }
        // Asking for the topic was allowed, writing to it was not.
        End::Read if report.failed() > 0 && balance.not_allowed == report.records() => Exit::Unreachable,
        End::Read if report.failed() > 0 => Exit::Failed,
        End::Read => Exit::Done,
    }
}

fn compare(embedded: Embedded) -> Result<(), Failure> {
    match embedded.compare() {
        Ok(records) => {
            let noun = if records == 1 { "record" } else { "records" };
            message::tell(format_args!("{} {noun} read back and compared: equal", indicatif::HumanCount(records)));
            Ok(())
        }
        Err(difference) => Err(Failure::new(Exit::Failed, format!("what was read back differs: {difference}"))),
    }
}
