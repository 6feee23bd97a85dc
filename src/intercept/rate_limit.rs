//! [`RateLimit`]: no more than so many records a second.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::Interceptor;
use crate::ProducerRecord;

/// Lets through no more than so many records a second, by making `send` late.
///
/// **It blocks the thread that calls `send`**, before the record is serialized: an interceptor has no other way to hold a record back. So it
/// is for threads, as with [`Producer::blocking`](crate::Producer::blocking). In a task it would hold up the other tasks of its thread:
/// there, await a timer of the runtime before `send` instead. [`try_send`](crate::Producer::try_send) waits as well, and a callback that
/// sends holds up all reports.
///
/// The records of one second may come at once, after a second without any; then they are evenly spread. A handle: clones share the
/// limit, also between producers. Records that fail later have been let through all the same.
///
/// ```
/// use std::num::NonZeroU32;
///
/// use ottla::{Producer, ProducerConfig, intercept::RateLimit};
///
/// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
/// let limit = RateLimit::per_second(NonZeroU32::new(500).unwrap());
/// let producer: Producer<str, str> = Producer::builder(config).interceptor(limit).build()?;
/// # Ok::<(), ottla::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RateLimit(Arc<Schedule>);

#[derive(Debug)]
struct Schedule {
    /// Nanoseconds from one record to the next.
    step: Duration,
    /// When the next record would go if all before it had been evenly spread.
    next: Mutex<Instant>,
}

/// How much of the time in which nothing was sent is made up for.
const BURST: Duration = Duration::from_secs(1);

impl RateLimit {
    /// Lets through `records` a second.
    pub fn per_second(records: NonZeroU32) -> Self {
        Self::starting_at(records, Instant::now())
    }

    fn starting_at(records: NonZeroU32, now: Instant) -> Self {
        Self(Arc::new(Schedule { step: Duration::from_secs(1) / records.get(), next: Mutex::new(now) }))
    }

    /// Takes the next place; gives how long to wait for it.
    fn reserve(&self, now: Instant) -> Duration {
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).map_or(*next, |earliest| earliest.max(*next));
        *next = earliest + self.0.step;
        earliest.saturating_duration_since(now)
    }
}

impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for RateLimit {
    fn on_send(&self, _: &mut ProducerRecord<'_, K, V>) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(records: u32, now: Instant) -> RateLimit {
        RateLimit::starting_at(NonZeroU32::new(records).unwrap(), now)
    }

    #[test]
    fn records_are_evenly_spread() {
        let start = Instant::now();
        let limit = limit(10, start);
        let waits: Vec<_> = (0..4).map(|_| limit.reserve(start).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 300]);
        // Two places have passed in the meantime, and the other two are taken.
        assert_eq!(limit.reserve(start + Duration::from_millis(150)), Duration::from_millis(250));
    }

    #[test]
    fn a_second_of_silence_is_made_up_for_and_no_more() {
        let start = Instant::now();
        let limit = limit(10, start);
        let later = start + Duration::from_secs(60);
        let at_once = (0..30).take_while(|_| limit.reserve(later).is_zero()).count();
        assert_eq!(at_once, 11, "ten of the last second, and the one that is due");
    }

    #[test]
    fn clones_share_the_limit() {
        let start = Instant::now();
        let limit = limit(1, start);
        assert_eq!(limit.clone().reserve(start), Duration::ZERO);
        assert_eq!(limit.reserve(start), Duration::from_secs(1));
    }
}
