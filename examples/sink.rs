//! How do I forward a stream into a topic?
//!
//! The sink accepts a record after the previous one was accepted, so the stream is not read faster than the brokers accept records.
//! `forward` closes the sink at the end, which waits for every report. The first failed record ends it with an error.

use std::time::Duration;

use futures::{StreamExt, executor::block_on, stream};
use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("lines")?;
    let producer: Producer<[u8], str> = Producer::builder(broker.configure(ProducerConfig::new())?).build()?;

    block_on(async {
        let mut taken = 0;
        // Records for a sink own their key and value.
        let lines = stream::iter(1..=1000).map(|number| format!("line {number}"));
        let records = lines.inspect(|_| taken += 1).map(|line| Ok(ProducerRecord::to("lines").value(line)));
        records.forward(producer.sink()).await?;
        println!("acknowledged: {taken}");
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}
