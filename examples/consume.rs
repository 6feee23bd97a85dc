//! How do I read records, including records that cannot be deserialized?

use std::time::Duration;

use futures::{StreamExt, executor::block_on};
use ottla::{
    Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord, RebalanceListener,
    consumer::{Assigned, Revoked},
    serialize::Json,
};
use serde::Deserialize;

mod broker;

#[derive(Deserialize)]
struct Order {
    id: String,
    cents: u32,
}

/// Commits the processed records before another member of the group takes over the partitions.
struct CommitBeforeLeaving;

impl RebalanceListener for CommitBeforeLeaving {
    fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
        println!("partitions assigned: {}", assigned.partitions().len());
    }

    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        if let Err(error) = revoked.commit() {
            eprintln!("the records since the last commit will be read again: {error}");
        }
    }
}

fn main() -> ottla::Result<()> {
    let topic = format!("orders-{}", std::process::id());
    let broker = broker::Broker::connect(&topic)?;
    let producing = broker.configure(ProducerConfig::new())?;
    let orders = [r#"{"id":"o-1","cents":1250}"#, r#"{"id":"o-2""#, r#"{"id":"o-3","cents":80}"#];

    block_on(async {
        let producer: Producer<str, str> = Producer::builder(producing.clone()).build()?;
        for order in orders {
            producer.send(ProducerRecord::to(&topic).partition(0).value(order)).await?.await?;
        }

        // The connection settings are the producer's, the others the consumer's.
        let config = ConsumerConfig::from_producer(&producing)
            .set("group.id", format!("billing-{}", std::process::id()))?
            .set("auto.offset.reset", "earliest")?
            .set("enable.auto.commit", "false")?;
        let consumer: Consumer<Option<String>, Order> =
            Consumer::builder(config).value_deserializer(Json::new()).rebalance_listener(CommitBeforeLeaving).build()?;
        consumer.subscribe([&topic]).await?;

        let mut items = (&consumer).take(orders.len());
        while let Some(item) = items.next().await {
            match item {
                Ok(order) => println!("{}: {} cents", order.value().id, order.value().cents),
                Err(error) if error.record().is_some() => println!("skipped: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
        consumer.commit().await?;
        println!("committed: {:?}", consumer.taken().next(&topic, 0));
        consumer.close(Duration::from_secs(10)).await
    })
}
