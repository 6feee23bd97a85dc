//! [`Progress`]: a line on the terminal that says how a run is getting on.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often the line is drawn at most.
const DRAWS_PER_SECOND: u8 = 10;
/// The line when the input has a size, and when it has none.
const SIZED: &str = "{bar:24} {percent:>3} %  {counts}  {time}";
const UNSIZED: &str = "{spinner} {read}  {counts}  {time}";

/// The progress line: records acknowledged a second, acknowledged, failed, how much was read, and the time that passed.
///
/// It goes to stderr, and only to a terminal; otherwise nothing is drawn and no thread is started. A thread of its own draws it, so
/// counting costs an atomic addition. Dropping it clears the line.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    counts: Arc<Counts>,
}

/// The counters behind a [`Progress`], for the threads that count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    /// Counts records that the brokers acknowledged.
    pub(crate) fn acknowledge(&self, records: u64) {
        self.acknowledged.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts records that were not acknowledged.
    pub(crate) fn fail(&self, records: u64) {
        self.failed.fetch_add(records, Ordering::Relaxed);
    }

    /// `"12,000/s  36,000 acknowledged  1 failed"`, the rate over the whole time.
    fn text(&self, elapsed: Duration) -> String {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        let micros = elapsed.as_micros().max(1);
        let rate = u64::try_from(u128::from(acknowledged) * 1_000_000 / micros).unwrap_or(u64::MAX);
        let mut text = format!("{}/s  {} acknowledged", HumanCount(rate), HumanCount(acknowledged));
        if failed > 0 {
            text.push_str(&format!("  {} failed", HumanCount(failed)));
        }
        text
    }
}

impl Progress {
    /// Starts the line. `input_bytes` is the size of the input file as it is stored (compressed, if it is), for a bar with percents;
    /// `None` for an input without a size.
    pub(crate) fn start(input_bytes: Option<u64>) -> Self {
        Self::on(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND), input_bytes)
    }

    fn on(target: ProgressDrawTarget, input_bytes: Option<u64>) -> Self {
        let counts = Arc::new(Counts::default());
        let bar = ProgressBar::with_draw_target(input_bytes, target);
        bar.set_style(style(input_bytes.is_some(), &counts));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_secs(1) / u32::from(DRAWS_PER_SECOND));
        }
        Self { bar, counts }
    }

    /// The counters, for the thread that is told of acknowledgements.
    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Says up to which byte the input has been read, as it is stored.
    pub(crate) fn read_to(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Writes something else to the terminal without leaving half a line behind.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(sized: bool, counts: &Arc<Counts>) -> ProgressStyle {
    let counts = Arc::clone(counts);
    ProgressStyle::with_template(if sized { SIZED } else { UNSIZED })
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("counts", move |state: &ProgressState, line: &mut dyn fmt::Write| {
            // The line is a String inside indicatif: writing to it does not fail.
            let _ = line.write_str(&counts.text(state.elapsed()));
        })
        .with_key("read", |state: &ProgressState, line: &mut dyn fmt::Write| {
            let _ = write!(line, "{}", HumanBytes(state.pos()));
        })
        .with_key("time", |state: &ProgressState, line: &mut dyn fmt::Write| {
            let _ = write!(line, "{}", HumanDuration(Duration::from_secs(state.elapsed().as_secs())));
        })
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use indicatif::TermLike;

    use super::*;

    #[test]
    fn the_text_tells_rate_and_counts_and_failures_only_if_there_are() {
        let counts = Counts::default();
        assert_eq!(counts.text(Duration::ZERO), "0/s  0 acknowledged");
        counts.acknowledge(1);
        counts.acknowledge(35_999);
        assert_eq!(counts.text(Duration::from_secs(3)), "12,000/s  36,000 acknowledged");
        counts.fail(2);
        assert_eq!(counts.text(Duration::from_millis(1500)), "24,000/s  36,000 acknowledged  2 failed");
    }

    #[test]
    fn threads_count_together() {
        let progress = Progress::on(ProgressDrawTarget::hidden(), None);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let counts = progress.counts();
                threads.spawn(move || (0..1000).for_each(|_| counts.acknowledge(1)));
            }
        });
        assert_eq!(progress.counts.acknowledged.load(Ordering::Relaxed), 4000);
    }

    #[test]
    fn without_a_terminal_nothing_is_drawn() {
        let progress = Progress::on(ProgressDrawTarget::hidden(), Some(100));
        assert!(progress.bar.is_hidden());
        progress.read_to(40);
        assert_eq!((progress.bar.position(), progress.bar.length()), (40, Some(100)));
        assert_eq!(progress.suspend(|| 7), 7);
    }

    #[test]
    fn the_line_shows_how_much_is_read_and_what_became_of_it() {
        assert!([SIZED, UNSIZED].into_iter().all(|template| ProgressStyle::with_template(template).is_ok()));
        for (size, shown) in [(Some(200), "25 %  "), (None, " 50 B  ")] {
            let screen = Screen::default();
            let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(screen.clone())), size);
            progress.counts().acknowledge(1234);
            progress.counts().fail(5);
            progress.read_to(50);
            progress.bar.force_draw();
            let drawn = screen.0.lock().unwrap().clone();
            assert!(drawn.contains(shown), "{drawn:?}");
            assert!(drawn.contains("  1,234 acknowledged  5 failed  "), "{drawn:?}");
        }
    }

    /// A terminal that only remembers what was written to it.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }
}
