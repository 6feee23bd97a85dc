//! rdkafka's `FutureProducer`, every record's future awaited.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use bench_workload::{Arguments, Commits, Latencies, Measuring, Records, Schedule, Workload};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer},
};

use super::{
    rdkafka::{config, version},
    runtime,
};

pub(crate) fn run(arguments: &Arguments, records: &Records) -> Result<()> {
    match arguments.workload {
        Workload::Throughput => throughput(arguments, records),
        Workload::LatencyClosed => closed(arguments, records),
        Workload::LatencyOpen => open(arguments, records),
        Workload::Flush => flush(arguments, records),
        Workload::Transactions => transactions(arguments, records),
        Workload::Idle => idle(arguments, records),
    }
}

fn record<'a>(records: &'a Records, index: usize, key: &'a [u8; 8]) -> FutureRecord<'a, [u8], [u8]> {
    let record = FutureRecord::to(records.topic(index)).payload(records.value(index));
    if records.is_keyed() { record.key(&key[..]) } else { record }
}

fn send(producer: &FutureProducer, records: &Records, index: usize) -> Result<DeliveryFuture> {
    producer.send_result(record(records, index, &Records::key(index))).map_err(|(error, _)| anyhow!(error))
}

async fn acknowledged(delivery: DeliveryFuture) -> bool {
    matches!(delivery.await, Ok(Ok(_)))
}

fn throughput(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let measuring = Measuring::start();
    let producer: FutureProducer = config(arguments).create()?;
    let outcome = runtime.block_on(async {
        let mut under_way = VecDeque::with_capacity(arguments.window);
        let mut count = 0;
        for index in 0..arguments.records {
            if under_way.len() == arguments.window {
                count += next(&mut under_way).await;
            }
            let key = Records::key(index);
            let mut unsent = record(records, index, &key);
            loop {
                match producer.send_result(unsent) {
                    Ok(delivery) => break under_way.push_back(delivery),
                    // A delivered record's future wakes before its room is free: the next report makes some.
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) if !under_way.is_empty() => {
                        count += next(&mut under_way).await;
                        unsent = refused;
                    }
                    Err((error, _)) => bail!(error),
                }
            }
        }
        while !under_way.is_empty() {
            count += next(&mut under_way).await;
        }
        anyhow::Ok(measuring.end(count, arguments.records - count))
    })?;
    outcome.print(arguments, None, &version())
}

/// Awaits the oldest record: 1 if it was acknowledged.
async fn next(under_way: &mut VecDeque<DeliveryFuture>) -> usize {
    match under_way.pop_front() {
        None => 0,
        Some(delivery) => usize::from(acknowledged(delivery).await),
    }
}

fn closed(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let latencies = Latencies::new(arguments.records);
    let measuring = Measuring::start();
    let producer: FutureProducer = config(arguments).create()?;
    let outcome = runtime.block_on(async {
        for index in 0..arguments.records {
            let start = Instant::now();
            send(&producer, records, index)?.await?.map_err(|(error, _)| anyhow!(error))?;
            latencies.set(index, start.elapsed());
        }
        anyhow::Ok(measuring.end(arguments.records, 0))
    })?;
    outcome.print(arguments, Some(&latencies), &version())
}

fn open(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let latencies = Latencies::new(arguments.records);
    let measuring = Measuring::start();
    let producer: FutureProducer = config(arguments).create()?;
    let outcome = runtime.block_on(async {
        let schedule = Schedule::start(arguments.rate);
        let mut tasks = Vec::with_capacity(arguments.records);
        for index in 0..arguments.records {
            // This thread runs no other task.
            schedule.wait(index);
            let delivery = send(&producer, records, index)?;
            let latencies = latencies.clone();
            tasks.push(tokio::spawn(async move {
                let acknowledged = acknowledged(delivery).await;
                latencies.set(index, schedule.due(index).elapsed());
                acknowledged
            }));
        }
        let mut count = 0;
        for task in tasks {
            count += usize::from(task.await?);
        }
        anyhow::Ok(measuring.end(count, arguments.records - count))
    })?;
    outcome.print(arguments, Some(&latencies), &version())
}

fn flush(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let latencies = Latencies::new(arguments.records);
    let measuring = Measuring::start();
    let producer: FutureProducer = config(arguments).create()?;
    let mut count = 0;
    for index in 0..arguments.records {
        let start = Instant::now();
        let delivery = send(&producer, records, index)?;
        producer.flush(Duration::from_secs(10))?;
        latencies.set(index, start.elapsed());
        count += usize::from(runtime.block_on(acknowledged(delivery)));
    }
    measuring.end(count, arguments.records - count).print(arguments, Some(&latencies), &version())
}

fn transactions(arguments: &Arguments, records: &Records) -> Result<()> {
    const TIMEOUT: Duration = Duration::from_secs(60);
    let runtime = runtime()?;
    let _runtime = runtime.enter();
    let mut commits = Commits::new(arguments)?;
    let measuring = Measuring::start();
    let producer: FutureProducer = config(arguments).set("transactional.id", &arguments.topic).create()?;
    let start = Instant::now();
    producer.init_transactions(TIMEOUT)?;
    commits.initialized(start.elapsed());
    for (number, indices) in commits.transactions() {
        producer.begin_transaction()?;
        for index in indices {
            // A commit fails unless every record was acknowledged.
            drop(send(&producer, records, index)?);
        }
        let start = Instant::now();
        producer.commit_transaction(TIMEOUT)?;
        commits.committed(number, start);
    }
    measuring.end(arguments.records, 0).print_commits(&commits, &version())
}

fn idle(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let _runtime = runtime.enter();
    let send = |producer: &FutureProducer, index: usize| match runtime.block_on(acknowledged(send(producer, records, index)?)) {
        true => Ok(()),
        false => bail!("record {index} was not acknowledged"),
    };
    let end = |producer: FutureProducer| {
        drop(producer);
        Ok(())
    };
    bench_workload::idle(arguments, &version(), || Ok(config(arguments).create()?), send, end)
}
