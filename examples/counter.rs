//! How do I count records by topic, or by something else that the metrics do not have?
//!
//! `Producer::metrics` already counts by topic. This interceptor shows how to do it with criteria of your own: change `count`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::executor::block_on;
use ottla::{Acknowledgement, Interceptor, Producer, ProducerConfig, ProducerRecord};

mod broker;

#[derive(Default)]
struct Counts {
    sent: u64,
    acknowledged: u64,
    failed: u64,
}

/// A handle: clones share the counts, so that the program keeps one and gives one to the builder.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<BTreeMap<String, Counts>>>);

impl Counter {
    fn count(&self, topic: &str, change: impl FnOnce(&mut Counts)) {
        if let Ok(mut topics) = self.0.lock() {
            change(topics.entry(topic.to_owned()).or_default());
        }
    }
}

impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for Counter {
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        self.count(record.topic(), |counts| counts.sent += 1);
    }

    // Called once for each record that `on_send` has seen, also for one that is rejected before it is sent.
    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        self.count(acknowledgement.topic, |counts| match acknowledgement.result {
            Ok(_) => counts.acknowledged += 1,
            Err(_) => counts.failed += 1,
        });
    }
}

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("orders")?;
    let config = broker.configure(ProducerConfig::new().set("max.request.size", "1000")?)?;
    let counter = Counter::default();
    let producer: Producer<str, str> = Producer::builder(config).interceptor(counter.clone()).build()?;
    block_on(async {
        for _ in 0..100 {
            drop(producer.send(ProducerRecord::to("orders").key("o-1").value("paid")).await?);
        }
        let too_large = "x".repeat(2000);
        let _rejected = producer.send(ProducerRecord::to("orders").key("o-2").value(&too_large)).await;
        producer.close(Duration::from_secs(10)).await
    })?;
    if let Ok(topics) = counter.0.lock() {
        for (topic, Counts { sent, acknowledged, failed }) in topics.iter() {
            println!("{topic}: {sent} sent, {acknowledged} acknowledged, {failed} failed");
        }
    }
    Ok(())
}
