//! What happens when I send faster than the brokers take records?
//!
//! Records occupy `buffer.memory` until they are reported. If it is full, `try_send` returns the record, and `send` waits in order
//! for at most `max.block.ms`.

use std::time::Duration;

use futures::executor::block_on;
use ottla::{ErrorKind, Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("images")?;
    let config = ProducerConfig::new().buffer_memory(100_000).max_block(Duration::from_secs(30));
    let producer: Producer<[u8], [u8]> = Producer::builder(broker.configure(config)?).build()?;
    let image = [0; 5000];

    let mut deliveries = Vec::new();
    let refused = loop {
        match producer.try_send(ProducerRecord::to("images").value(image)) {
            Ok(delivery) => deliveries.push(delivery),
            Err(refused) => break refused,
        }
    };
    println!("after {} records: {refused}", deliveries.len());
    if refused.error().kind() != ErrorKind::BufferFull {
        return Err(refused.into());
    }

    block_on(async {
        // The refused record, then ten times as many as fit: each `send` waits for a report.
        deliveries.push(producer.send(refused.into_record()).await?);
        for _ in 0..200 {
            deliveries.push(producer.send(ProducerRecord::to("images").value(image)).await?);
        }
        let sent = deliveries.len();
        let mut acknowledged = 0;
        for delivery in deliveries {
            delivery.await?;
            acknowledged += 1;
        }
        println!("acknowledged: {acknowledged} of {sent}");
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}
