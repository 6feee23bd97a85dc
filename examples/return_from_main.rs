//! What happens to records in flight when `main` returns?
//!
//! Dropping the last handle of a producer delivers them first. The argument is the topic (default: `clicks`).

use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let topic = std::env::args().nth(1).unwrap_or_else(|| "clicks".to_owned());
    let broker = broker::Broker::connect(&topic)?;
    let producer: Producer<[u8], str> = Producer::builder(broker.configure(ProducerConfig::new())?).build()?;
    for click in 0..10_000 {
        drop(producer.blocking().send(ProducerRecord::to(&topic).value(format!("click {click}")))?);
    }
    println!("accepted: 10000");
    Ok(()) // no flush, no close
}
