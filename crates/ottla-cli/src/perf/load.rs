//! [`Target`]: the producer's settings and the topic of a run. [`Target::measure`] sends the records.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{
    FutureExt as _,
    executor::block_on,
    future::{Either, select},
};
use ottla::{ErrorKind, Producer, ProducerRecord};

use super::{
    arguments::PerfArguments,
    keys::KeyWriter,
    latencies::Counts,
    measurement::{Measurement, Sampler},
    outcome::{Outcome, SettingInForce},
    payload::Payloads,
    schedule::{self, Clock, Due, Limits},
    series::Series,
    transactions::TimedTransactions,
};
use crate::{
    exit::{Exit, Failure, chain},
    interrupt::Interrupt,
    lock::lock,
    message,
    pace::Rate,
    produce::{CLOSE_TIMEOUT, build, connect},
    settings::{Client, Settings},
};

/// librdkafka's statistics have the sizes of batches. Once per second they cost next to nothing.
const STATISTICS: (&str, &str) = ("librdkafka.statistics.interval.ms", "1000");

/// Where the records go: the settings of a configuration, and the topic.
pub(super) struct Target {
    /// The configuration's name in a comparison.
    name: Option<String>,
    settings: Settings,
    topic: String,
    brokers: Option<String>,
    /// The settings to show, without secrets.
    shown: Vec<SettingInForce>,
}

impl Target {
    /// Reads a configuration and checks it. `file` is one of a comparison.
    pub(super) fn read(arguments: &PerfArguments, file: Option<&Path>) -> Result<Self, Failure> {
        let file = file.or(arguments.settings.file());
        let mut settings = Settings::read(file, &arguments.settings.set())?;
        settings.is_strict = arguments.settings.strict;
        let flags = [("acks", &arguments.acks), ("transactional.id", &arguments.transactional_id)];
        for (name, value) in flags {
            if let Some(value) = value {
                settings.decide(name, value)?;
            }
        }
        settings.check(Client::Producer)?;
        let place = file.unwrap_or(Path::new("the configuration file")).display();
        let constant = || settings.job.record.constant_topic().map(str::to_owned);
        let topic = arguments.topic.clone().or_else(|| settings.job.topic.clone()).or_else(constant);
        let topic = topic.ok_or_else(|| Failure::usage(format!("no topic: pass --topic, or set `topic` in {place}")))?;
        let shown = SettingInForce::all(&settings.producer);
        let (statistics, interval) = STATISTICS;
        if settings.producer.get(statistics).is_none() {
            settings.decide(statistics, interval)?;
        }
        let brokers = shown.iter().find(|setting| setting.name == "bootstrap.servers").map(|setting| setting.value.clone());
        let name = file.filter(|_| !arguments.compare.is_empty()).map(|file| file.display().to_string());
        Ok(Self { name, settings, topic, brokers, shown })
    }

    /// The outcome of a run that ended before its first record.
    pub(super) fn unstarted(&self, reason: String, interrupt: &Interrupt) -> Outcome {
        Outcome {
            name: self.name.clone(),
            topic: self.topic.clone(),
            brokers: self.brokers.clone(),
            settings: self.shown.clone(),
            is_unacknowledged: self.settings.producer.get("acks") == Some("0"),
            rate: None,
            warmup_records: 0,
            counts: Counts::new(),
            series: Series::new(),
            elapsed: Duration::ZERO,
            not_allowed: 0,
            is_interrupted: interrupt.is_pressed(),
            ended: Some(reason),
            metrics: None,
        }
    }

    /// Sends the records and waits for their reports.
    ///
    /// # Errors
    /// The run ended before the first record.
    pub(super) fn measure(
        &self,
        arguments: &PerfArguments,
        payloads: &mut Payloads,
        running: &Running,
    ) -> Result<Outcome, Failure> {
        let interrupt = &running.interrupt;
        let config = &self.settings.producer;
        let is_transactional = config.get("transactional.id").is_some();
        let connecting = std::pin::pin!(connect(build(config)?, config, vec![&self.topic], is_transactional));
        let producer = match block_on(select(connecting, interrupt.pressed())) {
            Either::Left((Ok((producer, _)), _)) => producer,
            Either::Left((Err(failure), _)) if !interrupt.is_pressed() => return Err(failure),
            Either::Left((Err(_), _)) | Either::Right(_) => {
                return Err(Failure::new(Exit::Interrupted, "interrupted before the first record"));
            }
        };
        let every = Duration::from_millis(arguments.transaction_duration_ms.get());
        let mut transactions = is_transactional.then(|| TimedTransactions::begin(&producer, every)).transpose()?;
        let measurement = Measurement::start();
        let sampler = Sampler::start(&measurement, producer.clone())?;
        running.set(Some(producer.clone()));
        let mut warmup_records = 0;
        let mut keys = KeyWriter::new(arguments.keys, arguments.seed);
        let limits = Limits { warmup: arguments.warmup, records: arguments.records, duration: arguments.duration };
        let clock = RunClock { measurement: &measurement, interrupt };
        schedule::run(arguments.rate.schedule(), limits, &clock, |due| {
            if interrupt.is_pressed() || measurement.has_ended() {
                return ControlFlow::Break(());
            }
            if let Some(Err(reason)) = transactions.as_mut().map(|transactions| transactions.renew(interrupt)) {
                measurement.end(reason);
                return ControlFlow::Break(());
            }
            measurement.begin(due);
            warmup_records += u64::from(due.is_warmup);
            let record = ProducerRecord::to(&*self.topic).value(payloads.next());
            let record = match keys.next() {
                Some(key) => record.key(key),
                None => record,
            };
            send(&producer, record, due, &measurement, interrupt);
            ControlFlow::Continue(())
        });
        if interrupt.is_pressed() {
            let seconds = CLOSE_TIMEOUT.as_secs();
            message::tell(format_args!(
                "interrupted: delivering accepted records for up to {seconds} s; press Ctrl-C again to exit now"
            ));
        }
        match transactions.map(|transactions| transactions.end(interrupt, measurement.has_ended())) {
            None | Some(Ok(())) => {}
            Some(Err(reason)) => measurement.end(reason),
        }
        if let Err(error) = producer.blocking().flush() {
            measurement.end(chain(&error));
        }
        if interrupt.is_pressed() {
            // Waits for the reports of the records that are given up.
            let _ = producer.blocking().close(CLOSE_TIMEOUT);
        }
        running.set(None);
        let measured = sampler.end();
        let metrics = arguments.print_metrics.then(|| producer.metrics());
        let closed = producer.blocking().close(CLOSE_TIMEOUT);
        if let (Err(error), false) = (closed, interrupt.is_pressed()) {
            message::tell(format_args!("closing the producer: {}", chain(&error)));
        }
        let ended = if interrupt.is_pressed() { Some("interrupted".to_owned()) } else { measured.ended };
        Ok(Outcome {
            rate: arguments.rate.0.map(Rate::per_second),
            warmup_records,
            counts: measured.counts,
            series: measured.series,
            elapsed: measured.elapsed,
            not_allowed: measured.not_allowed,
            ended,
            metrics,
            ..self.unstarted(String::new(), interrupt)
        })
    }
}

/// Passes the record to the producer, which waits for buffer memory for up to `max.block.ms`. The callback is the only allocation of the
/// command for a record.
fn send(
    producer: &Producer<[u8], [u8]>,
    record: ProducerRecord<'_, [u8], [u8]>,
    due: Due,
    measurement: &Arc<Measurement>,
    interrupt: &Interrupt,
) {
    let reported = Arc::clone(measurement);
    let sent = producer.blocking().send_with(record, move |report| reported.settle(due, report));
    if let Err(error) = sent {
        // Ctrl-C closes the producer. A record that was waiting for buffer memory then counts as not sent.
        if error.kind() != ErrorKind::Closed || !interrupt.is_pressed() {
            measurement.refuse(due, &error);
        }
    }
}

/// The time since the start of a run, which Ctrl-C ends early.
struct RunClock<'a> {
    measurement: &'a Measurement,
    interrupt: &'a Interrupt,
}

impl Clock for RunClock<'_> {
    fn now(&self) -> Duration {
        self.measurement.now()
    }

    fn sleep_until(&self, time: Duration) {
        self.interrupt.sleep(time.saturating_sub(self.now()));
    }
}

/// The producer of the present run, if there is one.
type Present = Mutex<Option<Producer<[u8], [u8]>>>;

/// The producer of the present run, which Ctrl-C closes, so that `send` stops waiting.
pub(super) struct Running {
    pub(super) interrupt: Interrupt,
    producer: Arc<Present>,
}

impl Running {
    pub(super) fn new(interrupt: Interrupt) -> Self {
        let producer = Arc::<Present>::default();
        let closed = Arc::clone(&producer);
        interrupt.react(move || close(&closed));
        Self { interrupt, producer }
    }

    fn set(&self, producer: Option<Producer<[u8], [u8]>>) {
        let previous = std::mem::replace(&mut *lock(&self.producer), producer);
        drop(previous);
        // The signal may have arrived before.
        if self.interrupt.is_pressed() {
            close(&self.producer);
        }
    }
}

/// Starts closing without waiting, so that a second Ctrl-C is handled.
fn close(producer: &Present) {
    let producer = lock(producer).take();
    if let Some(producer) = producer {
        let _ = producer.close(CLOSE_TIMEOUT).now_or_never();
    }
}
