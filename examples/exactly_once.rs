//! How do I read, transform and write, so that each record is written exactly once?

use std::{process, time::Duration};

use futures::executor::block_on;
use ottla::{ConsumerGroupMetadata, ErrorKind, Offsets, Producer, ProducerConfig, ProducerRecord, Transaction};
use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

mod broker;

const PAYMENTS: usize = 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [payments, receipts, group] = ["payments", "receipts", "billing"].map(|name| format!("{name}-{}", process::id()));
    let broker = broker::Broker::connect(&payments)?;
    let config = broker.configure(ProducerConfig::new().linger(Duration::from_millis(5)))?;
    let servers = config.get("bootstrap.servers").unwrap_or_default().to_owned();
    pay(config.clone(), &payments)?;

    // Whoever starts with this name next fences this producer, and ends the transaction that it leaves open.
    let producer: Producer<str, str> = Producer::builder(config.transactional_id(format!("{group}-1"))).build()?;
    block_on(producer.init_transactions())?;
    // The group's offsets are committed by the transactions, not by the consumer.
    let consumer = consumer(&servers, &group)?;
    consumer.subscribe(&[&payments])?;

    let mut done = 0;
    while done < PAYMENTS {
        let transaction = block_on(producer.begin_transaction())?;
        match block_on(transform(&consumer, &transaction, &receipts)) {
            Ok(records) => done += records,
            Err(error) if error.is_abortable() => {
                block_on(transaction.abort())?;
                // What was aborted is read again.
                let committed = consumer.committed(Duration::from_secs(10))?;
                consumer.seek_partitions(committed, Duration::from_secs(10))?;
            }
            // Fatal: the way on is a new producer, and a new consumer with it.
            Err(error) => return Err(error.into()),
        }
    }
    let written = read(&servers, &receipts, PAYMENTS)?;
    let once = (0..PAYMENTS).all(|payment| written.iter().filter(|receipt| **receipt == receipt_of(payment)).count() == 1);
    println!("receipts: {}, {}", written.len(), if once { "each payment once" } else { "not each payment once" });
    Ok(())
}

/// Reads up to ten records, writes what becomes of them, and commits both. Gives how many there were.
async fn transform(consumer: &BaseConsumer, transaction: &Transaction<str, str>, to: &str) -> ottla::Result<usize> {
    let (mut offsets, mut records) = (Offsets::new(), 0);
    while let Some(Ok(payment)) = (records < 10).then(|| consumer.poll(Duration::from_millis(100))).flatten() {
        let text = payment.payload().map(String::from_utf8_lossy).unwrap_or_default();
        drop(transaction.send(ProducerRecord::to(to).value(format!("receipt of {text}"))).await?);
        offsets.consumed(payment.topic(), payment.partition(), payment.offset());
        records += 1;
    }
    // Whose offsets: the group, and this member of it as it is now.
    let Some(group) = ConsumerGroupMetadata::of(consumer) else { return Ok(0) };
    transaction.send_offsets(&offsets, &group).await?;
    loop {
        match transaction.commit().await {
            // Nobody knows yet whether it is committed: the same call goes on with it.
            Err(error) if error.kind() == ErrorKind::TransactionTimeout => {}
            committed => return committed.map(|()| records),
        }
    }
}

/// Writes what there is to read.
fn pay(config: ProducerConfig, payments: &str) -> ottla::Result<()> {
    let producer: Producer<str, str> = Producer::builder(config).build()?;
    let records = (0..PAYMENTS).map(|payment| ProducerRecord::to(payments).value(format!("payment {payment}")));
    block_on(async { Ok(producer.send_all(records).await?.await.map(drop)?) })
}

fn receipt_of(payment: usize) -> String {
    format!("receipt of payment {payment}")
}

fn consumer(servers: &str, group: &str) -> Result<BaseConsumer, Box<dyn std::error::Error>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("group.id", group).set("enable.auto.commit", "false");
    config.set("isolation.level", "read_committed").set("auto.offset.reset", "earliest");
    Ok(config.create()?)
}

/// Reads the topic's values as a consumer sees them that reads committed records only.
fn read(servers: &str, topic: &str, wanted: usize) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let reader = consumer(servers, "audit")?;
    let mut partitions = TopicPartitionList::new();
    for partition in
        reader.fetch_metadata(Some(topic), Duration::from_secs(10))?.topics().iter().flat_map(|topic| topic.partitions())
    {
        partitions.add_partition_offset(topic, partition.id(), rdkafka::Offset::Beginning)?;
    }
    reader.assign(&partitions)?;
    let mut values = Vec::new();
    // A second without a record is the end.
    while let Some(record) = reader.poll(Duration::from_secs(if values.len() < wanted { 20 } else { 1 })) {
        values.push(record?.payload().map(String::from_utf8_lossy).unwrap_or_default().into_owned());
    }
    Ok(values)
}
