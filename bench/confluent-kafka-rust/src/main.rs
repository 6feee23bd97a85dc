//! Confluent's client in Rust, every record's future awaited.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use anyhow::{Result, anyhow, ensure};
use bench_workload::{Arguments, BATCH_BYTES, Commits, Latencies, Measuring, Records, Schedule, Workload};
use clap::Parser;
use confluent_kafka::{
    common::{KafkaFuture, serialization::ByteArraySerializer},
    producer::{KafkaProducer, Producer, ProducerConfig, ProducerRecord, RecordMetadata},
};
use tokio::runtime::{Builder, Runtime};

const VERSION: &str = "confluent-kafka (Rust) 1.0";

type Bytes = KafkaProducer<Vec<u8>, Vec<u8>>;

/// Its connections and timers are tasks of the runtime: as many workers as `#[tokio::main]` gives it on two cores.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn producer(arguments: &Arguments) -> Result<Bytes> {
    let mut settings = HashMap::from([
        ("bootstrap.servers".to_owned(), arguments.bootstrap.clone()),
        ("acks".to_owned(), "all".to_owned()),
        ("enable.idempotence".to_owned(), "true".to_owned()),
        ("linger.ms".to_owned(), arguments.linger_ms.to_string()),
        ("batch.size".to_owned(), BATCH_BYTES.to_string()),
        ("compression.type".to_owned(), arguments.compression.name().to_owned()),
    ]);
    if arguments.workload == Workload::Transactions {
        settings.insert("transactional.id".to_owned(), arguments.topic.clone());
    }
    let config = ProducerConfig::new(&settings).map_err(|error| anyhow!("{error}"))?;
    let serializer = ByteArraySerializer::new;
    KafkaProducer::new(config, serializer(), serializer()).map_err(|error| anyhow!("{error}"))
}

/// A record of bytes goes the short way: `KafkaProducer::send` for `&[u8]` serializes nothing. The topic is a `String` in every record.
macro_rules! send {
    ($producer:expr, $records:expr, $index:expr) => {{
        let key = Records::key($index);
        let key = $records.is_keyed().then_some(&key[..]);
        let record = ProducerRecord::with_key($records.topic($index).to_owned(), key, Some($records.value($index)));
        KafkaProducer::send(&$producer, record, None).await.map_err(|error| anyhow!("{error}"))
    }};
}

async fn is_acknowledged(delivery: KafkaFuture<RecordMetadata>) -> bool {
    delivery.get().await.is_ok()
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let records = Records::new(&arguments)?;
    let latencies = Latencies::new(if arguments.workload == Workload::Throughput { 0 } else { arguments.records });
    let runtime = runtime()?;
    if arguments.workload == Workload::Transactions {
        return transactions(&arguments, &records, &runtime);
    }
    ensure!(arguments.workload != Workload::Idle, "this client has no Idle");
    let measuring = Measuring::start();
    let (acknowledged, producer) = runtime.block_on(async {
        let producer = producer(&arguments)?;
        let acknowledged = match arguments.workload {
            Workload::Throughput => throughput(&producer, &arguments, &records).await?,
            Workload::LatencyOpen => open(&producer, &arguments, &records, &latencies).await?,
            Workload::LatencyClosed | Workload::Flush | Workload::Transactions | Workload::Idle => {
                single(&producer, &arguments, &records, &latencies).await?
            }
        };
        anyhow::Ok((acknowledged, producer))
    })?;
    let outcome = measuring.end(acknowledged, arguments.records - acknowledged);
    drop(producer);
    let latencies = (arguments.workload != Workload::Throughput).then_some(&latencies);
    outcome.print(&arguments, latencies, VERSION)
}

fn transactions(arguments: &Arguments, records: &Records, runtime: &Runtime) -> Result<()> {
    let mut commits = Commits::new(arguments)?;
    let measuring = Measuring::start();
    let outcome = runtime.block_on(async {
        let producer = producer(arguments)?;
        let start = Instant::now();
        producer.init_transactions().await.map_err(|error| anyhow!("{error}"))?;
        commits.initialized(start.elapsed());
        for (number, indices) in commits.transactions() {
            producer.begin_transaction().map_err(|error| anyhow!("{error}"))?;
            for index in indices {
                // A commit fails unless every record was acknowledged.
                drop(send!(producer, records, index)?);
            }
            let start = Instant::now();
            producer.commit_transaction().await.map_err(|error| anyhow!("{error}"))?;
            commits.committed(number, start);
        }
        anyhow::Ok(measuring.end(arguments.records, 0))
    })?;
    outcome.print_commits(&commits, VERSION)
}

async fn throughput(producer: &Bytes, arguments: &Arguments, records: &Records) -> Result<usize> {
    let mut under_way = VecDeque::with_capacity(arguments.window);
    let mut acknowledged = 0;
    for index in 0..arguments.records {
        if under_way.len() == arguments.window {
            if let Some(delivery) = under_way.pop_front() {
                acknowledged += usize::from(is_acknowledged(delivery).await);
            }
        }
        under_way.push_back(send!(producer, records, index)?);
    }
    while let Some(delivery) = under_way.pop_front() {
        acknowledged += usize::from(is_acknowledged(delivery).await);
    }
    Ok(acknowledged)
}

async fn single(producer: &Bytes, arguments: &Arguments, records: &Records, latencies: &Latencies) -> Result<usize> {
    for index in 0..arguments.records {
        let start = Instant::now();
        let delivery = send!(producer, records, index)?;
        if arguments.workload == Workload::Flush {
            producer.flush().await.map_err(|error| anyhow!("{error}"))?;
            latencies.set(index, start.elapsed());
            ensure!(is_acknowledged(delivery).await, "record {index} was not acknowledged");
        } else {
            ensure!(is_acknowledged(delivery).await, "record {index} was not acknowledged");
            latencies.set(index, start.elapsed());
        }
    }
    Ok(arguments.records)
}

async fn open(producer: &Bytes, arguments: &Arguments, records: &Records, latencies: &Latencies) -> Result<usize> {
    let schedule = Schedule::start(arguments.rate);
    let mut tasks = Vec::with_capacity(arguments.records);
    for index in 0..arguments.records {
        // This thread runs no other task.
        schedule.wait(index);
        let delivery = send!(producer, records, index)?;
        let latencies = latencies.clone();
        tasks.push(tokio::spawn(async move {
            let acknowledged = is_acknowledged(delivery).await;
            latencies.set(index, schedule.due(index).elapsed());
            acknowledged
        }));
    }
    let mut acknowledged = 0;
    for task in tasks {
        acknowledged += usize::from(task.await?);
    }
    Ok(acknowledged)
}
