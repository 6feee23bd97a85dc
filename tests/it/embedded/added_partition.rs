//! Records for a partition or topic that librdkafka does not know yet.

use std::time::Duration;

use futures::{FutureExt, executor::block_on};
use ottla::{ErrorKind, Persistence, Producer, ProducerRecord, testing::EmbeddedKafka};

use super::{ends, producer};
use crate::{
    hostile::{CorruptingProxy, Corruption},
    log,
};

/// API keys and versions of the protocol.
const METADATA: i16 = 3;

/// The topic `orders` with three partitions. The brokers' metadata contains only partition 0 at first.
struct Growing {
    kafka: EmbeddedKafka,
    between: CorruptingProxy,
}

impl Growing {
    fn start() -> Self {
        let kafka = super::kafka(3);
        let between = CorruptingProxy::start(kafka.bootstrap_servers());
        between.corrupt(METADATA, Corruption::Rewritten(with_one_partition), usize::MAX);
        Self { kafka, between }
    }

    /// Adds the other partitions to the metadata.
    fn grow(&self) {
        self.between.corrupt(METADATA, Corruption::Rewritten(with_one_partition), 0);
    }

    /// A producer that knows partition 0 only.
    fn producer(&self, settings: &[(&str, &str)]) -> Producer<str, str> {
        let through = [("bootstrap.servers", &*self.between.bootstrap_servers())];
        let producer = producer(&self.kafka, &[&through, settings].concat());
        assert_eq!(block_on(producer.partitions_for("orders")).unwrap().len(), 1);
        producer
    }

    fn values(&self, partition: i32) -> Vec<String> {
        let mut found = log::read(self.kafka.bootstrap_servers(), "orders");
        found.retain(|found| found.partition == partition);
        found.sort_by_key(|found| found.offset);
        found.iter().map(|found| found.value_text().to_owned()).collect()
    }
}

fn record(partition: i32, value: &str) -> ProducerRecord<'_, str, str> {
    ProducerRecord::to("orders").value(value).partition(partition)
}

#[test]
fn send_waits_for_an_added_partition_and_keeps_the_order() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[]);
        let values: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let mut sends: Vec<_> = values.iter().map(|value| producer.send(record(2, value))).collect();
        assert!(sends.iter_mut().all(|send| send.now_or_never().is_none()), "the partition is not known yet");
        // Records for a known partition do not wait behind them.
        block_on(async { producer.send(record(0, "known")).await.unwrap().await.unwrap() });
        block_on(async { producer.send(ProducerRecord::to("orders").value("anywhere")).await.unwrap().await.unwrap() });
        growing.grow();
        for send in sends {
            assert_eq!(block_on(async { send.await.unwrap().await.unwrap() }).partition(), 2);
        }
        assert_eq!(growing.values(2), values);
    });
}

#[test]
fn try_send_fails_for_an_unknown_partition_and_can_be_repeated() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[]);
        let available = producer.buffer_available_bytes();
        let refused = producer.try_send(record(2, "v")).unwrap_err();
        let error = refused.error();
        assert_eq!((error.kind(), error.persistence()), (ErrorKind::UnknownTopicOrPartition, Persistence::NotPersisted));
        assert!(error.is_retriable() && !error.is_abortable() && !error.is_fatal(), "{error:?}");
        assert!(error.to_string().starts_with("topic orders, partition 2: "), "{error}");
        assert_eq!(producer.buffer_available_bytes(), available, "a rejected record uses no buffer memory");
        let error = producer.send_with(record(2, "v"), |_| panic!("called for a rejected record")).unwrap_err();
        assert!(error.error().is_retriable());
        growing.grow();
        // The rejected record triggers a metadata request.
        let mut record = refused.into_record();
        let delivery = loop {
            match producer.try_send(record) {
                Ok(delivery) => break delivery,
                Err(refused) => record = refused.into_record(),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(block_on(delivery).unwrap().partition(), 2);
    });
}

#[test]
fn send_to_a_missing_partition_fails_after_max_block_ms() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[("max.block.ms", "300")]);
        let available = producer.buffer_available_bytes();
        for _ in 0..2 {
            let error = block_on(producer.send(record(7, "v"))).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::UnknownTopicOrPartition, Some(-190)), "{error}");
            assert!(error.is_retriable() && error.is_abortable() && !error.is_fatal(), "{error:?}");
            let text = error.to_string();
            assert!(text.starts_with("topic orders, partition 7: ") && text.contains("max.block.ms (300 ms)"), "{text}");
        }
        assert_eq!(producer.buffer_available_bytes(), available);
        block_on(async { producer.send(record(0, "v")).await.unwrap().await.unwrap() });
    });
}

#[test]
fn dropped_send_that_waits_for_its_partition_is_withdrawn() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[]);
        let available = producer.buffer_available_bytes();
        let mut sends = ["a", "b", "c"].map(|value| Some(producer.send(record(2, value))));
        sends[1] = None;
        growing.grow();
        for send in sends.into_iter().flatten() {
            block_on(async { send.await.unwrap().await.unwrap() });
        }
        assert_eq!(growing.values(2), ["a", "c"]);
        block_on(producer.flush()).unwrap();
        assert_eq!(producer.buffer_available_bytes(), available);
    });
}

#[test]
fn transaction_with_a_record_for_an_added_partition_is_committed() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[("transactional.id", "t"), ("max.block.ms", "5000")]);
        block_on(async {
            producer.init_transactions().await.unwrap();
            let transaction = producer.begin_transaction().await.unwrap();
            let send = transaction.send(record(2, "v"));
            growing.grow();
            send.await.unwrap().await.unwrap();
            transaction.commit().await.unwrap();
            // A record whose partition does not appear fails its transaction.
            let transaction = producer.begin_transaction().await.unwrap();
            let refused = transaction.send(record(9, "w")).await.unwrap_err();
            assert!(refused.is_abortable(), "{refused:?}");
            let committed = transaction.commit().await.unwrap_err();
            assert_eq!(committed.kind(), ErrorKind::TransactionFailed, "{committed:?}");
        });
        assert_eq!(growing.values(2), ["v"]);
    });
}

#[test]
fn close_ends_the_wait_for_a_partition() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[]);
        let send = producer.send(record(2, "v"));
        let unsent = block_on(producer.close(Duration::from_secs(60))).unwrap();
        assert!(unsent.is_empty(), "the record was never accepted");
        assert_eq!(block_on(send).unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn record_waits_for_buffer_memory_and_then_for_its_partition() {
    ends(|| {
        let growing = Growing::start();
        let producer = growing.producer(&[("buffer.memory", "10000"), ("linger.ms", "200")]);
        let large = "x".repeat(8000);
        let first = block_on(producer.send(record(0, &large))).unwrap();
        let (large, small) = (producer.send(record(2, &large)), producer.send(record(0, "small")));
        block_on(first).unwrap();
        // The waiting record occupies its memory and delays no other record.
        block_on(async { small.await.unwrap().await.unwrap() });
        growing.grow();
        assert_eq!(block_on(async { large.await.unwrap().await.unwrap() }).partition(), 2);
    });
}

/// A metadata response (version 12) without partitions other than 0.
fn with_one_partition(answer: &[u8]) -> Vec<u8> {
    let mut reader = Reader { answer, at: 0, kept: Vec::new() };
    reader.bytes(4 + 1 + 4); // correlation id, tags, throttle time
    for _ in 0..reader.count() {
        reader.bytes(4); // broker id
        reader.text();
        reader.bytes(4); // port
        reader.text(); // rack
        reader.bytes(1);
    }
    reader.text(); // cluster id
    reader.bytes(4); // the controller
    for _ in 0..reader.count() {
        reader.bytes(2); // topic error
        reader.text();
        reader.bytes(16 + 1); // topic id, is internal
        let count = reader.kept.len();
        let partitions = reader.count();
        if partitions > 1 {
            reader.kept.truncate(count);
            reader.kept.push(1 + 1);
        }
        for _ in 0..partitions {
            let start = reader.kept.len();
            reader.bytes(2); // partition error
            let is_first = reader.bytes(4) == [0; 4];
            reader.bytes(4 + 4); // leader and leader epoch
            for _ in 0..3 {
                let replicas = reader.count();
                reader.bytes(4 * replicas);
            }
            reader.bytes(1);
            if !is_first {
                reader.kept.truncate(start);
            }
        }
        reader.bytes(4 + 1); // authorized operations; tags
    }
    reader.bytes(answer.len() - reader.at);
    reader.kept
}

/// Reads a response in the protocol's compact format, and keeps the bytes that it has read.
struct Reader<'a> {
    answer: &'a [u8],
    at: usize,
    kept: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let bytes = &self.answer[self.at..self.at + count];
        self.at += count;
        self.kept.extend_from_slice(bytes);
        bytes
    }

    /// The length of a compact array, which is encoded as a varint of the length plus one.
    fn count(&mut self) -> usize {
        let mut count = 0;
        for shift in (0..).step_by(7) {
            let byte = self.bytes(1)[0];
            count |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        count.saturating_sub(1)
    }

    fn text(&mut self) {
        let count = self.count();
        self.bytes(count);
    }
}
