//! ottla, a future for every 10,000 records.

use std::collections::VecDeque;

use anyhow::Result;
use bench_workload::{Arguments, Measuring, Records, Workload};

use super::{
    ottla::{producer, record, version},
    runtime, unsupported,
};

const CHUNK: usize = 10_000;

/// Batches whose reports are still to come while one more is sent.
const UNDER_WAY: usize = 2;

pub(crate) fn run(arguments: &Arguments, records: &Records) -> Result<()> {
    if arguments.workload != Workload::Throughput {
        return unsupported(arguments.workload);
    }
    let runtime = runtime()?;
    let measuring = Measuring::start();
    let producer = producer(arguments)?;
    let outcome = runtime.block_on(async {
        let mut under_way = VecDeque::with_capacity(UNDER_WAY + 1);
        let mut keys: Vec<[u8; 8]> = Vec::with_capacity(CHUNK);
        let mut acknowledged = 0;
        for first in (0..arguments.records).step_by(CHUNK) {
            if under_way.len() == UNDER_WAY {
                acknowledged += next(&mut under_way).await;
            }
            let end = arguments.records.min(first + CHUNK);
            keys.clear();
            keys.extend((first..end).map(Records::key));
            let chunk = keys.iter().zip(first..).map(|(key, index)| record(records, index, key));
            under_way.push_back(producer.send_all(chunk).await?);
        }
        while !under_way.is_empty() {
            acknowledged += next(&mut under_way).await;
        }
        anyhow::Ok(measuring.end(acknowledged, arguments.records - acknowledged))
    })?;
    outcome.print(arguments, None, &version())
}

/// Awaits the oldest batch: how many records of it were acknowledged.
async fn next(under_way: &mut VecDeque<ottla::producer::BatchDelivery>) -> usize {
    match under_way.pop_front() {
        None => 0,
        Some(batch) => batch.await.map_or_else(|error| error.acknowledged(), |metadata| metadata.records()),
    }
}
