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
use ottla::{ErrorKind, Producer, ProducerRecord, serialize::Bytes};

use crate::{
    args::{ProduceArguments, ReportFormat},
    dead_letter::DeadLetters,
    embedded::{Digest, Embedded},
    encoding::{Encoding, Part, Unfit},
    exit::{Exit, Failure, chain, written},
    input::{Format, Input, InputError, InputOptions, Step},
    interrupt::Interrupt,
    ledger::{Balance, Ledger},
    message,
    pace::Pace,
    progress::Progress,
    row::{Row, RowError},
    settings::Settings,
    source::Source,
    transactions::{self, Transactions},
};

/// How long what was accepted has to be delivered after Ctrl-C.
const LAST_CALL: Duration = Duration::from_secs(10);
/// Java's default of `max.request.size`, and the longest CSV header that a lower one does not make impossible.
const MAX_REQUEST_SIZE: u64 = 1_048_576;
const MAX_HEADER: u64 = 65_536;

/// What is to be done: the flags over the file.
struct Plan {
    settings: Settings,
    topic: String,
    input: InputOptions,
    encodings: Encodings,
}

/// How keys and values become bytes; `None` leaves them as they are.
#[derive(Clone, Copy)]
struct Encodings {
    key: Option<Encoding>,
    value: Option<Encoding>,
}

/// Why reading ended.
enum End {
    /// The input or `--limit` did.
    Read,
    /// Ctrl-C.
    Interrupted,
    /// The input is damaged from here on.
    Broken(InputError),
    /// No more records can be sent, or those that fail not be kept.
    Stopped(String),
    /// All was read, but not committed.
    Uncommitted(String),
}

/// Runs the command: reads, sends, waits for every report, and sums up.
pub(crate) fn produce(arguments: &ProduceArguments) -> Result<Exit, Failure> {
    let mut plan = Plan::new(arguments)?;
    let embedded = arguments.embedded.then(|| Embedded::start(&plan.topic)).transpose()?;
    if let Some(embedded) = &embedded {
        plan.settings.decide("bootstrap.servers", embedded.bootstrap_servers())?;
        plan.settings.decide("security.protocol", "PLAINTEXT")?;
    }
    plan.settings.check()?;
    let letters = arguments.dead_letter.as_ref().map(DeadLetters::at).transpose().map_err(Failure::usage)?;

    let interrupt = Interrupt::listen()?;
    let source = Source::open(&plan.input.path, &interrupt).map_err(|source| Failure::usage(plan.cannot_open(source)))?;
    let (position, size) = (source.position, source.size);
    let mut input = match Input::read(source.bytes, &plan.input) {
        Err(_) if interrupt.is_pressed() => return Ok(Exit::Interrupted),
        input => input.map_err(|error| Failure::usage(chain(&error)))?,
    };
    let producer: Producer<[u8], [u8]> =
        Producer::builder(plan.settings.producer.clone()).key_serializer(Bytes).value_serializer(Bytes).build()?;
    if !reach(&producer, &plan.topic, &interrupt)? {
        return Ok(Exit::Interrupted);
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
    let sender = Sender { producer: &producer, plan: &plan, ledger: &ledger, embedded: embedded.as_ref(), interrupt: &interrupt };
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

impl Plan {
    fn new(arguments: &ProduceArguments) -> Result<Self, Failure> {
        let settings = Settings::load(&arguments.settings)?;
        let file = arguments.settings.config.display();
        if arguments.transaction_records.is_some() && settings.producer.get("transactional.id").is_none() {
            return Err(Failure::usage("--transaction-records: there is no transactional.id: set one"));
        }
        let job = &settings.job;
        let topic = arguments.topic.clone().or_else(|| job.topic.clone());
        let topic = topic.ok_or_else(|| Failure::usage(format!("there is no topic: give --topic, or `topic` in {file}")))?;
        let path = arguments.input.clone().or_else(|| job.input.clone());
        let path = path.ok_or_else(|| {
            Failure::usage(format!("there is no input: give --input FILE or -, or `path` in [input] of {file}"))
        })?;
        let format = arguments.format.or(job.format).or_else(|| Format::of_path(&path));
        let max_record = settings.number("max.request.size").unwrap_or(MAX_REQUEST_SIZE).max(MAX_HEADER);
        let mut input = InputOptions {
            format,
            key: arguments.key_field.clone().or_else(|| job.key_field.clone()),
            null: job.null.clone(),
            max_record: usize::try_from(max_record).unwrap_or(usize::MAX),
            path,
        };
        let mut value = job.value;
        if arguments.format.is_some() {
            overrule(&mut input, &mut value, arguments.key_field.is_some(), &file.to_string());
        }
        let encodings = Encodings {
            key: Encodings::one("key", job.key, settings.producer.get("key.serializer"))?,
            value: Encodings::one("value", value, settings.producer.get("value.serializer"))?,
        };
        let encodings = encodings.of(format.unwrap_or(Format::Lines))?;
        Ok(Self { settings, topic, input, encodings })
    }

    fn is_transactional(&self) -> bool {
        self.settings.producer.get("transactional.id").is_some()
    }

    fn cannot_open(&self, source: io::Error) -> InputError {
        InputError::Open { name: self.input.path.display().to_string(), source }
    }
}

/// Leaves out what the file says for its own format and the format of `--format` does not have, and says so.
fn overrule(input: &mut InputOptions, value: &mut Option<Encoding>, key_is_flag: bool, file: &str) {
    let Some(format) = input.format else { return };
    let is_lines = format == Format::Lines;
    let key = if is_lines && !key_is_flag { input.key.take() } else { None };
    let null = if format == Format::Csv { None } else { input.null.take() };
    let json = if is_lines { value.take_if(|value| *value == Encoding::Json) } else { None };
    let json = json.map(|json| json.to_string());
    for (name, value, so) in
        [("key", key, ": every key is null"), ("null", null, ""), ("[value] serializer", json, ": lines go out as they are")]
    {
        if let Some(value) = value {
            message::tell(format_args!("--format {format}: {name} = \"{value}\" in {file} does not apply{so}"));
        }
    }
}

impl Encodings {
    /// The encoding of a part, named by the command's table or by Java's setting.
    fn one(part: &str, in_table: Option<Encoding>, setting: Option<&str>) -> Result<Option<Encoding>, Failure> {
        let in_setting = setting.map(str::parse::<Encoding>).transpose();
        let in_setting = in_setting.map_err(|message| Failure::usage(format!("{part}.serializer: {message}")))?;
        match (in_table, in_setting) {
            (Some(one), Some(other)) if one != other => Err(Failure::usage(format!(
                "{part}.serializer: is {other}, and `serializer` in [{part}] is {one}: give one of them"
            ))),
            (one, other) => Ok(one.or(other)),
        }
    }

    /// The encodings for an input of this format, without those that change nothing.
    fn of(self, format: Format) -> Result<Self, Failure> {
        for (part, encoding) in [("key", self.key), ("value", self.value)] {
            if let Some(encoding) = encoding.filter(|encoding| !encoding.is_known()) {
                return Err(Failure::usage(format!("{part}.serializer: {encoding} is not built in yet")));
            }
        }
        if let Some(value) = self.value.filter(|value| !value.takes_values_of(format)) {
            return Err(Failure::usage(format!(
                "value.serializer: {value}, and a record of {format} is a JSON object: use json, string or bytes, or --format lines"
            )));
        }
        let is_json = format != Format::Lines;
        Ok(Self { key: self.key, value: self.value.filter(|value| !(is_json && *value == Encoding::Json)) })
    }
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

/// What rows are sent with.
struct Sender<'a> {
    producer: &'a Producer<[u8], [u8]>,
    plan: &'a Plan,
    ledger: &'a Arc<Ledger>,
    embedded: Option<&'a Embedded>,
    interrupt: &'a Interrupt,
}

impl Sender<'_> {
    /// Sends row after row. A row that cannot be sent is noted, and the next one is read.
    fn send_all(
        &self,
        input: &mut Input,
        arguments: &ProduceArguments,
        transactions: &mut Option<Transactions<'_>>,
        position: impl Fn() -> u64,
    ) -> End {
        let mut pace = arguments.rate.map(Pace::new);
        let mut buffers = (Vec::new(), Vec::new());
        let mut left = arguments.limit.unwrap_or(u64::MAX);
        let mut shown = 0;
        while left > 0 {
            if let Some(pace) = &mut pace {
                self.interrupt.sleep(pace.next(Instant::now()));
            }
            if self.interrupt.is_pressed() {
                return End::Interrupted;
            }
            if let Some(reason) = self.ledger.ended() {
                return End::Stopped(reason);
            }
            match input.next() {
                Ok(Step::Row(row)) => self.send(&row, &mut buffers),
                Ok(Step::Bad(error)) => self.ledger.turn_away(&error),
                Ok(Step::End) => break,
                Err(_) if self.interrupt.is_pressed() => return End::Interrupted,
                Err(error) => return End::Broken(error),
            }
            left -= 1;
            if let Some(Err(reason)) = transactions.as_mut().map(Transactions::count) {
                return if self.interrupt.is_pressed() { End::Interrupted } else { End::Uncommitted(reason) };
            }
            let read = position();
            if read != shown {
                self.ledger.read_to(read);
                shown = read;
            }
        }
        End::Read
    }

    /// Encodes one row and sends it. What cannot be sent is in the ledger.
    fn send(&self, row: &Row<'_>, (key_buffer, value_buffer): &mut (Vec<u8>, Vec<u8>)) {
        let Encodings { key, value } = self.plan.encodings;
        let turn_away = |Unfit { kind, message }, field| {
            self.ledger.turn_away(&RowError { line: row.line, kind, message, field, record: row.raw.to_vec() });
        };
        let key = match (key, row.key) {
            (Some(encoding), Some(text)) => match encoding.encode(Part::Key, text, key_buffer) {
                Ok(key) => key,
                Err(unfit) => return turn_away(unfit, self.plan.input.key.clone()),
            },
            (_, key) => key,
        };
        let value = match value {
            Some(encoding) => match encoding.encode(Part::Value, row.value, value_buffer) {
                Ok(value) => value,
                Err(unfit) => return turn_away(unfit, None),
            },
            None => Some(row.value),
        };
        let mut record = ProducerRecord::to(&*self.plan.topic);
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.value(value);
        }
        self.hand_over(row, record, self.embedded.map(|_| Digest::of(key, value)));
    }

    /// Hands the record to the producer; waits for room for `max.block.ms` at most.
    fn hand_over(&self, row: &Row<'_>, record: ProducerRecord<'_, [u8], [u8]>, digest: Option<Digest>) {
        let read_back = self.embedded.map(Embedded::read_back).zip(digest);
        if let Some((read_back, digest)) = read_back {
            // Its error would be one of a callback's, and this is none.
            read_back.hold_back(|| drop(self.producer.blocking().flush()));
            read_back.sending(digest);
        }
        let entry = self.ledger.enter(row, digest);
        let Err(error) = self.producer.blocking().send_with(record, move |report| entry.settle(report)) else { return };
        if let Some((read_back, digest)) = read_back {
            read_back.failed(digest);
        }
        // Ctrl-C closes the producer: a row that waited for room then is as good as not read.
        if error.kind() != ErrorKind::Closed || !self.interrupt.is_pressed() {
            self.ledger.refuse(row, &error);
        }
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
