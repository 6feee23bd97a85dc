//! ottla, a callback for every record.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use bench_workload::{Arguments, Measuring, Records, Workload};

use super::{
    ottla::{producer, record, version},
    unsupported,
};

pub(crate) fn run(arguments: &Arguments, records: &Records) -> Result<()> {
    if arguments.workload != Workload::Throughput {
        return unsupported(arguments.workload);
    }
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let measuring = Measuring::start();
    let producer = producer(arguments)?;
    for index in 0..arguments.records {
        let key = Records::key(index);
        let acknowledged = Arc::clone(&acknowledged);
        producer.blocking().send_with(record(records, index, &key), move |report| {
            if report.is_ok() {
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        })?;
    }
    producer.blocking().flush()?;
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    measuring.end(acknowledged, arguments.records - acknowledged).print(arguments, None, &version())
}
