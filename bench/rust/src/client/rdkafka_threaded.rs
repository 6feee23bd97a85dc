//! rdkafka's `ThreadedProducer`, a context that counts.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use bench_workload::{Arguments, Measuring, Records, Workload};
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use super::{
    rdkafka::{config, version},
    unsupported,
};

#[derive(Default)]
struct Reports {
    acknowledged: AtomicUsize,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) fn run(arguments: &Arguments, records: &Records) -> Result<()> {
    if arguments.workload != Workload::Throughput {
        return unsupported(arguments.workload);
    }
    let measuring = Measuring::start();
    let producer: ThreadedProducer<Reports> = config(arguments).create_with_context(Reports::default())?;
    for index in 0..arguments.records {
        let key = Records::key(index);
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(records.topic(index)).payload(records.value(index));
        if records.is_keyed() {
            record = record.key(&key[..]);
        }
        while let Err((error, refused)) = producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                bail!(error);
            }
            record = refused;
            thread::sleep(Duration::from_millis(1));
        }
    }
    producer.flush(Duration::from_secs(60))?;
    let acknowledged = producer.context().acknowledged.load(Ordering::Relaxed);
    measuring.end(acknowledged, arguments.records - acknowledged).print(arguments, None, &version())
}
