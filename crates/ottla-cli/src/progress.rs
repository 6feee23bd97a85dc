//! [`Progress`]: a progress line on the terminal, or periodic log lines without a terminal.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use console::Term;
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use crate::lock::{lock, unpoisoned};

/// Moves to the start of a terminal's line and clears it.
pub(crate) const CLEAR_LINE: &str = "\r\x1b[2K";
/// How often the line is redrawn on a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// How often a line is written without a terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Shows the progress of a run: how much was read, the rate, the records acknowledged and failed, and the elapsed time.
///
/// It writes to stderr. On a terminal it redraws one line, cut to the terminal's width; otherwise it adds a line every 30 s.
/// indicatif's progress bar is not used because it fills the whole width: an echoed `^C` would wrap to the next line and leave
/// this one behind. A thread writes the line, so counting costs one atomic addition. Dropping it clears the line.
pub(crate) struct Progress {
    shown: Arc<Shown>,
    thread: Option<JoinHandle<()>>,
}

struct Shown {
    counts: Arc<LiveCounts>,
    /// The input's stored size in bytes.
    size: Option<u64>,
    /// The number of stored bytes read.
    position: AtomicU64,
    started: Instant,
    has_ended: Mutex<bool>,
    end: Condvar,
    /// Locked by each writer, so that no other output lands in the middle of a line.
    output: Mutex<Output>,
}

/// The destination of the line.
pub(crate) enum Output {
    /// A terminal; the function returns its width.
    Terminal(Write, fn() -> usize),
    /// A stream of lines.
    Lines(Write),
}

pub(crate) type Write = Box<dyn FnMut(&str) + Send>;

impl Output {
    /// The process's stderr.
    pub(crate) fn stderr() -> Self {
        let write = Box::new(|text: &str| drop(io::stderr().lock().write_all(text.as_bytes())));
        if io::stderr().is_terminal() { Self::Terminal(write, || Term::stderr().size().1.into()) } else { Self::Lines(write) }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(..))
    }

    /// Replaces the line of a terminal, or adds one.
    pub(crate) fn show(&mut self, line: &str) {
        match self {
            Self::Terminal(write, width) => write(&format!("{CLEAR_LINE}{}", fitted(line, width()))),
            Self::Lines(write) => write(&format!("{line}\n")),
        }
    }

    /// Clears the line of a terminal.
    pub(crate) fn clear(&mut self) {
        if let Self::Terminal(write, _) = self {
            write(CLEAR_LINE);
        }
    }
}

/// The counters of a [`Progress`], shared with the threads that count.
#[derive(Debug, Default)]
pub(crate) struct LiveCounts {
    /// With `acks=0` records are sent but not acknowledged.
    is_unacknowledged: bool,
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl LiveCounts {
    /// Counts records that the brokers acknowledged.
    pub(crate) fn acknowledge(&self, records: u64) {
        self.acknowledged.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts records that were not acknowledged.
    pub(crate) fn fail(&self, records: u64) {
        self.failed.fetch_add(records, Ordering::Relaxed);
    }

    /// `"12,000/s  36,000 acknowledged  1 failed"`, with the average rate since the start.
    fn text(&self, elapsed: Duration) -> String {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        let micros = elapsed.as_micros().max(1);
        let rate = u64::try_from(u128::from(acknowledged) * 1_000_000 / micros).unwrap_or(u64::MAX);
        let done = if self.is_unacknowledged { "sent" } else { "acknowledged" };
        let mut text = format!("{}/s  {} {done}", HumanCount(rate), HumanCount(acknowledged));
        if failed > 0 {
            text.push_str(&format!("  {} failed", HumanCount(failed)));
        }
        text
    }
}

impl Shown {
    /// `" 25 %  12,000/s  36,000 acknowledged  3 seconds"`, with the bytes read in place of a percentage if the size is unknown.
    fn line(&self, elapsed: Duration) -> String {
        let position = self.position.load(Ordering::Relaxed);
        let read = match self.size {
            Some(size) => {
                let percent = (u128::from(position) * 100).checked_div(size.into()).unwrap_or(100).min(100);
                format!("{percent:>3} %")
            }
            None => HumanBytes(position).to_string(),
        };
        let time = HumanDuration(Duration::from_secs(elapsed.as_secs()));
        format!("{read}  {}  {time}", self.counts.text(elapsed))
    }

    /// Shows the line at this interval until the end.
    fn show(&self, every: Duration) {
        let mut has_ended = lock(&self.has_ended);
        loop {
            let waited = self.end.wait_timeout_while(has_ended, every, |has_ended| !*has_ended);
            has_ended = unpoisoned(waited).0;
            if *has_ended {
                return;
            }
            lock(&self.output).show(&self.line(self.started.elapsed()));
        }
    }
}

impl Progress {
    /// Starts the line. `input_bytes` is the stored (possibly compressed) size of the input file, for percentages; `None` if the
    /// input has no size. With `is_unacknowledged` (`acks=0`) records are only sent.
    pub(crate) fn start(input_bytes: Option<u64>, is_unacknowledged: bool) -> Self {
        let output = Output::stderr();
        let every = if output.is_terminal() { REDRAW_INTERVAL } else { LOG_INTERVAL };
        Self::on(output, every, input_bytes, is_unacknowledged)
    }

    fn on(output: Output, every: Duration, size: Option<u64>, is_unacknowledged: bool) -> Self {
        let shown = Arc::new(Shown {
            counts: Arc::new(LiveCounts { is_unacknowledged, ..LiveCounts::default() }),
            size,
            position: AtomicU64::new(0),
            started: Instant::now(),
            has_ended: Mutex::new(false),
            end: Condvar::new(),
            output: Mutex::new(output),
        });
        let showing = Arc::clone(&shown);
        // Without the thread no progress is shown, and the run goes on.
        let thread = thread::Builder::new().name("ottla-progress".to_owned()).spawn(move || showing.show(every)).ok();
        Self { shown, thread }
    }

    /// The counters, for the delivery thread.
    pub(crate) fn counts(&self) -> Arc<LiveCounts> {
        Arc::clone(&self.shown.counts)
    }

    /// Sets the number of stored bytes read.
    pub(crate) fn read_to(&self, position: u64) {
        self.shown.position.store(position, Ordering::Relaxed);
    }

    /// Writes other output without leaving part of the line behind.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut output = lock(&self.shown.output);
        output.clear();
        write()
    }
}

/// Cuts a line to the terminal's width, with space for an echoed `^C`. If the echo wrapped to the next line, this line could no
/// longer be cleared.
fn fitted(line: &str, width: usize) -> String {
    line.chars().take(width.saturating_sub("^C".len() + 1)).collect()
}

impl Drop for Progress {
    fn drop(&mut self) {
        *lock(&self.shown.has_ended) = true;
        self.shown.end.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        lock(&self.shown.output).clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// An output, and the receiver of what is written to it.
    fn output(terminal: bool) -> (Output, Receiver<String>) {
        let (sender, written) = channel();
        let write: Write = Box::new(move |text| drop(sender.send(text.to_owned())));
        (if terminal { Output::Terminal(write, || 120) } else { Output::Lines(write) }, written)
    }

    #[test]
    fn the_text_has_rate_and_counts_and_failures_if_any() {
        let counts = LiveCounts::default();
        assert_eq!(counts.text(Duration::ZERO), "0/s  0 acknowledged");
        counts.acknowledge(1);
        counts.acknowledge(35_999);
        assert_eq!(counts.text(Duration::from_secs(3)), "12,000/s  36,000 acknowledged");
        counts.fail(2);
        assert_eq!(counts.text(Duration::from_millis(1500)), "24,000/s  36,000 acknowledged  2 failed");
        let sent = LiveCounts { is_unacknowledged: true, ..LiveCounts::default() };
        assert_eq!(sent.text(Duration::ZERO), "0/s  0 sent");
    }

    #[test]
    fn threads_share_the_counters() {
        let progress = Progress::on(output(false).0, LOG_INTERVAL, None, false);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let counts = progress.counts();
                threads.spawn(move || (0..1000).for_each(|_| counts.acknowledge(1)));
            }
        });
        assert_eq!(progress.shown.counts.acknowledged.load(Ordering::Relaxed), 4000);
    }

    #[test]
    fn without_a_terminal_lines_are_written_periodically() {
        let (output, lines) = output(false);
        let progress = Progress::on(output, Duration::from_millis(1), Some(100), false);
        assert_eq!(progress.suspend(|| 7), 7);
        progress.counts().acknowledge(3);
        progress.read_to(40);
        let is_wanted =
            |line: &String| line.starts_with(" 40 %  ") && line.contains("/s  3 acknowledged  ") && line.ends_with('\n');
        assert!(lines.iter().any(|line| is_wanted(&line)));
        drop(progress);
        assert!(lines.iter().all(|line| !line.contains(CLEAR_LINE)), "a line was cleared");
    }

    #[test]
    fn on_a_terminal_one_line_is_redrawn_and_cleared_at_the_end() {
        for (size, shown) in [(Some(200), " 25 %  "), (None, "50 B  ")] {
            let (output, written) = output(true);
            let progress = Progress::on(output, Duration::from_millis(1), size, false);
            progress.counts().acknowledge(1234);
            progress.counts().fail(5);
            progress.read_to(50);
            let line = written.iter().find(|line| line.contains("5 failed")).unwrap();
            assert!(
                line.starts_with(&format!("{CLEAR_LINE}{shown}")) && line.contains("  1,234 acknowledged  5 failed  "),
                "{line:?}"
            );
            assert!(!line.contains('\n'), "{line:?}");
            drop(progress);
            assert_eq!(written.iter().last().as_deref(), Some(CLEAR_LINE), "the line was not cleared");
        }
    }

    #[test]
    fn a_line_is_shorter_than_the_terminal_is_wide() {
        let line = "  7 %  12,000/s  36,000 acknowledged  12 minutes";
        assert_eq!(fitted(line, 40), "  7 %  12,000/s  36,000 acknowledged ");
        assert_eq!(fitted(line, 120), line);
        assert_eq!(fitted(line, 2), "");
    }
}
