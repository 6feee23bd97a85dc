//! How do I forward a stream into a topic?
//!
//! The sink takes the next record when the one before is accepted, so the stream is read no faster than the brokers take records.
//! `forward` closes it at the end, which waits for every report; the first record that fails ends it.

use std::time::Duration;

use futures::{StreamExt, executor::block_on, stream};
use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("lines")?;
    let producer: Producer<[u8], str> = Producer::builder(broker.configure(ProducerConfig::new())?).build()?;

    block_on(async {
        let mut taken = 0;
        // What goes into a sink owns its key and value.
        let lines = stream::iter(1..=1000).map(|number| format!("line {number}"));
        let records = lines.inspect(|_| taken += 1).map(|line| Ok(ProducerRecord::to("lines").value(line)));
        records.forward(producer.sink()).await?;
        println!("acknowledged: {taken}");
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}
