//! [`RateLimit`]: limits the number of records per second.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::Interceptor;
use crate::ProducerRecord;

/// Limits the number of records per second by delaying `send`.
///
/// **It blocks the thread that calls `send`**, before the record is serialized, because an interceptor cannot delay a record otherwise. Use
/// it with blocking threads ([`Producer::blocking`](crate::Producer::blocking)). In an async task it would block the other tasks of the
/// thread: await a timer of the runtime before `send` instead. [`try_send`](crate::Producer::try_send) waits, too. A callback that sends
/// would delay all reports.
///
/// After a second without records, the records of one second may be sent at once; otherwise they are evenly spread. It is a handle: clones
/// share the limit, also between producers. Records that fail later count.
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
    /// The time between two records.
    step: Duration,
    /// When the next record is due, if all records are evenly spread.
    next: Mutex<Instant>,
}

/// The longest idle time that is made up for.
const BURST: Duration = Duration::from_secs(1);

impl RateLimit {
    /// A limit of this many records per second.
    pub fn per_second(records: NonZeroU32) -> Self {
        Self::starting_at(records, Instant::now())
    }

    fn starting_at(records: NonZeroU32, now: Instant) -> Self {
        Self(Arc::new(Schedule { step: Duration::from_secs(1) / records.get(), next: Mutex::new(now) }))
    }

    /// Reserves the next record's time; returns how long to wait for it.
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
        // Two of the reserved times have passed, the other two have not.
        assert_eq!(limit.reserve(start + Duration::from_millis(150)), Duration::from_millis(250));
    }

    #[test]
    fn at_most_a_second_of_idle_time_is_made_up_for() {
        let start = Instant::now();
        let limit = limit(10, start);
        let later = start + Duration::from_secs(60);
        let at_once = (0..30).take_while(|_| limit.reserve(later).is_zero()).count();
        assert_eq!(at_once, 11, "ten of the last second and the one that is due");
    }

    #[test]
    fn clones_share_the_limit() {
        let start = Instant::now();
        let limit = limit(1, start);
        assert_eq!(limit.clone().reserve(start), Duration::ZERO);
        assert_eq!(limit.reserve(start), Duration::from_secs(1));
    }
}
