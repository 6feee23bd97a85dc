//! How do I send a record and know that it arrived?

use std::{env, time::Duration};

use ottla::{Producer, ProducerConfig, ProducerRecord, testing::EmbeddedKafka};

#[tokio::main]
async fn main() -> ottla::Result<()> {
    // A broker inside this process, used if KAFKA_BOOTSTRAP_SERVERS is not set.
    let embedded = EmbeddedKafka::builder().topic("orders", 3).start()?;
    let servers = env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap_or_else(|_| embedded.bootstrap_servers().to_owned());

    let config = ProducerConfig::new().set("bootstrap.servers", servers)?.linger(Duration::from_millis(5));
    let producer: Producer<str, str> = Producer::builder(config).build()?;

    let record = ProducerRecord::to("orders").key("o-1").value("paid");
    let delivery = producer.send(record).await?; // accepted into buffer.memory
    let metadata = delivery.await?; // acknowledged by the brokers
    println!("acknowledged: {metadata}");

    let unsent = producer.close(Duration::from_secs(10)).await?;
    println!("not delivered: {}", unsent.len());
    Ok(())
}
