//! Memory stays within `buffer.memory` plus a constant under any load: the peak RSS of a separate process, in bytes.

use std::{collections::VecDeque, thread, time::Duration};

use futures::executor::block_on;
use ottla::{Delivery, Producer, ProducerConfig, ProducerRecord, serialize::Json};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};

use super::{bootstrap_servers, config, own_kafka::OwnKafka, topic};
use crate::own_process::{alone, peak_resident};

/// `buffer.memory`, unless it is set.
const DEFAULT_BUFFER: usize = 32 * 1024 * 1024;

/// The memory besides `buffer.memory`: the test program, threads, librdkafka's requests, free slots.
const BESIDE: usize = 48_000_000;

fn assert_bounded(buffer_memory: usize) {
    let (peak, limit) = (peak_resident(), buffer_memory + BESIDE);
    let told = format!("peak RSS {:.1} MB, limit {:.1} MB", peak as f64 / 1e6, limit as f64 / 1e6);
    println!("{told}");
    assert!(peak <= limit, "{told}");
}

/// Sends the records in order, as fast as the buffer allows. At most `kept` deliveries are kept; the oldest is awaited before another one is
/// added. With 0 each is dropped at once. At the end all records are acknowledged, or at least reported.
fn offer<'a, K, V>(producer: &Producer<K, V>, records: impl IntoIterator<Item = ProducerRecord<'a, K, V>>, kept: usize)
where
    K: ?Sized + 'static,
    V: ?Sized + 'static,
{
    let mut deliveries: VecDeque<Delivery> = VecDeque::new();
    block_on(async {
        for record in records {
            let delivery = producer.send(record).await.unwrap();
            if kept > 0 {
                deliveries.push_back(delivery);
            }
            if deliveries.len() > kept {
                deliveries.pop_front().unwrap().await.unwrap();
            }
        }
        producer.flush().await.unwrap();
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    });
}

/// Settings with which no record times out on a busy machine.
fn patient(kafka: &OwnKafka) -> ProducerConfig {
    let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
    config.set("max.block.ms", "900000").unwrap().set("delivery.timeout.ms", "900000").unwrap()
}

/// Sends a record to each partition of a topic that does not exist yet, and waits for each. A broker that is still creating the topic may
/// reject a producer's first record and accept its second one; the first one then fails.
fn create<'a, V: ?Sized + 'static>(
    producer: &Producer<str, V>,
    partitions: i32,
    record: impl Fn() -> ProducerRecord<'a, str, V>,
) {
    for partition in 0..partitions {
        block_on(async { producer.send(record().partition(partition)).await.unwrap().await.unwrap() });
    }
}

/// Fills `buffer.memory` while the broker is paused, and then sends everything, this many times. Returns the number of records sent to the
/// topic, which must exist.
fn fill<'a, V: ?Sized + 'static>(
    kafka: &OwnKafka,
    producer: &Producer<str, V>,
    times: usize,
    record: impl Fn(usize) -> ProducerRecord<'a, str, V>,
) -> i64 {
    let fill = |_| {
        kafka.pause(1);
        let deliveries: Vec<_> = (0..).map_while(|n| producer.try_send(record(n)).ok()).collect();
        kafka.resume(1);
        block_on(producer.flush()).unwrap();
        // A broker that was paused may reject one: only acknowledged records count.
        deliveries.into_iter().filter_map(|delivery| block_on(delivery).map_err(|error| eprintln!("{error:?}")).ok()).count()
            as i64
    };
    (0..times).map(fill).sum()
}

/// The number of records in the first `partitions` partitions of the topics. Measure memory before this call, which uses some.
fn count(bootstrap_servers: &str, topics: &[String], partitions: i32) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap_servers).create().unwrap();
    let size = |topic: &str, partition| {
        let (low, high) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(30)).unwrap();
        high - low
    };
    topics.iter().map(|topic| (0..partitions).map(|partition| size(topic, partition)).sum::<i64>()).sum()
}

/// A million records of 100 bytes, faster than the broker can write them.
fn many_small(kept: usize, buffer_memory: usize) {
    let topic = topic("memory-small", 6, &[]);
    let config = config().set("buffer.memory", buffer_memory.to_string()).unwrap();
    let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
    offer(&producer, (0..1_000_000).map(|_| ProducerRecord::to(&*topic).value(&[7; 100][..])), kept);
    assert_bounded(buffer_memory);
    assert_eq!(count(&bootstrap_servers(), &[topic], 6), 1_000_000);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn many_small_records_whose_deliveries_are_dropped() {
    alone("broker::memory::many_small_records_whose_deliveries_are_dropped", || many_small(0, DEFAULT_BUFFER));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn many_small_records_whose_deliveries_are_kept() {
    alone("broker::memory::many_small_records_whose_deliveries_are_kept", || many_small(100_000, DEFAULT_BUFFER));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn many_small_records_in_a_small_buffer() {
    alone("broker::memory::many_small_records_in_a_small_buffer", || many_small(0, 8 * 1024 * 1024));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn broker_pauses_while_records_are_sent() {
    alone("broker::memory::broker_pauses_while_records_are_sent", || {
        let kafka = OwnKafka::start(&["--set", "num.partitions=6"]);
        // Requests time out during the pause, so they are retried.
        let config = patient(&kafka).set("request.timeout.ms", "3000").unwrap();
        let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
        let record = || ProducerRecord::to("paused").value(&[7; 1000][..]);
        let records = |count| (0..count).map(|_| record());
        create(&producer, 6, record);
        offer(&producer, records(10_000), 0);
        kafka.pause(1);
        thread::scope(|scope| {
            let offering = scope.spawn(|| offer(&producer, records(100_000), 0));
            thread::sleep(Duration::from_secs(10));
            let (free, running) = (producer.buffer_available_bytes(), !offering.is_finished());
            kafka.resume(1);
            assert!(running && free < 4000, "buffer.memory is full: {free} bytes are free, and the sender waits: {running}");
            offering.join().unwrap();
        });
        assert_bounded(DEFAULT_BUFFER);
        assert_eq!(count(kafka.bootstrap_servers(), &["paused".to_owned()], 6), 110_006);
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn large_records_of_bytes() {
    alone("broker::memory::large_records_of_bytes", || {
        let topic = topic("memory-large", 6, &[]);
        let producer: Producer<str, [u8]> = Producer::builder(config()).build().unwrap();
        let value = vec![7; 1_000_000];
        offer(&producer, (0..400).map(|_| ProducerRecord::to(&*topic).value(&*value)), 400);
        assert_bounded(DEFAULT_BUFFER);
        assert_eq!(count(&bootstrap_servers(), &[topic], 6), 400);
    });
}

/// Numbers that are `size` bytes as JSON. They are written one by one, so the buffer grows by doubling.
fn numbers(size: usize) -> Vec<u32> {
    vec![1_234_567; size / 8]
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn large_records_whose_serializer_grows_the_buffer() {
    alone("broker::memory::large_records_whose_serializer_grows_the_buffer", || {
        let kafka = OwnKafka::start(&["--set", "num.partitions=6"]);
        let producer: Producer<str, Vec<u32>> = Producer::builder(patient(&kafka)).value_serializer(Json::new()).build().unwrap();
        // Just below and just above a power of two: the latter need twice their size.
        let values = [numbers(1_000_000), numbers(530_000)];
        create(&producer, 6, || ProducerRecord::to("large").value(&values[1]));
        let sent = fill(&kafka, &producer, 4, |n| ProducerRecord::to("large").value(&values[n % 2]))
            + fill(&kafka, &producer, 4, |_| ProducerRecord::to("large").value(&values[1]));
        assert_bounded(DEFAULT_BUFFER);
        assert_eq!(count(kafka.bootstrap_servers(), &["large".to_owned()], 6), 6 + sent);
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn medium_records_whose_serializer_grows_the_buffer() {
    alone("broker::memory::medium_records_whose_serializer_grows_the_buffer", || {
        let topic = topic("memory-json", 6, &[]);
        let producer: Producer<str, Vec<u32>> = Producer::builder(config()).value_serializer(Json::new()).build().unwrap();
        // Sizes at which a buffer is kept with its slot: 16 KB for 8.3 KB.
        let value = numbers(8_300);
        offer(&producer, (0..30_000).map(|_| ProducerRecord::to(&*topic).value(&value)), 0);
        assert_bounded(DEFAULT_BUFFER);
        assert_eq!(count(&bootstrap_servers(), &[topic], 6), 30_000);
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_thousand_topics() {
    alone("broker::memory::a_thousand_topics", || {
        let kafka = OwnKafka::start(&["--set", "num.partitions=1"]);
        let topics: Vec<_> = (0..1000).map(|n| format!("topic-{n}")).collect();
        // A busy broker needs time to create so many topics. By default librdkafka assumes after 30 s that a topic does not exist.
        let config = patient(&kafka).set("librdkafka.topic.metadata.propagation.max.ms", "900000").unwrap();
        let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
        let record = |n: usize| ProducerRecord::to(&*topics[n % 1000]).value(&[7; 100][..]);
        topics.iter().for_each(|topic| create(&producer, 1, || ProducerRecord::to(&**topic).value(&[7; 100][..])));
        offer(&producer, (0..1_000_000).map(record), 100_000);
        assert_bounded(DEFAULT_BUFFER);
        assert_eq!(count(kafka.bootstrap_servers(), &topics, 1), 1_001_000);
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn small_records_after_large_ones() {
    // A slot that was used for a large record must not keep its buffer, which is not counted.
    alone("broker::memory::small_records_after_large_ones", || {
        let kafka = OwnKafka::start(&["--set", "num.partitions=6"]);
        let producer: Producer<str, [u8]> = Producer::builder(patient(&kafka)).build().unwrap();
        let value = [7; 10_000];
        let large = || ProducerRecord::to("turns").value(&value[..]);
        let small = || ProducerRecord::to("turns").value(&value[..100]);
        create(&producer, 6, small);
        let sent = fill(&kafka, &producer, 2, |_| large())
            + fill(&kafka, &producer, 3, |n| if n % 2 == 0 { large() } else { small() })
            + fill(&kafka, &producer, 2, |_| small());
        assert_bounded(DEFAULT_BUFFER);
        assert_eq!(count(kafka.bootstrap_servers(), &["turns".to_owned()], 6), 6 + sent);
    });
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn alternating_large_and_small_records() {
    alone("broker::memory::alternating_large_and_small_records", || {
        let kafka = OwnKafka::start(&["--set", "num.partitions=6"]);
        let buffer_memory = 64 * 1024 * 1024;
        let config = patient(&kafka).set("buffer.memory", buffer_memory.to_string()).unwrap();
        let producer: Producer<str, [u8]> = Producer::builder(config).build().unwrap();
        let value = [7; 16_000];
        let size = |n: usize| if n % 2 == 0 { value.len() } else { 100 };
        create(&producer, 6, || ProducerRecord::to("turns").value(&value[..100]));
        fill(&kafka, &producer, 6, |n| ProducerRecord::to("turns").value(&value[..size(n)]));
        assert_bounded(buffer_memory);
    });
}

/// 150 MB of records that compress to about a tenth.
fn compressed(codec: &str) {
    let topic = topic(&format!("memory-{codec}"), 6, &[]);
    let producer: Producer<str, [u8]> = Producer::builder(config().set("compression.type", codec).unwrap()).build().unwrap();
    let words: Vec<u8> = (0..1024u32).map(|n| b"orders and flights"[(n * n % 17) as usize]).collect();
    offer(&producer, (0..150_000).map(|_| ProducerRecord::to(&*topic).value(&*words)), 0);
    assert_bounded(DEFAULT_BUFFER);
    assert_eq!(count(&bootstrap_servers(), &[topic], 6), 150_000);
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn records_compressed_with_zstd() {
    alone("broker::memory::records_compressed_with_zstd", || compressed("zstd"));
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn records_compressed_with_lz4() {
    alone("broker::memory::records_compressed_with_lz4", || compressed("lz4"));
}
