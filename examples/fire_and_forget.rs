//! How do I send without waiting for results, and still count them?
//!
//! Dropping a delivery withdraws nothing. An interceptor sees every report, and dropping the producer delivers the records in flight.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::executor::block_on;
use ottla::{Acknowledgement, Interceptor, Producer, ProducerConfig, ProducerRecord};

mod broker;

#[derive(Default)]
struct Count {
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
}

struct Counter(Arc<Count>);

impl Interceptor<[u8], str> for Counter {
    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let counter = if acknowledgement.result.is_ok() { &self.0.acknowledged } else { &self.0.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("clicks")?;
    let count = Arc::new(Count::default());
    let producer: Producer<[u8], str> =
        Producer::builder(broker.configure(ProducerConfig::new())?).interceptor(Counter(Arc::clone(&count))).build()?;

    block_on(send_clicks(&producer))?;
    drop(producer);

    println!("acknowledged: {}, failed: {}", count.acknowledged.load(Ordering::Relaxed), count.failed.load(Ordering::Relaxed));
    Ok(())
}

async fn send_clicks(producer: &Producer<[u8], str>) -> ottla::Result<()> {
    for _ in 0..1000 {
        // Awaits the acceptance, so that the loop is not faster than the brokers, but not the acknowledgement.
        drop(producer.send(ProducerRecord::to("clicks").value("/index.html")).await?);
    }
    Ok(())
}
