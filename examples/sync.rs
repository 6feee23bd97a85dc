//! How do I send from a blocking thread, one record at a time?

use std::time::Duration;

use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("audit")?;
    // Only one record is in flight, so waiting for a larger batch would only add latency.
    let config = broker.configure(ProducerConfig::new())?.set("linger.ms", "0")?;
    let producer: Producer<str, str> = Producer::builder(config).build()?;
    let blocking = producer.blocking();

    for action in ["login", "transfer", "logout"] {
        let metadata = blocking.send(ProducerRecord::to("audit").key("alice").value(action))?.wait()?;
        println!("{action} is at {metadata}, {} bytes", metadata.serialized_value_size().unwrap_or(0));
    }

    let unsent = blocking.close(Duration::from_secs(10))?;
    println!("not delivered: {}", unsent.len());
    Ok(())
}
