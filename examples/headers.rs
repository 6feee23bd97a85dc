//! How do I send headers, and add the same headers to every record?

use std::time::Duration;

use futures::executor::block_on;
use ottla::{Acknowledgement, Interceptor, Producer, ProducerConfig, ProducerRecord};

mod broker;

/// Adds the name of this service to every record, and prints the headers that were sent.
struct Stamp;

impl Interceptor<str, str> for Stamp {
    fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
        record.headers_mut().push("service", Some(b"checkout"));
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        for header in acknowledgement.headers {
            let value = header.value().map(String::from_utf8_lossy);
            println!("{} = {}", header.name(), value.as_deref().unwrap_or("null"));
        }
    }
}

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("orders")?;
    let producer: Producer<str, str> = Producer::builder(broker.configure(ProducerConfig::new())?).interceptor(Stamp).build()?;

    block_on(async {
        // Names can repeat, the order is kept, and null differs from empty.
        let record = ProducerRecord::to("orders")
            .key("o-1")
            .value("paid")
            .header("trace", "4bf92f35")
            .header("tag", "gift")
            .header("tag", "express")
            .null_header("coupon");
        let metadata = producer.send(record).await?.await?;
        println!("acknowledged: {metadata}");
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}
