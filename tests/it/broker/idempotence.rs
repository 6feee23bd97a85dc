//! Idempotence: connections break, and each record is in the log once and in order.

use std::{
    collections::{HashMap, VecDeque},
    net::TcpListener,
};

use futures::executor::block_on;
use ottla::{Delivery, Producer, ProducerConfig, ProducerRecord};

use super::{own_kafka::OwnKafka, proxy::Proxy};
use crate::log;

const RECORDS: u64 = 1_000_000;
const KEYS: u64 = 100;

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_million_records_over_breaking_connections_are_written_once_and_in_order() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let proxy = Proxy::start(port);
    let advertised = format!("advertised.listeners=PLAINTEXT://{}", proxy.address());
    let _kafka = OwnKafka::start(&["--port", &port.to_string(), "--set", &advertised, "--set", "num.partitions=6"]);
    let config = ProducerConfig::new().set("bootstrap.servers", proxy.address().to_string()).unwrap();
    let config = config.set("reconnect.backoff.ms", "10").unwrap().set("reconnect.backoff.max.ms", "100").unwrap();
    let producer: Producer<u64, u64> = Producer::builder(config).build().unwrap();
    // The first record of a producer to a topic that is being created may be lost, with an error; another test covers that.
    for partition in 0..6 {
        block_on(async { producer.send(ProducerRecord::to("once").partition(partition)).await.unwrap().await.unwrap() });
    }

    let mut cut = 0;
    block_on(async {
        let mut deliveries: VecDeque<Delivery> = VecDeque::new();
        for n in 0..RECORDS {
            deliveries.push_back(producer.send(ProducerRecord::to("once").key(n % KEYS).value(n)).await.unwrap());
            if deliveries.len() > 20_000 {
                deliveries.pop_front().unwrap().await.unwrap();
            }
            if n % 25_000 == 24_999 {
                cut += proxy.cut();
            }
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    });
    println!("{cut} connections were cut");
    assert!(cut >= 40, "too few connections were cut: {cut}");

    let mut next: HashMap<u64, u64> = (0..KEYS).map(|key| (key, key)).collect();
    let mut last = HashMap::new();
    for record in log::read(&proxy.address().to_string(), "once") {
        let number = |bytes: Option<Vec<u8>>| bytes.map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
        let (Some(key), Some(value)) = (number(record.key), number(record.value)) else { continue };
        let next = next.get_mut(&key).unwrap();
        assert_eq!(value, *next, "key {key}, partition {}, offset {}", record.partition, record.offset);
        *next += KEYS;
        // Several keys share a partition, whose records are in the order of sending.
        let before = last.insert(record.partition, value);
        assert!(before < Some(value), "partition {}, offset {}: {value} after {before:?}", record.partition, record.offset);
    }
    assert!(next.iter().all(|(key, next)| *next == RECORDS + key), "records are missing: {next:?}");
}
