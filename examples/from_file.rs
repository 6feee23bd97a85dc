//! How do I keep the settings in a file, and see the source of each one?

use std::time::Duration;

use futures::executor::block_on;
use ottla::{Producer, ProducerConfig, ProducerRecord, config::Format};

mod broker;

/// TOML. YAML, JSON and Java's `.properties` work as well.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/orders.toml");

fn main() -> ottla::Result<()> {
    // Settings in code, here the brokers' addresses, override the file.
    let broker = broker::Broker::connect("orders")?;
    let config = broker.configure(ProducerConfig::from_file(FILE)?)?.linger(Duration::from_millis(50));
    for name in ["acks", "linger.ms", "compression.type"] {
        if let (Some(value), Some(origin)) = (config.get(name), config.origin(name)) {
            println!("{name} = {value} ({origin})");
        }
    }
    let producer: Producer<str, str> = Producer::builder(config).build()?;

    block_on(async {
        let batch = ["o-1", "o-2", "o-3"].map(|order| ProducerRecord::to("orders").key(order).value("paid"));
        let acknowledged = producer.send_all(batch).await?.await?.records();
        println!("acknowledged: {acknowledged}");
        producer.close(Duration::from_secs(10)).await
    })?;

    // All problems are reported together, each with its line.
    if let Err(error) = ProducerConfig::from_str("liger.ms = 20\nacks = \"some\"", Format::Toml) {
        println!("{error}");
    }
    Ok(())
}
