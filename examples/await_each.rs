//! How do I get the result of each record, with many records in flight?
//!
//! Awaiting a delivery before the next `send` would cost `linger.ms` and a round trip per record. This example keeps the deliveries
//! and awaits them later, so that the records are sent in batches.

use std::{collections::BTreeMap, time::Duration};

use futures::executor::block_on;
use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("payments")?;
    let producer: Producer<u32, str> = Producer::builder(broker.configure(ProducerConfig::new())?).build()?;

    block_on(async {
        let mut deliveries = Vec::new();
        for customer in 0..1000 {
            let record = ProducerRecord::to("payments").key(customer).value("12.50 EUR");
            deliveries.push((customer, producer.send(record).await?));
        }

        let (mut acknowledged, mut failed) = (0, 0);
        let mut partitions = BTreeMap::new();
        for (customer, delivery) in deliveries {
            match delivery.await {
                Ok(metadata) => {
                    acknowledged += 1;
                    *partitions.entry(metadata.partition()).or_insert(0) += 1;
                }
                Err(error) => {
                    failed += 1;
                    eprintln!("customer {customer}: {error} ({:?})", error.persistence());
                }
            }
        }
        println!("acknowledged: {acknowledged}, failed: {failed}, by partition: {partitions:?}");
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}
