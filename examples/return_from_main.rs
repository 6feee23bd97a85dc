//! What happens to records that are under way when `main` returns?
//!
//! Dropping the last handle of a producer delivers them first. Takes a topic's name, or uses `clicks`.

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
