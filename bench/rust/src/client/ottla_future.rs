//! ottla, every record's future awaited.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::Result;
use bench_workload::{Arguments, Commits, Latencies, Measuring, Records, Schedule, Workload};
use ottla::{Delivery, Producer};

use super::{
    ottla::{Bytes, config, producer, record, version},
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

fn throughput(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let measuring = Measuring::start();
    let producer = producer(arguments)?;
    let outcome = runtime.block_on(async {
        let mut under_way = VecDeque::with_capacity(arguments.window);
        let mut acknowledged = 0;
        for index in 0..arguments.records {
            if under_way.len() == arguments.window {
                acknowledged += next(&mut under_way).await;
            }
            let key = Records::key(index);
            under_way.push_back(producer.send(record(records, index, &key)).await?);
        }
        while !under_way.is_empty() {
            acknowledged += next(&mut under_way).await;
        }
        anyhow::Ok(measuring.end(acknowledged, arguments.records - acknowledged))
    })?;
    outcome.print(arguments, None, &version())
}

/// Awaits the oldest record: 1 if it was acknowledged.
async fn next(under_way: &mut VecDeque<Delivery>) -> usize {
    match under_way.pop_front() {
        None => 0,
        Some(delivery) => usize::from(delivery.await.is_ok()),
    }
}

fn closed(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let latencies = Latencies::new(arguments.records);
    let measuring = Measuring::start();
    let producer = producer(arguments)?;
    let outcome = runtime.block_on(async {
        for index in 0..arguments.records {
            let start = Instant::now();
            let key = Records::key(index);
            producer.send(record(records, index, &key)).await?.await?;
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
    let producer = producer(arguments)?;
    let outcome = runtime.block_on(async {
        let schedule = Schedule::start(arguments.rate);
        let mut tasks = Vec::with_capacity(arguments.records);
        for index in 0..arguments.records {
            // This thread runs no other task.
            schedule.wait(index);
            let key = Records::key(index);
            let delivery = producer.send(record(records, index, &key)).await?;
            let latencies = latencies.clone();
            tasks.push(tokio::spawn(async move {
                let report = delivery.await;
                latencies.set(index, schedule.due(index).elapsed());
                report.is_ok()
            }));
        }
        let mut acknowledged = 0;
        for task in tasks {
            acknowledged += usize::from(task.await?);
        }
        anyhow::Ok(measuring.end(acknowledged, arguments.records - acknowledged))
    })?;
    outcome.print(arguments, Some(&latencies), &version())
}

fn flush(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let latencies = Latencies::new(arguments.records);
    let measuring = Measuring::start();
    let producer = producer(arguments)?;
    let outcome = runtime.block_on(async {
        for index in 0..arguments.records {
            let start = Instant::now();
            let key = Records::key(index);
            let delivery = producer.send(record(records, index, &key)).await?;
            producer.flush().await?;
            latencies.set(index, start.elapsed());
            delivery.await?;
        }
        anyhow::Ok(measuring.end(arguments.records, 0))
    })?;
    outcome.print(arguments, Some(&latencies), &version())
}

fn transactions(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let mut commits = Commits::new(arguments)?;
    let measuring = Measuring::start();
    let producer: Bytes = Producer::builder(config(arguments)?.transactional_id(&arguments.topic)).build()?;
    let outcome = runtime.block_on(async {
        let start = Instant::now();
        producer.init_transactions().await?;
        commits.initialized(start.elapsed());
        for (number, indices) in commits.transactions() {
            let transaction = producer.begin_transaction().await?;
            for index in indices {
                let key = Records::key(index);
                // A commit fails unless every record was acknowledged.
                drop(transaction.send(record(records, index, &key)).await?);
            }
            let start = Instant::now();
            transaction.commit().await?;
            commits.committed(number, start);
        }
        anyhow::Ok(measuring.end(arguments.records, 0))
    })?;
    outcome.print_commits(&commits, &version())
}

fn idle(arguments: &Arguments, records: &Records) -> Result<()> {
    let runtime = runtime()?;
    let send = |producer: &Bytes, index: usize| {
        let key = Records::key(index);
        runtime.block_on(async { anyhow::Ok(producer.send(record(records, index, &key)).await?.await?) }).map(drop)
    };
    let close = |producer: Bytes| Ok(producer.blocking().close(Duration::from_secs(10)).map(drop)?);
    bench_workload::idle(arguments, &version(), || producer(arguments), send, close)
}
