//! [`Measurement`]: counts the reports of records while they are sent, and takes a sample every second.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::HumanCount;
use ottla::{Error, ErrorKind, Producer, Report};

use super::{
    latencies::Counts,
    outcome::{decimal, mebibytes},
    schedule::Due,
    series::{Series, sample},
};
use crate::{
    exit::{Exit, Failure, chain},
    lock::lock,
    progress::Output,
};

/// The time between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// After how many samples a line is written without a terminal: Java's tool writes one every five seconds.
const SAMPLES_PER_LINE: u32 = 5;

/// The reports of a run, shared by the sending thread, the delivery thread and the thread that takes samples.
pub(super) struct Measurement {
    started: Instant,
    /// When the first measured record was due, after the start.
    begun: OnceLock<Duration>,
    /// Whether to stop sending.
    has_ended: AtomicBool,
    interval: Mutex<Interval>,
}

/// What was reported since the last sample, and why the run ends.
struct Interval {
    counts: Counts,
    /// Records that failed because this client lacks the permission to write them.
    not_allowed: u64,
    ended: Option<String>,
}

/// Everything that was measured.
pub(super) struct Measured {
    pub(super) counts: Counts,
    pub(super) series: Series,
    pub(super) elapsed: Duration,
    /// Records that failed because this client lacks the permission to write them.
    pub(super) not_allowed: u64,
    /// Why the run ended early.
    pub(super) ended: Option<String>,
}

impl Measurement {
    pub(super) fn start() -> Arc<Self> {
        let interval = Interval { counts: Counts::new(), not_allowed: 0, ended: None };
        Arc::new(Self {
            started: Instant::now(),
            begun: OnceLock::new(),
            has_ended: AtomicBool::new(false),
            interval: Mutex::new(interval),
        })
    }

    /// The time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The first measured record is due at this time, if there was none before.
    pub(super) fn begin(&self, due: Due) {
        if !due.is_warmup {
            self.begun.get_or_init(|| due.time);
        }
    }

    /// Counts the report of a record. Those of the warm-up are not counted, but may end the run.
    pub(super) fn settle(&self, due: Due, report: Report) {
        let now = self.now();
        match report {
            Ok(_) if due.is_warmup => {}
            Ok(metadata) => {
                let bytes = metadata.serialized_key_size().unwrap_or(0) + metadata.serialized_value_size().unwrap_or(0);
                self.interval().counts.acknowledge(due.time, now, bytes);
            }
            Err(error) => self.fail(due, now, &error),
        }
    }

    /// Counts a record that the producer did not accept.
    pub(super) fn refuse(&self, due: Due, error: &Error) {
        self.fail(due, self.now(), error);
    }

    fn fail(&self, due: Due, now: Duration, error: &Error) {
        let kind = error.kind();
        let mut interval = self.interval();
        if !due.is_warmup {
            interval.counts.fail(kind.name(), now, || chain(error));
            interval.not_allowed += u64::from(matches!(kind, ErrorKind::Authorization | ErrorKind::Authentication));
        }
        // After these no record can succeed.
        if error.is_fatal() || matches!(kind, ErrorKind::Closed | ErrorKind::TransactionFailed | ErrorKind::TransactionState) {
            drop(interval);
            self.end(chain(error));
        }
    }

    /// Ends the run for this reason, unless there is an earlier one.
    pub(super) fn end(&self, reason: String) {
        self.interval().ended.get_or_insert(reason);
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// Whether to stop sending.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    fn interval(&self) -> MutexGuard<'_, Interval> {
        lock(&self.interval)
    }

    /// Exchanges the counts with `empty` ones.
    fn exchange(&self, empty: &mut Counts) {
        std::mem::swap(&mut self.interval().counts, empty);
    }
}

/// The thread that takes the samples and shows the live line.
pub(super) struct Sampler {
    measurement: Arc<Measurement>,
    stop: Sender<()>,
    thread: JoinHandle<(Counts, Series)>,
}

impl Sampler {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(measurement: &Arc<Measurement>, producer: Producer<[u8], [u8]>) -> Result<Self, Failure> {
        let (stop, stopped) = channel();
        let mut samples = Samples::new(Arc::clone(measurement), Output::stderr());
        let take = move || {
            while stopped.recv_timeout(SAMPLE_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                samples.take(batch(&producer), false);
                samples.show();
            }
            samples.take(batch(&producer), true);
            samples.end()
        };
        let thread = thread::Builder::new().name("ottla-samples".to_owned()).spawn(take);
        let thread = thread.map_err(|error| Failure::new(Exit::Failed, format!("cannot start a thread: {error}")))?;
        Ok(Self { measurement: Arc::clone(measurement), stop, thread })
    }

    /// Ends the measurement. Call it when all records are reported.
    pub(super) fn end(self) -> Measured {
        let _ = self.stop.send(());
        let (counts, series) = self.thread.join().unwrap_or_else(|_| (Counts::new(), Series::new()));
        let begun = self.measurement.begun.get().copied();
        let elapsed = begun.map_or(Duration::ZERO, |begun| counts.last_report.saturating_sub(begun));
        let mut interval = self.measurement.interval();
        Measured { counts, series, elapsed, not_allowed: interval.not_allowed, ended: interval.ended.take() }
    }
}

/// The average size of a batch in bytes, and the records in it, from librdkafka's statistics.
fn batch(producer: &Producer<[u8], [u8]>) -> [Option<f64>; 2] {
    let metrics = producer.metrics();
    ["batch-size-avg", "records-per-request-avg"].map(|name| metrics.value(name))
}

struct Samples {
    measurement: Arc<Measurement>,
    output: Output,
    /// The end of the last sample, after the start.
    end: Option<Duration>,
    taken: Counts,
    whole: Counts,
    series: Series,
    /// What the next line shows, how long it took, and how many samples it has.
    line: (Counts, Duration, u32),
}

impl Samples {
    fn new(measurement: Arc<Measurement>, output: Output) -> Self {
        Self {
            measurement,
            output,
            end: None,
            taken: Counts::new(),
            whole: Counts::new(),
            series: Series::new(),
            line: (Counts::new(), Duration::ZERO, 0),
        }
    }

    /// Takes a sample of what was reported since the last one, or at the end of the run.
    fn take(&mut self, batch: [Option<f64>; 2], is_last: bool) {
        let Some(&begun) = self.measurement.begun.get() else { return };
        self.taken.clear();
        self.measurement.exchange(&mut self.taken);
        let now = self.measurement.now();
        let length = now.saturating_sub(self.end.unwrap_or(begun));
        self.end = Some(now);
        let sample = sample(&self.taken, now.saturating_sub(begun), length, batch);
        // The time after the last report is no part of the run.
        let is_empty = self.taken.acknowledged == 0 && self.taken.failed() == 0;
        match is_last {
            false => self.series.push(sample),
            true if is_empty => {}
            true => self.series.push_last(sample),
        }
        self.whole.add(&self.taken);
        let (counts, time, samples) = &mut self.line;
        counts.add(&self.taken);
        *time += length;
        *samples += 1;
    }

    fn show(&mut self) {
        let (counts, time, samples) = &mut self.line;
        if *samples == 0 {
            if self.output.is_terminal() {
                self.output.show("warming up");
            }
        } else if self.output.is_terminal() || *samples >= SAMPLES_PER_LINE {
            self.output.show(&line(counts, *time));
            counts.clear();
            (*time, *samples) = (Duration::ZERO, 0);
        }
    }

    fn end(mut self) -> (Counts, Series) {
        self.output.clear();
        (self.whole, self.series)
    }
}

/// The figures of an interval, as Java's tool shows them.
fn line(counts: &Counts, time: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate that is shown")]
    let rate = |count: u64| count as f64 / time.as_secs_f64().max(1e-9);
    let mut line = format!(
        "{} records, {}/s, {}/s",
        HumanCount(counts.acknowledged),
        decimal(rate(counts.acknowledged), 1),
        mebibytes(rate(counts.bytes))
    );
    if let Some((average, longest)) = counts.latencies.average().zip(counts.latencies.longest()) {
        line.push_str(&format!(", {average:.1} ms avg latency, {longest:.1} ms max latency"));
    }
    if counts.failed() > 0 {
        line.push_str(&format!(", {} failed", HumanCount(counts.failed())));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_figures_of_its_interval() {
        let mut counts = Counts::new();
        let second = Duration::from_secs(1);
        assert_eq!(line(&counts, second), "0 records, 0.0/s, 0.00 MiB/s");
        for record in 0..2500 {
            counts.acknowledge(second, second + Duration::from_millis(if record == 7 { 120 } else { 1 }), 1024);
        }
        let wanted = "2,500 records, 1,250.0/s, 1.22 MiB/s, 1.0 ms avg latency, 120.0 ms max latency";
        assert_eq!(line(&counts, 2 * second), wanted);
        counts.fail("RecordTooLarge", second, String::new);
        assert_eq!(line(&counts, 2 * second), format!("{wanted}, 1 failed"));
    }

    #[test]
    fn samples_begin_after_the_warmup_and_sum_up_to_the_whole() {
        let measurement = Measurement::start();
        let mut samples = Samples::new(Arc::clone(&measurement), Output::stderr());
        let due = |is_warmup| Due { time: measurement.now(), is_warmup };
        measurement.begin(due(true));
        samples.take([None, None], false);
        assert_eq!((samples.series.samples().len(), samples.end), (0, None));
        measurement.begin(due(false));
        for _ in 0..3 {
            measurement.interval().counts.acknowledge(Duration::ZERO, measurement.now(), 5);
            samples.take([None, None], false);
        }
        let (counts, series) = samples.end();
        assert_eq!((counts.acknowledged, counts.bytes, counts.latencies.count()), (3, 15, 3));
        assert_eq!(series.samples().iter().map(|sample| sample.acknowledged).sum::<u64>(), 3);
    }

    #[test]
    fn the_first_reason_ends_the_run() {
        let measurement = Measurement::start();
        assert!(!measurement.has_ended());
        measurement.end("one".to_owned());
        measurement.end("two".to_owned());
        assert!(measurement.has_ended());
        assert_eq!(measurement.interval().ended.as_deref(), Some("one"));
    }
}
