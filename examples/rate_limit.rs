//! How do I limit the number of records per second?
//!
//! The limit is applied before `send`, where a task can wait without blocking its thread. Threads that block use `thread::sleep` for the
//! same wait.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

/// Spreads records evenly. After a pause up to [`BURST`] is caught up at once.
#[derive(Clone)]
struct RateLimit {
    /// The time from one record to the next.
    step: Duration,
    /// When the next record is due. Clones share it, and so the limit.
    next: Arc<Mutex<Instant>>,
}

/// How much of a pause is caught up.
const BURST: Duration = Duration::from_millis(100);

impl RateLimit {
    fn per_second(records: NonZeroU32) -> Self {
        Self { step: Duration::from_secs(1) / records.get(), next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Reserves the time of one record, and gives how long to wait for it.
    fn reserve(&self, now: Instant) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now.checked_sub(BURST).map_or(*next, |earliest| earliest.max(*next));
        *next = due + self.step;
        due.saturating_duration_since(now)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("orders")?;
    let producer: Producer<str, str> = Producer::builder(broker.configure(ProducerConfig::new())?).build()?;
    let limit = RateLimit::per_second(NonZeroU32::MIN.saturating_add(199));
    let start = Instant::now();
    for _ in 0..100 {
        tokio::time::sleep(limit.reserve(Instant::now())).await;
        drop(producer.send(ProducerRecord::to("orders").key("o-1").value("paid")).await?);
    }
    producer.flush().await?;
    // 100 records at 200 per second: the last one is due after 495 ms.
    println!("acknowledged: 100, at least 490 ms: {}", start.elapsed() >= Duration::from_millis(490));
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}
