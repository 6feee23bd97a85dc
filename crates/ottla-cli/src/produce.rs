//! `ottla produce`: sends every record of a file or of stdin, and reports the outcome.

use std::{
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::AtomicU64,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use futures::{
    FutureExt as _,
    executor::block_on,
    future::{Either, select, try_join},
};
use ottla::{ErrorKind, Producer, ProducerConfig, config::Origin, serialize::Bytes};
use ottla_schema_registry::testing::EmbeddedRegistry;

use crate::{
    args::{ProduceArguments, ReportFormat},
    batch_size,
    checkpoint::Checkpoints,
    dead_letter::DeadLetters,
    dry_run::dry_run,
    embedded::Embedded,
    encoders::Encoders,
    exit::{Exit, Failure, chain, written},
    file_identity::FileIdentity,
    follow::Followed,
    inputs::{Inputs, OpenInput},
    interrupt::Interrupt,
    message,
    monitoring::{Monitoring, RunProgress},
    pipeline::reader_in_pipeline,
    plan::{Plan, never_inputs},
    progress::Progress,
    report::{Destination, Report},
    run_totals::{Balance, RunTotals},
    sender::{End, Sender},
    settings::Client,
    topic::create_topics,
    transactions::Transactions,
};

/// How long accepted records have to be delivered after Ctrl-C.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the report waits for the cluster id, which was requested before the first record.
const CLUSTER_ID_TIMEOUT: Duration = Duration::from_secs(5);

/// How often librdkafka measures.
const STATISTICS: &str = "librdkafka.statistics.interval.ms";

/// How often a transaction is committed if the inputs are followed, without checkpoints.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// The inputs: each read to its end, or followed.
enum Sources<'a> {
    Whole(Inputs<'a>),
    Followed(Box<Followed<'a>>),
}

impl Sources<'_> {
    /// The size of all inputs in bytes, as they are stored; `None` if one of them has none.
    fn size(&self) -> Option<u64> {
        if let Self::Whole(inputs) = self { inputs.size() } else { None }
    }

    /// The number of bytes read.
    fn counter(&self) -> Arc<AtomicU64> {
        match self {
            Self::Whole(inputs) => Arc::clone(inputs.counter()),
            Self::Followed(followed) => followed.counter(),
        }
    }

    /// Opens the first input, unless the inputs are followed.
    fn open_first(&mut self) -> Result<impl Future<Output = Result<Option<OpenInput>, Failure>> + use<>, Failure> {
        let first = if let Self::Whole(inputs) = self { Some(inputs.open_first()?) } else { None };
        Ok(async move {
            match first {
                Some(first) => first.await.map(Some),
                None => Ok(None),
            }
        })
    }
}

/// The producer, and the number of partitions of each topic that is known.
pub(crate) type Connected = (Producer<[u8], [u8]>, Vec<(String, usize)>);

/// Runs the command: reads, sends, waits for every report, and prints the summary.
pub(crate) fn produce(arguments: &ProduceArguments) -> Result<Exit, Failure> {
    let mut destination = Destination::default();
    let ended = run(arguments, &mut destination);
    if let (Err(failure), ReportFormat::Json) = (&ended, arguments.report) {
        print_json(&Report::of_failure(destination, failure.text()))?;
    }
    ended
}

/// An error means that the run ended before the first record, without a summary.
fn run(arguments: &ProduceArguments, destination: &mut Destination) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut plan = Plan::new(arguments)?;
    if let Some(records) = arguments.dry_run {
        return dry_run(&plan, records, &interrupt);
    }
    let monitoring = arguments.metrics.or(plan.settings.job.metrics).map(Monitoring::serve).transpose()?;
    if monitoring.is_some() && plan.settings.producer.get(STATISTICS).is_none() {
        plan.settings.decide(STATISTICS, "5000")?;
    }
    destination.topic = Some(plan.topic.clone());
    destination.has_topics = plan.record.topic_rule().is_some();
    let embedded = arguments.embedded.then(|| Embedded::start(&plan.topic)).transpose()?;
    if let Some(embedded) = &embedded {
        plan.settings.decide("bootstrap.servers", embedded.bootstrap_servers())?;
        plan.settings.decide("security.protocol", "PLAINTEXT")?;
    }
    let registry = (arguments.embedded && plan.wants_registry()).then(EmbeddedRegistry::start).transpose().map_err(|error| {
        Failure::new(Exit::of(ErrorKind::EmbeddedKafka), format!("the embedded registry could not be started: {error}"))
    })?;
    if let Some(registry) = &registry {
        plan.settings.decide("schema.registry.url", registry.url())?;
    }
    destination.brokers = plan.settings.producer.get("bootstrap.servers").map(str::to_owned);
    plan.settings.check(Client::Producer)?;
    let letters = arguments.dead_letter.as_deref().map(|path| dead_letters(path, arguments, &plan)).transpose()?;

    let mut checkpoints = if arguments.embedded {
        if plan.settings.job.checkpoint.place().is_some() {
            message::tell("--embedded: [checkpoint] has no effect, because the broker ends with the run");
        }
        None
    } else {
        Checkpoints::open(&plan, arguments.dead_letter.as_deref())?
    };
    let never = never_inputs(&plan.settings, arguments.settings.place(), arguments.dead_letter.as_deref());
    let letters_file = letters.as_ref().map(DeadLetters::open_file).unwrap_or_default();
    let followed =
        plan.follow().map(|(paths, settings)| Followed::start(&plan, paths, settings, never, letters_file, &interrupt));
    let mut inputs = match followed.transpose()? {
        Some(followed) => Sources::Followed(Box::new(followed)),
        None => Sources::Whole(Inputs::new(&plan, &interrupt)?),
    };
    let size = inputs.size();
    let opening = inputs.open_first()?;
    let encoders = Encoders::open(&plan)?;
    let config = &plan.settings.producer;
    let producer = build(config)?;
    let connecting = async {
        if !arguments.embedded {
            create_topics(&producer, &plan.settings.job.new_topic, &plan.known_topics()).await?;
        }
        connect(producer, config, plan.known_topics(), plan.is_transactional()).await
    };
    let connecting = std::pin::pin!(try_join(connecting, opening));
    let connected = block_on(select(connecting, interrupt.pressed()));
    let ((producer, partitions), mut first) = match connected {
        Either::Left((Ok(connected), _)) => connected,
        Either::Left((Err(failure), _)) if !interrupt.is_pressed() => return Err(failure),
        Either::Left((Err(_), _)) | Either::Right(_) => {
            return Err(Failure::new(Exit::Interrupted, "interrupted before the first record"));
        }
    };

    for (topic, count) in &partitions {
        plan.record.check_partition(topic, *count)?;
    }
    let partitions: Arc<[_]> = partitions.into();
    if let Some(first) = &mut first {
        first.partitions = Arc::clone(&partitions);
        first.set_partitions();
    }
    match &mut inputs {
        Sources::Whole(inputs) => inputs.set_partitions(partitions),
        Sources::Followed(followed) => followed.set_partitions(partitions),
    }
    first.iter().filter_map(|first| first.input.warning()).for_each(message::tell);
    // The first bytes have arrived, so another process of the pipeline that reads the dead-letter file has opened it by now.
    let reader = arguments.dead_letter.as_deref().filter(|_| size.is_none() && first.is_some()).and_then(reader_in_pipeline);
    if let Some(reader) = reader {
        return Err(Failure::usage(format!(
            "dead-letter file {}: {reader} reads it as part of this pipeline, so dead letters would be read as input; \
             give another file",
            arguments.dead_letter.as_deref().unwrap_or(Path::new("-")).display()
        )));
    }
    if let Some(checkpoints) = &mut checkpoints {
        checkpoints.load(&producer, &plan, &interrupt)?;
        if first.is_some() {
            checkpoints.compare(&plan)?;
        }
    }
    let cluster_id = ask_cluster_id(&producer);
    let started = Instant::now();
    let read_back = embedded.as_ref().map(|embedded| Arc::clone(embedded.read_back()));
    let is_unacknowledged = plan.settings.producer.get("acks") == Some("0");
    let report = Report::new(destination.clone(), is_unacknowledged, plan.input_names().filter(|_| first.is_some()));
    let progress = Progress::start(size, is_unacknowledged);
    let totals = RunTotals::new(report, letters, progress, read_back, plan.is_transactional(), checkpoints.is_some());
    let run_progress = RunProgress::new(inputs.counter(), checkpoints.as_ref().map(Checkpoints::interval));
    if let Some(checkpoints) = &mut checkpoints {
        checkpoints.count_in(&run_progress);
    }
    if let Sources::Followed(followed) = &mut inputs {
        followed.report_to(&run_progress);
    }
    if let Some(monitoring) = &monitoring {
        monitoring.measure(&producer, &totals, &run_progress);
    }
    let mut transactions = plan
        .is_transactional()
        .then(|| {
            let interval = plan.follow().map(|_| COMMIT_INTERVAL.min(plan.transaction_timeout() / 2));
            Transactions::begin(&producer, &totals, &interrupt, arguments.transaction_records, interval)
        })
        .transpose()?;
    let closing = producer.clone();
    let is_followed = plan.follow().is_some();
    interrupt.react(move || {
        // An interrupt is the normal end of a followed run, which sends and commits what it has read. Without brokers it ends too.
        let wait = if is_followed { CLOSE_TIMEOUT } else { Duration::ZERO };
        let close = move || {
            thread::sleep(wait);
            // Starts closing without waiting, so that `send` stops waiting for buffer memory and a second Ctrl-C is handled.
            let _ = closing.close(CLOSE_TIMEOUT - wait).now_or_never();
        };
        if wait.is_zero() {
            close();
        } else {
            drop(thread::Builder::new().name("ottla-close".to_owned()).spawn(close));
        }
    });
    let (interrupted, format) = (Arc::clone(&totals), arguments.report);
    interrupt.set_final_action(move || {
        let mut report = interrupted.interrupted();
        report.finish(started.elapsed());
        let reason = "interrupted twice: records without a report may or may not have been written";
        report.end_with(reason);
        message::tell(reason);
        let _ = print(&report, format);
    });
    let sender = Sender {
        producer: &producer,
        plan: &plan,
        encoders: &encoders,
        totals: &totals,
        embedded: embedded.as_ref(),
        interrupt: &interrupt,
    };
    let mut end = match (&mut inputs, first) {
        (Sources::Followed(followed), _) => sender.send_followed(followed, arguments, &mut transactions, &mut checkpoints),
        (Sources::Whole(inputs), Some(first)) => sender.send_all(inputs, first, arguments, &mut transactions, &mut checkpoints),
        (Sources::Whole(_), None) => End::Read,
    };
    if is_followed && interrupt.is_pressed() {
        let seconds = CLOSE_TIMEOUT.as_secs();
        totals.tell(&format!("stopping: delivering accepted records for up to {seconds} s; press Ctrl-C again to exit now"));
    }
    if matches!(end, End::Interrupted) {
        let what = if transactions.is_some() { "aborting the transaction" } else { "delivering accepted records" };
        let seconds = CLOSE_TIMEOUT.as_secs();
        totals.tell(&format!("interrupted: {what} for up to {seconds} s; press Ctrl-C again to exit now"));
    }
    // Why the last positions were not written. The other reasons to end remain.
    let mut unsaved = None;
    match &mut transactions {
        None => {
            if let Err(error) = producer.blocking().flush() {
                end = End::Stopped(chain(&error));
            }
            unsaved = checkpoints.as_mut().and_then(|checkpoints| sender.write_positions(checkpoints).err());
        }
        Some(transactions) => match end {
            End::Read => {
                if let Err(reason) = transactions.commit(&mut checkpoints) {
                    end = End::Uncommitted(reason);
                }
            }
            End::Uncommitted(_) => {}
            End::Interrupted | End::Broken(_) | End::Stopped(_) => transactions.abort(),
        },
    }
    drop(transactions);
    if plan.is_transactional() {
        // Waits until the brokers know of the abort. The totals count the records that are given up.
        let _ = producer.blocking().close(CLOSE_TIMEOUT);
    }
    if let Some(monitoring) = &monitoring {
        monitoring.end();
    }
    interrupt.clear_final_action();
    let mut balance = totals.close();
    balance.report.finish(started.elapsed());
    balance.report.name_cluster(cluster_id.recv_timeout(CLUSTER_ID_TIMEOUT).ok().flatten());
    let end = if interrupt.is_pressed() && !is_followed { End::Interrupted } else { end };
    let ended = end.reason();
    let unsaved = unsaved.filter(|unsaved| Some(unsaved) != ended.as_ref());
    let reasons: Vec<String> = ended.into_iter().chain(unsaved.clone()).collect();
    if !reasons.is_empty() {
        balance.report.end_with(&reasons.join("; "));
    } else if let Some(error) = &balance.letters_failed {
        balance.report.end_with(&error.to_string());
    }

    let summary = print_summary(arguments, &balance);
    let mut exit = exit_of(end, &balance);
    if let Some(reason) = unsaved {
        message::tell(reason);
        exit = if exit == Exit::Done { Exit::Failed } else { exit };
    }
    let compared = embedded.map_or(Ok(()), compare);
    Ok(match (compared, summary) {
        (Err(failure), _) | (_, Err(failure)) => {
            let failed = failure.tell();
            if exit == Exit::Done { failed } else { exit }
        }
        (Ok(()), Ok(_)) => exit,
    })
}

/// Opens the dead letters at this path, which must not be a file that the run reads.
fn dead_letters(path: &Path, arguments: &ProduceArguments, plan: &Plan) -> Result<DeadLetters, Failure> {
    let what = if plan.paths.len() > 1 { "one of the inputs" } else { "the input" };
    let inputs = plan
        .paths
        .iter()
        .map(|path| (what, if path == Path::new("-") { FileIdentity::of_stdin() } else { FileIdentity::of_path(path) }));
    let used = inputs.chain([("the configuration", arguments.settings.file().and_then(FileIdentity::of_path))]);
    let used = used.filter_map(|(what, identity)| Some((what, identity?)));
    let letters = DeadLetters::at(path, used.collect()).map_err(Failure::usage)?;
    if letters.is_stdout() && arguments.report == ReportFormat::Json {
        return Err(Failure::usage("--dead-letter - and --report json would both write to stdout; give --dead-letter a file"));
    }
    Ok(letters)
}

/// Creates the producer.
pub(crate) fn build(config: &ProducerConfig) -> Result<Producer<[u8], [u8]>, Failure> {
    Ok(Producer::builder(config.clone()).key_serializer(Bytes).value_serializer(Bytes).build()?)
}

/// Requests the metadata of the topics and, with transactions, ends the open transaction of an earlier run. Returns the
/// producer, or a new one whose `batch.size` is within the topics' limit, and the number of partitions of each topic.
pub(crate) async fn connect(
    mut producer: Producer<[u8], [u8]>,
    config: &ProducerConfig,
    topics: Vec<&String>,
    is_transactional: bool,
) -> Result<Connected, Failure> {
    let (mut partitions, mut lowest) = (Vec::new(), None);
    for topic in topics {
        partitions.push((topic.clone(), producer.partitions_for(topic).await?.len()));
        if let Some(limit) = batch_size::lowered(config, &producer, topic).await {
            lowest = lowest.filter(|(lowest, _)| *lowest <= limit).or(Some((limit, topic)));
        }
    }
    if let Some((limit, topic)) = lowest {
        message::tell(format_args!("batch.size is lowered to {limit}, the max.message.bytes of topic {topic}"));
        let lowered = config.clone().set_with_origin("batch.size", limit.to_string(), Origin::Flag)?;
        let first = std::mem::replace(&mut producer, build(&lowered)?);
        // Nothing was sent with it.
        let _ = first.close(Duration::ZERO).await;
    }
    if is_transactional {
        producer.init_transactions().await?;
    }
    Ok((producer, partitions))
}

/// Requests the cluster id for the report on a thread, so that a broker that does not answer delays nothing.
fn ask_cluster_id(producer: &Producer<[u8], [u8]>) -> Receiver<Option<String>> {
    let (sender, answer) = channel();
    let producer = producer.clone();
    let ask = move || {
        let cluster = block_on(producer.cluster()).ok();
        drop(producer);
        let _ = sender.send(cluster.and_then(|cluster| cluster.id().map(str::to_owned)));
    };
    // Without the thread the report has no cluster id.
    drop(thread::Builder::new().name("ottla-cluster".to_owned()).spawn(ask));
    answer
}

/// Prints the outcome of the records.
fn print_summary(arguments: &ProduceArguments, balance: &Balance) -> Result<Exit, Failure> {
    let report = &balance.report;
    let printed = print(report, arguments.report);
    if let Some(path) = arguments.dead_letter.as_deref().filter(|_| report.failed() > 0) {
        print_letters(path, balance);
    }
    printed
}

fn print(report: &Report, format: ReportFormat) -> Result<Exit, Failure> {
    match format {
        ReportFormat::Text => {
            message::tell(report);
            Ok(Exit::Done)
        }
        ReportFormat::Json => print_json(report),
    }
}

fn print_json(report: &Report) -> Result<Exit, Failure> {
    let mut json = serde_json::to_string(report).map_err(|error| Failure::new(Exit::Failed, error))?;
    json.push('\n');
    written(io::stdout().lock().write_all(json.as_bytes()))
}

fn print_letters(path: &Path, balance: &Balance) {
    match &balance.letters_failed {
        Some(error) => message::tell(error),
        None if path == Path::new("-") => {}
        None => message::tell(format_args!("failed records are in {}", path.display())),
    }
}

/// Prints why the run ended early, if it did, and returns the exit.
fn exit_of(end: End, balance: &Balance) -> Exit {
    let report = &balance.report;
    // Whatever ended the run after an input broke off.
    report.input_errors().for_each(message::tell);
    match end {
        End::Interrupted => Exit::Interrupted,
        End::Broken(_) => Exit::Usage,
        End::Stopped(reason) => {
            message::tell(format_args!("stopped reading: {reason}"));
            Exit::Failed
        }
        End::Uncommitted(reason) => {
            message::tell(format_args!("{reason}"));
            // The same condition as below.
            if balance.not_allowed > 0 && report.acknowledged() == 0 { Exit::Unreachable } else { Exit::Failed }
        }
        // Of files that are followed: the others were read on.
        End::Read if report.input_errors().next().is_some() => Exit::Usage,
        // Metadata requests were allowed, but no write was.
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
        Err(difference) => Err(Failure::new(Exit::Failed, format!("the records read back differ: {difference}"))),
    }
}
