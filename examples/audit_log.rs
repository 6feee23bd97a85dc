//! How do I keep a log of every record and its result?

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use futures::executor::block_on;
use ottla::{Acknowledgement, Interceptor, Producer, ProducerConfig, ProducerRecord};

mod broker;

/// Numbers every record, and sends its result to a thread. It does not log keys or values: they may be secret.
struct Audit {
    next: AtomicU64,
    lines: Mutex<Sender<String>>,
}

impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for Audit {
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        record.headers_mut().push("audit-number", Some(number.to_string().as_bytes()));
    }

    // Runs on the delivery thread, which must not wait for a disk: another thread writes the line.
    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let number = acknowledgement.headers.last("audit-number").and_then(|header| header.value()).unwrap_or_default();
        let outcome = match acknowledgement.result {
            Ok(metadata) => format!("acknowledged at {metadata}"),
            Err(error) => format!("failed: {:?} ({})", error.kind(), error.java_exception().unwrap_or("no exception in Java")),
        };
        let line = format!("record {} for {} {outcome}", String::from_utf8_lossy(number), acknowledgement.topic);
        if let Ok(lines) = self.lines.lock() {
            let _ = lines.send(line);
        }
    }
}

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("payments")?;
    let config = broker.configure(ProducerConfig::new().set("max.request.size", "1000")?)?;
    let (lines, log) = channel();
    // A service would write to a file or a table instead of printing.
    let writer = thread::spawn(move || log.into_iter().for_each(|line| println!("{line}")));

    let audit = Audit { next: AtomicU64::new(1), lines: Mutex::new(lines) };
    let producer: Producer<str, str> = Producer::builder(config).interceptor(audit).build()?;
    let refused = block_on(async {
        producer.send(ProducerRecord::to("payments").key("p-1").value("10 EUR")).await?.await?;
        // Refused before it is sent. The audit sees it as well.
        let too_large = "x".repeat(2000);
        let refused = producer.send(ProducerRecord::to("payments").key("p-2").value(&too_large)).await;
        producer.send(ProducerRecord::to("payments").key("p-3").value("20 EUR")).await?.await?;
        producer.close(Duration::from_secs(10)).await?;
        Ok::<_, ottla::Error>(refused.err())
    })?;
    // Closing the producer dropped the interceptor, and with it the sending side of the channel.
    let _ = writer.join();
    if let Some(error) = refused {
        println!("send said: {error}");
    }
    Ok(())
}
