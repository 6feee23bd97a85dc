//! How do I get a callback for each report, from threads and without futures?

use std::{sync::mpsc, time::Duration};

use ottla::{Producer, ProducerConfig, ProducerRecord};

mod broker;

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("readings")?;
    let producer: Producer<str, f64> = Producer::builder(broker.configure(ProducerConfig::new())?).build()?;
    let blocking = producer.blocking();

    let (sender, receiver) = mpsc::channel();
    for reading in 0..1000 {
        let value = f64::from(reading) / 10.0;
        let record = ProducerRecord::to("readings").key("boiler").value(value);
        let sender = sender.clone();
        // Blocks only while the buffer is full. The callback runs on the delivery thread, so it only forwards the report.
        blocking.send_with(record, move |report| {
            let _ = sender.send((reading, report));
        })?;
    }
    drop(sender);

    let (mut acknowledged, mut failed) = (0, 0);
    for (reading, report) in receiver {
        match report {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                failed += 1;
                eprintln!("reading {reading}: {error}");
            }
        }
    }
    println!("acknowledged: {acknowledged}, failed: {failed}");
    blocking.close(Duration::from_secs(10)).map(drop)
}
