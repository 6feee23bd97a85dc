//! From `send` to librdkafka: no record waits without need, all memory is counted, and other tasks keep running.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use futures::{
    FutureExt, SinkExt, StreamExt,
    executor::{LocalPool, block_on},
    stream,
    task::{LocalSpawnExt, noop_waker_ref},
};
use ottla::{
    ErrorKind, Producer, ProducerRecord, Serializer,
    serialize::{BoxError, Deferred, SerializeContext, Serialized},
    testing::EmbeddedKafka,
};

use super::{config, ends, kafka, producer};
use crate::log;

/// Longer than any test.
const LINGERING: [(&str, &str); 2] = [("linger.ms", "900000"), ("delivery.timeout.ms", "1000000")];

fn record(n: usize) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value(format!("{n:0>1000}"))
}

/// The numbers of the records, in the order of the log.
fn numbers(kafka: &EmbeddedKafka) -> Vec<usize> {
    log::read(kafka.bootstrap_servers(), "orders").iter().map(|found| found.value_text().parse().unwrap()).collect()
}

/// A serializer that defers all values until the test releases it, and that declares how much memory they occupy.
#[derive(Clone, Default)]
struct Waits {
    goes_on: Arc<AtomicBool>,
    wakers: Arc<Mutex<Vec<Waker>>>,
    keeps: usize,
    polls: Arc<AtomicUsize>,
}

impl Waits {
    fn keeping(bytes: usize) -> Self {
        Self { keeps: bytes, ..Self::default() }
    }

    fn release(&self) {
        self.goes_on.store(true, Ordering::SeqCst);
        for waker in self.wakers.lock().unwrap().drain(..) {
            waker.wake();
        }
    }

    fn producer(&self, kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> Producer<str, str> {
        let config = settings.iter().fold(config(kafka), |config, (name, value)| config.set(name, value).unwrap());
        Producer::builder(config).value_serializer(self.clone()).drop_timeout(Duration::from_secs(10)).build().unwrap()
    }
}

impl Serializer<str> for Waits {
    fn serialize(&self, data: &str, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        buffer.extend_from_slice(data.as_bytes());
        Ok(Serialized::Bytes)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &str, _: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        if self.goes_on.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let (data, this) = (data.to_owned(), self.clone());
        let deferred = Deferred::new(async move {
            poll_fn(|context| {
                this.polls.fetch_add(1, Ordering::SeqCst);
                this.wakers.lock().unwrap().push(context.waker().clone());
                if this.goes_on.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let finish = move |_: &mut SerializeContext<'_>, buffer: &mut Vec<u8>| {
                buffer.extend_from_slice(data.as_bytes());
                Ok(Serialized::Bytes)
            };
            Ok(Box::new(finish) as _)
        });
        Ok(Some(deferred.description("the schema").heap_size(self.keeps)))
    }
}

#[test]
fn timeout_of_a_large_record_admits_the_small_ones_behind_it() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "10000"), ("max.block.ms", "6000")]);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let sized = |bytes: usize| ProducerRecord::to("orders").value("x".repeat(bytes));
    let accepted = producer.try_send(sized(5000)).unwrap();
    let large = producer.send(sized(8000));
    thread::sleep(Duration::from_secs(3));
    let small = producer.send(sized(500));
    let error = block_on(large).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTimeout);
    assert!(!error.to_string().contains("slowly"), "advice to send more slowly, although the brokers are idle: {error}");
    let small = block_on(small).unwrap();
    kafka.broker_up(1).unwrap();
    block_on(async {
        accepted.await.unwrap();
        small.await.unwrap();
    });
}

#[test]
fn record_with_a_partition_is_accepted_before_it_is_reported() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &[LINGERING[0], LINGERING[1], ("buffer.memory", "4000"), ("max.block.ms", "60000")]);
    ends(move || {
        block_on(async {
            // The report of the first one tells the partition.
            producer.send_and_wait(record(0).partition(1)).await.unwrap();
            // The last records linger, and only their acceptance is awaited.
            for n in 1..20 {
                drop(producer.send(record(n).partition(1)).await.unwrap());
            }
            producer.flush().await.unwrap();
        });
        assert_eq!(numbers(&kafka), (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn records_do_not_linger_while_a_sender_waits_for_the_buffer() {
    let kafka = kafka(3);
    let settings = [LINGERING[0], LINGERING[1], ("buffer.memory", "100000"), ("max.block.ms", "60000")];
    let producer = producer(&kafka, &settings);
    ends(move || {
        block_on(async {
            for n in 0..1000 {
                drop(producer.send(record(n)).await.unwrap());
            }
            producer.flush().await.unwrap();
        });
        assert_eq!(producer.buffer_available_bytes(), 100_000);
        assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1000);
    });
}

#[test]
fn flushing_or_closing_a_sink_sends_at_once() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &LINGERING);
    ends(move || {
        block_on(async {
            let mut sink = producer.sink();
            sink.feed(record(0)).await.unwrap();
            sink.flush().await.unwrap();
            sink.feed(record(1)).await.unwrap();
            sink.close().await.unwrap();
            stream::iter((2..100).map(|n| Ok(record(n)))).forward(producer.sink()).await.unwrap();
        });
        assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 100);
    });
}

#[test]
fn send_and_wait_sends_at_once() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &LINGERING);
    ends(move || {
        assert_eq!(block_on(producer.send_and_wait(record(0))).unwrap().offset(), Some(0));
        assert_eq!(producer.blocking().send_and_wait(record(1)).unwrap().offset(), Some(1));
        let shared: &dyn ottla::Produce<str, str> = &producer;
        assert_eq!(block_on(shared.send_and_wait(record(2))).unwrap().offset(), Some(2));
        let refused = block_on(producer.send_and_wait(ProducerRecord::to("no topic").value("x"))).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidRecord);
        let (sender, receiver) = mpsc::channel();
        let other = producer.clone();
        producer
            .send_with(record(3), move |_| {
                sender.send(other.blocking().send_and_wait(record(4)).map_err(|error| error.kind())).unwrap();
            })
            .unwrap();
        block_on(producer.flush()).unwrap();
        assert_eq!(receiver.recv().unwrap(), Err(ErrorKind::WouldDeadlock));
        assert_eq!(numbers(&kafka), [0, 1, 2, 3]);
    });
}

#[test]
fn records_sent_after_a_flush_linger() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).topic("others", 1).start().unwrap();
    let producer = producer(&kafka, &LINGERING);
    let stop = Arc::new(AtomicBool::new(false));
    let others = {
        let (producer, stop) = (producer.clone(), Arc::clone(&stop));
        thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                drop(producer.try_send(ProducerRecord::to("others").value("other")).unwrap());
                thread::sleep(Duration::from_micros(200));
            }
        })
    };
    let (mut lingering, mut skipped) = (Vec::new(), 0);
    for n in 0..30 {
        drop(producer.try_send(record(n)).unwrap());
        block_on(producer.flush()).unwrap();
        lingering.push(producer.try_send(record(100 + n)).unwrap());
        // Longer than librdkafka takes to send a record without lingering.
        thread::sleep(Duration::from_millis(20));
        skipped += usize::from(lingering.last_mut().unwrap().now_or_never().is_some());
    }
    stop.store(true, Ordering::SeqCst);
    others.join().unwrap();
    block_on(producer.flush()).unwrap();
    // A librdkafka thread that is preempted while it checks may still be handling the flush.
    assert!(skipped <= 5, "{skipped} of 30 records that were sent after a flush did not linger");
}

#[test]
fn deferred_record_uses_buffer_memory_from_send_on() {
    let (kafka, waits) = (kafka(1), Waits::keeping(3000));
    let producer = waits.producer(&kafka, &[("buffer.memory", "10000")]);
    let sending: Vec<_> = (0..20).map(|n| producer.send(record(n))).collect();
    let available = producer.buffer_available_bytes();
    assert!(available < 4000, "{available} bytes are free although 20 records of 3000 bytes wait");
    assert_eq!(producer.try_send(record(20)).unwrap_err().error().kind(), ErrorKind::SchemaPending);
    assert!(waits.wakers.lock().unwrap().len() < 4, "only records with room in the buffer are polled");
    waits.release();
    ends(move || {
        block_on(async {
            for sending in sending {
                sending.await.unwrap().await.unwrap();
            }
        });
        assert_eq!(producer.buffer_available_bytes(), 10_000);
        assert_eq!(numbers(&kafka), (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn record_that_is_no_longer_deferred_frees_its_buffer_memory() {
    let (kafka, waits) = (kafka(1), Waits::keeping(3000));
    let producer = waits.producer(&kafka, &[("buffer.memory", "4500"), ("max.block.ms", "1000")]);
    ends(move || {
        // The second record has room after the first is withdrawn, the third after the second no longer waits.
        let [first, second, third] = [0, 1, 2].map(|n| producer.send(record(n)));
        drop(first);
        assert_eq!(block_on(second).unwrap_err().kind(), ErrorKind::SchemaTimeout);
        let kind = block_on(third).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::SchemaTimeout | ErrorKind::BufferTimeout), "{kind:?}");
        assert_eq!(producer.buffer_available_bytes(), 4500);
        waits.release();
        assert_eq!(block_on(producer.send_and_wait(record(3))).unwrap().offset(), Some(0));
    });
}

#[test]
fn deferred_records_larger_than_declared_exceed_the_buffer_one_at_a_time() {
    let (kafka, waits) = (kafka(1), Waits::default());
    let producer = waits.producer(&kafka, &[("buffer.memory", "4500")]);
    let sending: Vec<_> = (0..50).map(|n| producer.send(record(n))).collect();
    waits.release();
    ends(move || {
        block_on(async {
            for sending in sending {
                sending.await.unwrap().await.unwrap();
            }
        });
        assert_eq!(producer.buffer_available_bytes(), 4500);
        assert_eq!(numbers(&kafka), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn record_that_waits_behind_a_deferred_one_keeps_its_order() {
    let (kafka, waits) = (kafka(1), Waits::keeping(3000));
    let producer = waits.producer(&kafka, &[("buffer.memory", "8000")]);
    // Two records have room, and the third has to wait for it. When the serializer is released, all others are complete.
    let mut sending: Vec<_> = (0..4).map(|n| producer.send(record(n))).collect();
    waits.goes_on.store(true, Ordering::SeqCst);
    sending.extend((4..30).map(|n| producer.send(record(n))));
    waits.release();
    ends(move || {
        block_on(async {
            for sending in sending.into_iter().rev() {
                sending.await.unwrap().await.unwrap();
            }
        });
        assert_eq!(numbers(&kafka), (0..30).collect::<Vec<_>>());
    });
}

#[test]
fn first_send_waits_only_for_its_schema() {
    /// Defers each value until another thread has woken the producer twice: with the schema, and once more.
    struct Late(mpsc::Sender<(Waker, Arc<AtomicBool>)>);

    impl Serializer<str> for Late {
        fn serialize(&self, _: &str, _: &mut SerializeContext<'_>, _: &mut Vec<u8>) -> Result<Serialized, BoxError> {
            unreachable!("all values are deferred")
        }

        fn may_defer(&self) -> bool {
            true
        }

        fn defer(&self, data: &str, _: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
            let (data, found, asks) = (data.to_owned(), Arc::new(AtomicBool::new(false)), self.0.clone());
            Ok(Some(Deferred::new(async move {
                poll_fn(|context| {
                    if found.load(Ordering::SeqCst) {
                        return Poll::Ready(());
                    }
                    let _ = asks.send((context.waker().clone(), Arc::clone(&found)));
                    Poll::Pending
                })
                .await;
                let finish = move |_: &mut SerializeContext<'_>, buffer: &mut Vec<u8>| {
                    buffer.extend_from_slice(data.as_bytes());
                    Ok(Serialized::Bytes)
                };
                Ok(Box::new(finish) as _)
            })))
        }
    }

    let kafka = kafka(1);
    let (asks, asked) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
    thread::spawn(move || {
        for (waker, found) in asked {
            found.store(true, Ordering::SeqCst);
            waker.wake_by_ref();
            thread::sleep(Duration::from_millis(2));
            waker.wake();
        }
    });
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).value_serializer(Late(asks)).build().unwrap();
    // A delivery thread that is not woken checks once a second: this would take five minutes.
    ends(move || {
        for n in 0..300 {
            drop(block_on(producer.send(record(n))).unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        block_on(producer.flush()).unwrap();
        assert_eq!(numbers(&kafka), (0..300).collect::<Vec<_>>());
    });
}

#[test]
fn deferred_record_of_an_aborted_transaction_is_not_sent_in_the_next() {
    let (kafka, waits) = (kafka(1), Waits::keeping(10));
    let config = config(&kafka).transactional_id("deferred");
    let producer: Producer<str, str> = Producer::builder(config).value_serializer(waits.clone()).build().unwrap();
    ends(move || {
        block_on(async {
            producer.init_transactions().await.unwrap();
            for n in 0..20 {
                waits.goes_on.store(false, Ordering::SeqCst);
                let transaction = producer.begin_transaction().await.unwrap();
                let sending = transaction.send(record(n));
                let other = waits.clone();
                // The serializer continues while the transaction is aborted.
                let goes_on = thread::spawn(move || other.release());
                transaction.abort().await.unwrap();
                goes_on.join().unwrap();
                let transaction = producer.begin_transaction().await.unwrap();
                // The send has ended, with whatever result: the record cannot be sent any more.
                let ended = sending.now_or_never().expect("the send still waits in the next transaction");
                assert!(ended.is_err() || ended.unwrap().now_or_never().is_some(), "the record is sent in the next transaction");
                transaction.send(record(100 + n)).await.unwrap().await.unwrap();
                transaction.commit().await.unwrap();
            }
        });
        assert!((100..120).all(|n| numbers(&kafka).contains(&n)));
    });
}

/// Runs two tasks on one thread: `busy`, and one that counts how often it is polled until `busy` has ended.
fn polls_beside(busy: impl Future<Output = ()> + 'static) -> usize {
    let mut pool = LocalPool::new();
    let (ended, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (ends, counts, counted) = (Arc::clone(&ended), Arc::clone(&turns), Arc::clone(&ended));
    let spawner = pool.spawner();
    spawner.spawn_local(busy.map(move |()| ends.store(true, Ordering::SeqCst))).unwrap();
    let other = poll_fn(move |context: &mut Context<'_>| {
        counts.fetch_add(1, Ordering::SeqCst);
        if counted.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    spawner.spawn_local(other).unwrap();
    pool.run();
    turns.load(Ordering::SeqCst)
}

#[test]
fn task_with_ready_futures_yields_to_others() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &LINGERING);
    let one_by_one = producer.clone();
    let turns = polls_beside(async move {
        for n in 0..2000 {
            drop(one_by_one.send(record(n)).await.unwrap());
        }
    });
    assert!(turns >= 2000 / 128, "send: {turns} turns");
    let at_once = producer.clone();
    let turns = polls_beside(async move { drop(at_once.send_all((0..2000).map(record)).await.unwrap()) });
    assert!(turns >= 2000 / 128, "send_all: {turns} turns");
    let refused = producer.clone();
    let turns = polls_beside(async move {
        for _ in 0..2000 {
            drop(refused.send(ProducerRecord::to("no topic").value("x")).await.unwrap_err());
        }
    });
    assert!(turns >= 2000 / 128, "refused: {turns} turns");
    let deliveries: Vec<_> = (0..2000).map(|n| producer.try_send(record(n)).unwrap()).collect();
    block_on(producer.flush()).unwrap();
    let turns = polls_beside(async move {
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    });
    assert!(turns >= 2000 / 128, "deliveries: {turns} turns");
}

#[test]
fn send_with_room_is_ready_with_now_or_never() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    for n in 0..1000 {
        let delivery = producer.send(record(n)).now_or_never();
        assert!(delivery.is_some(), "record {n}");
        let sending = pin!(producer.send(record(n)));
        assert!(sending.poll(&mut Context::from_waker(noop_waker_ref())).is_ready(), "record {n}");
    }
}
