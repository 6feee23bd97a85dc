//! Transactions with a real Kafka: what a `read_committed` consumer reads, and what is in the log.

use std::{env, time::Duration};

use futures::executor::block_on;
use ottla::{
    Consumer, ConsumerConfig, Error, ErrorKind, OffsetAndMetadata, Offsets, Producer, ProducerConfig, ProducerRecord, Transaction,
};

use super::{bootstrap_servers, config, own_kafka::OwnKafka, topic};
use crate::log;

fn transactional(config: ProducerConfig, id: &str) -> Producer<str, str> {
    let config = config.set("linger.ms", "1").unwrap().transactional_id(id);
    let producer = Producer::builder(config).drop_timeout(Duration::from_secs(20)).build().unwrap();
    block_on(producer.init_transactions()).unwrap();
    producer
}

fn send(transaction: &Transaction<str, str>, topic: &str, value: impl Into<String>) -> Result<(), Error> {
    block_on(transaction.send(ProducerRecord::to(topic).value(value.into()))).map(drop)
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn only_committed_records_are_read() {
    let topic = topic("committed", 6, &[]);
    let producer = transactional(config(), &topic);
    let mut wanted = Vec::new();
    for round in 0..20 {
        let transaction = block_on(producer.begin_transaction()).unwrap();
        for n in round * 50..(round + 1) * 50 {
            send(&transaction, &topic, n.to_string()).unwrap();
        }
        match round % 4 {
            0 | 2 => {
                block_on(transaction.commit()).unwrap();
                wanted.extend(round * 50..(round + 1) * 50);
            }
            1 => {
                block_on(producer.flush()).unwrap();
                block_on(transaction.abort()).unwrap();
            }
            _ => drop(transaction),
        }
    }
    // The last transaction was dropped, and its abort may still be running.
    drop(block_on(producer.close(Duration::from_secs(30))).unwrap());
    assert_eq!(log::committed_numbers(&bootstrap_servers(), &topic), wanted);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn second_producer_with_the_transactional_id_fences_the_first() {
    let topic = topic("fenced", 1, &[]);
    let first = transactional(config(), &topic);
    let transaction = block_on(first.begin_transaction()).unwrap();
    send(&transaction, &topic, "1").unwrap();
    block_on(first.flush()).unwrap();
    let second = transactional(config(), &topic);
    let error = block_on(transaction.commit()).unwrap_err();
    assert!(error.kind() == ErrorKind::Fenced && error.is_fatal(), "{error:?}");
    let transaction = block_on(second.begin_transaction()).unwrap();
    send(&transaction, &topic, "2").unwrap();
    block_on(transaction.commit()).unwrap();
    assert_eq!(log::committed_numbers(&bootstrap_servers(), &topic), [2]);

    // A producer that is fenced while it sends gets the error from the record.
    let third = transactional(config(), &topic);
    let error = block_on(async {
        let transaction = second.begin_transaction().await?;
        transaction.send(ProducerRecord::to(&*topic).value("3")).await?.await.map(drop)
    });
    let error = error.unwrap_err();
    assert!(error.kind() == ErrorKind::Fenced && error.is_fatal(), "{error:?}");
    let error = block_on(second.begin_transaction()).unwrap_err();
    assert!(error.kind() == ErrorKind::Fenced && error.is_fatal(), "{error:?}");
    drop(third);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn record_too_large_for_the_broker_fails_its_transaction_only() {
    let topic = topic("too-large", 1, &[("max.message.bytes", "2000")]);
    let producer = transactional(config(), &topic);
    let transaction = block_on(producer.begin_transaction()).unwrap();
    send(&transaction, &topic, "x".repeat(5000)).unwrap();
    let error = block_on(transaction.commit()).unwrap_err();
    assert!(error.kind() == ErrorKind::TransactionFailed && error.is_abortable(), "{error:?}");
    block_on(transaction.abort()).unwrap();
    // The broker has not seen the sequence numbers of the rejected record: this fails the next transaction to its partition, once.
    let (mut attempts, mut done) = (0, false);
    while !done && attempts < 2 {
        attempts += 1;
        let transaction = block_on(producer.begin_transaction()).unwrap();
        send(&transaction, &topic, "7").unwrap();
        done = block_on(transaction.commit()).inspect_err(|error| assert!(error.is_abortable(), "{error:?}")).is_ok();
    }
    assert_eq!(log::committed_numbers(&bootstrap_servers(), &topic), [7]);
}

/// Ten times, or `OTTLA_TEST_KILLS` times.
#[test]
#[ignore = "needs Kafka: make test-broker"]
fn broker_killed_during_a_transaction_loses_and_duplicates_no_record() {
    const RECORDS: usize = 300;
    let kills = env::var("OTTLA_TEST_KILLS").map_or(10, |kills| kills.parse::<usize>().unwrap());
    let kafka = OwnKafka::start(&["--brokers", "3", "--set", "num.partitions=6"]);
    let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
    let producer = transactional(config.set("max.block.ms", "120000").unwrap(), "brokers");
    let (mut done, mut aborted) = (0, 0);
    for kill in 0..kills {
        let victim = kill % 3 + 1;
        let transaction = block_on(producer.begin_transaction()).unwrap();
        let inputs = done..done + RECORDS;
        let sent = inputs.clone().try_for_each(|n| {
            if n == inputs.start + RECORDS / 2 {
                kafka.kill(victim);
            }
            send(&transaction, "brokers", n.to_string())
        });
        let ended = sent.and_then(|()| patiently(|| block_on(transaction.commit())));
        match ended {
            Ok(()) => done += RECORDS,
            Err(error) => {
                assert!(error.is_abortable(), "{error:?}");
                patiently(|| block_on(transaction.abort())).unwrap();
                aborted += 1;
            }
        }
        kafka.restart(victim);
    }
    println!("{} transactions committed, {aborted} aborted", kills - aborted);
    drop(producer);
    let found = log::committed(kafka.bootstrap_servers(), "brokers");
    let mut found: Vec<usize> = found.iter().map(|value| value.parse().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..done).collect::<Vec<_>>(), "each input once");
    assert!(aborted < kills, "all transactions were aborted");
}

/// Repeats the call while its error is retriable.
fn patiently(call: impl Fn() -> Result<(), Error>) -> Result<(), Error> {
    (0..5).map(|_| call()).find(|result| !result.as_ref().is_err_and(Error::is_retriable)).unwrap()
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn consume_transform_produce_is_exactly_once() {
    const INPUT: usize = 500;
    let (input, output) = (topic("ctp-input", 3, &[]), topic("ctp-output", 3, &[]));
    let plain: Producer<str, str> = Producer::builder(config()).build().unwrap();
    let records = (0..INPUT).map(|n| ProducerRecord::to(&*input).value(n.to_string()));
    block_on(async { plain.send_all(records).await.unwrap().await.unwrap() });

    let mut producer = transactional(config(), &output);
    let mut consumer = worker(&input);
    let (mut done, mut round) = (0, 0);
    while done < INPUT {
        let records: Vec<_> = consumer.blocking().poll(Duration::from_secs(60)).into_iter().map(Result::unwrap).collect();
        assert!(!records.is_empty(), "timeout after {done} of {INPUT} records");
        round += 1;
        let transaction = block_on(producer.begin_transaction()).unwrap();
        for record in &records {
            send(&transaction, &output, record.value().clone()).unwrap();
        }
        let (mut offsets, records) = (Offsets::new(), records.len());
        for (topic, partition, next) in consumer.taken().iter() {
            let next = OffsetAndMetadata::new(next).with_leader_epoch(0).with_metadata(format!("round {round}"));
            offsets.set(topic, partition, next);
        }
        let group = block_on(consumer.group_metadata()).unwrap();
        block_on(transaction.send_offsets(&offsets, &group)).unwrap();
        match round % 5 {
            // A producer that is killed here leaves its transaction open. The next one continues at the committed offset.
            2 => {
                let successor = transactional(config(), &output);
                let error = block_on(transaction.commit()).unwrap_err();
                assert!(error.kind() == ErrorKind::Fenced && error.is_fatal(), "{error:?}");
                producer = successor;
                consumer = worker(&input);
            }
            4 => {
                block_on(transaction.abort()).unwrap();
                consumer = worker(&input);
            }
            _ => {
                block_on(transaction.commit()).unwrap();
                done += records;
                // The metadata of the offsets is committed with them.
                let kept = block_on(consumer.committed(consumer.assignment())).unwrap();
                for (topic, partition, next) in offsets.entries() {
                    assert_eq!(kept.get(topic, partition), Some(next));
                }
            }
        }
    }
    assert_eq!(log::committed_numbers(&bootstrap_servers(), &output), (0..INPUT).collect::<Vec<_>>());
}

/// A consumer that reads the topic from the group's committed offset. The previous one has left the group, or is leaving it.
fn worker(topic: &str) -> Consumer<Option<String>, String> {
    let servers = bootstrap_servers();
    let config = ConsumerConfig::from_pairs([
        ("bootstrap.servers", servers.as_str()),
        ("group.id", topic),
        ("enable.auto.commit", "false"),
        ("isolation.level", "read_committed"),
        ("auto.offset.reset", "earliest"),
        ("max.poll.records", "20"),
    ]);
    let consumer = Consumer::builder(config.unwrap()).drop_timeout(Duration::from_secs(10)).build().unwrap();
    block_on(consumer.subscribe(&[topic])).unwrap();
    consumer
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn kafka_tool_shows_transaction_markers() {
    let kafka = OwnKafka::start(&[]);
    let producer = transactional(ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap(), "markers");
    for commits in [true, false, true] {
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(async {
            let record = ProducerRecord::to("marked").partition(0).value("value");
            transaction.send(record).await?.await?;
            if commits { transaction.commit().await } else { transaction.abort().await }
        })
        .unwrap();
    }
    drop(producer);
    let dump = kafka.dump("marked", 0);
    let markers: Vec<_> =
        dump.lines().filter_map(|line| line.split("endTxnMarker: ").nth(1)?.split_whitespace().next()).collect();
    assert_eq!(markers, ["COMMIT", "ABORT", "COMMIT"], "{dump}");
}
