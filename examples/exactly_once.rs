//! How do I read, transform and write records exactly once?

use std::{process, time::Duration};

use futures::executor::block_on;
use ottla::{Consumer, ConsumerConfig, ErrorKind, Producer, ProducerConfig, ProducerRecord, Transaction};

mod broker;

const PAYMENTS: usize = 30;

type Reader = Consumer<Option<String>, String>;

fn main() -> ottla::Result<()> {
    let [payments, receipts, group] = ["payments", "receipts", "billing"].map(|name| format!("{name}-{}", process::id()));
    let broker = broker::Broker::connect(&payments)?;
    let config = broker.configure(ProducerConfig::new().linger(Duration::from_millis(5)))?;
    pay(config.clone(), &payments)?;

    // The next producer with this transactional.id fences this one, and aborts its open transaction.
    let producer: Producer<str, str> = Producer::builder(config.clone().transactional_id(format!("{group}-1"))).build()?;
    block_on(producer.init_transactions())?;
    let consumer = reader(&config, &group)?;
    block_on(consumer.subscribe([&payments]))?;

    let mut done = 0;
    while done < PAYMENTS {
        let transaction = block_on(producer.begin_transaction())?;
        match block_on(transform(&consumer, &transaction, &receipts)) {
            Ok(records) => done += records,
            Err(error) if error.is_abortable() => {
                block_on(transaction.abort())?;
                block_on(read_again(&consumer))?;
            }
            // Fatal: continue with a new producer and a new consumer.
            Err(error) => return Err(error),
        }
    }
    let written = read(&config, &receipts)?;
    let once = (0..PAYMENTS).all(|payment| written.iter().filter(|receipt| **receipt == receipt_of(payment)).count() == 1);
    println!("receipts: {}, {}", written.len(), if once { "each payment once" } else { "not each payment once" });
    block_on(consumer.close(Duration::from_secs(10)))
}

/// Reads up to ten records, writes a receipt for each, and commits both. Returns the number of records.
async fn transform(consumer: &Reader, transaction: &Transaction<str, str>, to: &str) -> ottla::Result<usize> {
    let records = consumer.recv_batch().await.unwrap_or_default();
    let count = records.len();
    for payment in records {
        let receipt = format!("receipt of {}", payment?.value());
        drop(transaction.send(ProducerRecord::to(to).value(receipt)).await?);
    }
    // The consumer's progress, and the group and member that it belongs to.
    transaction.send_offsets(&consumer.taken(), &consumer.group_metadata().await?).await?;
    loop {
        match transaction.commit().await {
            // The result is not known yet: the same call waits for it.
            Err(error) if error.kind() == ErrorKind::TransactionTimeout => {}
            committed => return committed.map(|()| count),
        }
    }
}

/// Seeks to the committed offsets, so that the records of the aborted transaction are read again.
async fn read_again(consumer: &Reader) -> ottla::Result<()> {
    let assignment = consumer.assignment();
    let committed = consumer.committed(&assignment).await?;
    for partition in assignment {
        match committed.next(partition.topic(), partition.partition()) {
            Some(next) => consumer.seek(partition, next).await?,
            None => consumer.seek_to_beginning([partition]).await?,
        }
    }
    Ok(())
}

/// Writes the payments.
fn pay(config: ProducerConfig, payments: &str) -> ottla::Result<()> {
    let producer: Producer<str, str> = Producer::builder(config).build()?;
    let records = (0..PAYMENTS).map(|payment| ProducerRecord::to(payments).value(format!("payment {payment}")));
    block_on(async { Ok(producer.send_all(records).await?.await.map(drop)?) })
}

fn receipt_of(payment: usize) -> String {
    format!("receipt of payment {payment}")
}

/// A consumer that reads committed records only. The transactions commit its group's offsets, the consumer does not.
fn reader(config: &ProducerConfig, group: &str) -> ottla::Result<Reader> {
    let config = ConsumerConfig::from_producer(config)
        .set("group.id", group)?
        .set("isolation.level", "read_committed")?
        .set("enable.auto.commit", "false")?
        .set("auto.offset.reset", "earliest")?
        .set("max.poll.records", "10")?;
    Consumer::builder(config).build()
}

/// Reads all of the topic's values.
fn read(config: &ProducerConfig, topic: &str) -> ottla::Result<Vec<String>> {
    let reader = reader(config, "audit")?;
    let partitions: Vec<_> =
        block_on(reader.partitions_for(topic))?.iter().map(|it| (topic.to_owned(), it.partition())).collect();
    block_on(reader.assign(partitions))?;
    let mut values = Vec::new();
    // A second without a record is the end.
    loop {
        let timeout = Duration::from_secs(if values.len() < PAYMENTS { 20 } else { 1 });
        let records = reader.blocking().poll(timeout);
        if records.is_empty() {
            return Ok(values);
        }
        for record in records {
            values.push(record?.into_parts().1);
        }
    }
}
