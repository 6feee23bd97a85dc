//! User code also runs in drops and wakers; it may block, and may call the producer. None of this may block the producer.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use futures::{FutureExt, executor::block_on};
use ottla::{
    Acknowledgement, Error, ErrorKind, Interceptor, Partitioner, Producer, ProducerRecord, Serializer,
    partition::PartitionContext,
    serialize::{BoxError, Deferred, SerializeContext, Serialized},
};

use super::{config, ends, kafka, producer};
use crate::log;

/// Panics in its drop.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

impl std::fmt::Display for Bomb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error that panics in its drop")
    }
}

impl std::error::Error for Bomb {}

fn record(value: &str) -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value(value.to_owned())
}

/// Checks that the delivery thread is alive: a record is reported, and a flush ends.
fn still_works(producer: &Producer<str, str>) {
    let producer = producer.clone();
    ends(move || {
        block_on(async {
            // Earlier records may fill `buffer.memory` until the broker is up again.
            producer.flush().await.unwrap();
            for _ in 0..100 {
                producer.send(record("still")).await.unwrap().await.unwrap();
            }
            producer.flush().await.unwrap();
        });
    });
}

#[test]
fn captures_of_an_uncalled_callback_can_panic_in_drop() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "3000"), ("max.block.ms", "100")]);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    while producer.try_send(record(&"x".repeat(500))).is_ok() {}
    let bomb = Bomb;
    let sender = producer.clone();
    // It waits for the buffer until `max.block.ms` is over, and is rejected by the delivery thread.
    let refused = thread::spawn(move || {
        sender.blocking().send_with(record(&"x".repeat(1000)), move |_| std::mem::forget(bomb)).unwrap_err().kind()
    });
    assert_eq!(refused.join().unwrap(), ErrorKind::BufferTimeout);
    kafka.broker_up(1).unwrap();
    still_works(&producer);
}

#[test]
fn error_of_a_batch_can_panic_in_drop() {
    let kafka = kafka(1);
    let serializer = |data: &str, buffer: &mut Vec<u8>| -> Result<(), Bomb> {
        if data == "fail" {
            return Err(Bomb);
        }
        buffer.extend_from_slice(data.as_bytes());
        Ok(())
    };
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).value_serializer(serializer).build().unwrap();
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let batch = block_on(producer.send_all([record("good"), record("fail")])).unwrap();
    // From here on the record that the delivery thread reports has the last reference.
    drop(batch);
    kafka.broker_up(1).unwrap();
    still_works(&producer);
}

#[test]
fn deferred_value_can_panic_in_drop() {
    struct Waits;
    impl Serializer<str> for Waits {
        fn serialize(&self, data: &str, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
            buffer.extend_from_slice(data.as_bytes());
            Ok(Serialized::Bytes)
        }
        fn may_defer(&self) -> bool {
            true
        }
        fn defer(&self, data: &str, _: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
            Ok((data == "wait").then(|| {
                let bomb = Bomb;
                Deferred::new(async move {
                    let _bomb = bomb;
                    std::future::pending().await
                })
            }))
        }
    }
    let kafka = kafka(1);
    let config = config(&kafka).set("max.block.ms", "100").unwrap();
    let producer: Producer<str, str> = Producer::builder(config).value_serializer(Waits).build().unwrap();
    let sender = producer.clone();
    ends(move || {
        assert_eq!(block_on(sender.send(record("wait"))).unwrap_err().kind(), ErrorKind::SchemaTimeout);
    });
    still_works(&producer);
}

#[test]
fn close_returns_records_although_plug_ins_panic_in_drop() {
    struct Explodes(Bomb);
    impl Interceptor<str, str> for Explodes {}
    impl Partitioner for Explodes {
        fn partition(&self, _: &PartitionContext<'_>) -> i32 {
            0
        }
    }
    let kafka = kafka(1);
    let producer: Producer<str, str> = Producer::builder(config(&kafka))
        .interceptor(Explodes(Bomb))
        .interceptor(Explodes(Bomb))
        .partitioner(Explodes(Bomb))
        .on_throttle({
            let bomb = Bomb;
            move |_| {
                let _ = &bomb;
            }
        })
        .build()
        .unwrap();
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let delivery = block_on(producer.send(record("left"))).unwrap();
    ends(move || {
        assert_eq!(block_on(producer.close(Duration::from_millis(100))).unwrap().len(), 1);
        assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
    });
}

#[test]
fn waker_can_panic_in_wake_and_drop() {
    struct Explodes(Bomb);
    impl Wake for Explodes {
        fn wake(self: Arc<Self>) {}
    }
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    /// Polls twice, each time with a waker whose last reference the future has.
    fn poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
        if future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_ready() {
            unreachable!("no record is reported yet");
        }
        let waker = Waker::from(Arc::new(Explodes(Bomb)));
        let polled = future.poll(&mut Context::from_waker(&waker));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        polled
    }
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let mut deliveries: Vec<_> = (0..10).map(|_| producer.try_send(record("x")).unwrap()).collect();
    for delivery in &mut deliveries {
        // The stored waker may also panic when it is replaced.
        assert!(poll(Pin::new(&mut *delivery)).is_pending());
        assert!(poll(Pin::new(&mut *delivery)).is_pending());
    }
    let panics = Waker::from(Arc::new(Panics));
    let _ = Pin::new(&mut deliveries[0]).poll(&mut Context::from_waker(&panics));
    let mut flush = pin!(producer.flush());
    assert!(poll(flush.as_mut()).is_pending());
    assert!(poll(flush.as_mut()).is_pending());
    let mut batch = block_on(producer.send_all([record("a"), record("b")])).unwrap();
    assert!(poll(Pin::new(&mut batch)).is_pending());
    drop(deliveries.pop());
    kafka.broker_up(1).unwrap();
    still_works(&producer);
    block_on(flush).unwrap();
    for delivery in deliveries {
        block_on(delivery).unwrap();
    }
    block_on(batch).unwrap();
    // Delayed until it has been polled, so that it is not ready.
    let (entered, release) = blocking_callback(&producer);
    entered.recv_timeout(PATIENCE).unwrap();
    let mut close = pin!(producer.clone().close(Duration::from_secs(60)));
    assert!(close.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
    release.send(()).unwrap();
    ends_with(|| block_on(close).unwrap());
}

/// Like [`ends`], for code that borrows: a watchdog thread fails the test after a timeout.
fn ends_with<R>(code: impl FnOnce() -> R) -> R {
    let done = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&done);
    thread::spawn(move || {
        for _ in 0..1200 {
            thread::sleep(Duration::from_millis(100));
            if watched.load(Ordering::SeqCst) {
                return;
            }
        }
        eprintln!("timeout");
        std::process::abort();
    });
    let result = code();
    done.store(true, Ordering::SeqCst);
    result
}

/// Runs a task inline, in the call that wakes it, on the thread of that call.
struct Inline {
    task: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    woken: AtomicBool,
    done: Mutex<mpsc::Sender<()>>,
}

impl Inline {
    fn run(task: impl Future<Output = ()> + Send + 'static) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel();
        let this = Self { task: Mutex::new(Some(Box::pin(task))), woken: AtomicBool::new(false), done: Mutex::new(sender) };
        Arc::new(this).wake();
        receiver
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        loop {
            // Empty while it is polled: the poller polls again.
            let Some(mut task) = self.task.lock().unwrap().take() else { return };
            while self.woken.swap(false, Ordering::SeqCst) {
                if task.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self)))).is_ready() {
                    let _ = self.done.lock().unwrap().send(());
                    return;
                }
            }
            *self.task.lock().unwrap() = Some(task);
            if !self.woken.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn inline_task_can_send_flush_and_close() {
    let kafka = kafka(3);
    // The buffer is so small that records wait, and are admitted by the thread that frees buffer memory.
    let producer = producer(&kafka, &[("buffer.memory", "4000")]);
    let done: Vec<_> = (0..4)
        .map(|_| {
            let producer = producer.clone();
            Inline::run(async move {
                for n in 0..200 {
                    let delivery = producer.send(record(&"x".repeat(500))).await.unwrap();
                    if n % 10 == 0 {
                        producer.flush().await.unwrap();
                    }
                    delivery.await.unwrap();
                }
            })
        })
        .collect();
    for done in done {
        done.recv_timeout(PATIENCE).unwrap();
    }
    // Each task is woken by the end, and calls close again inline.
    let done: Vec<_> = (0..4)
        .map(|_| {
            let (producer, other) = (producer.clone(), producer.clone());
            Inline::run(async move {
                producer.close(Duration::MAX).await.unwrap();
                other.close(Duration::from_secs(60)).await.unwrap();
            })
        })
        .collect();
    drop(producer);
    for done in done {
        done.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 800);
}

#[test]
fn inline_task_can_drop_the_last_handle() {
    let kafka = kafka(1);
    for _ in 0..5 {
        let producer: Producer<str, str> = Producer::builder(config(&kafka)).drop_timeout(Duration::MAX).build().unwrap();
        let done = Inline::run(async move {
            drop(producer.send(record("x")).await.unwrap());
            // It ends on a thread of the producer: the drop must not wait for that thread.
            producer.flush().await.unwrap();
            drop(producer);
        });
        done.recv_timeout(PATIENCE).unwrap();
    }
}

/// A callback that blocks until it is released.
fn blocking_callback(producer: &Producer<str, str>) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let callback = move |_: Result<_, Error>| {
        entered.send(()).unwrap();
        let _ = released.recv_timeout(PATIENCE);
    };
    producer.send_with(record("blocks"), callback).unwrap();
    (has_entered, release)
}

#[test]
fn close_does_not_wait_for_a_blocked_callback_and_counts_unreported_records() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let (entered, release) = blocking_callback(&producer);
    entered.recv_timeout(PATIENCE).unwrap();
    kafka.broker_down(1).unwrap();
    let deliveries: Vec<_> = (0..10).map(|n| producer.try_send(record(&n.to_string())).unwrap()).collect();
    let other = producer.clone();
    for handle in [producer.clone(), producer.clone()] {
        ends(move || {
            let error = block_on(handle.close(Duration::from_millis(100))).unwrap_err();
            assert_eq!(error.kind().name(), "CloseTimeout");
            assert!(error.to_string().contains("11 records"), "{error}");
        });
    }
    // The callback was still blocked.
    release.send(()).unwrap();
    ends(move || {
        let unsent = block_on(other.close(Duration::from_secs(60))).unwrap();
        assert_eq!(unsent.len(), 10);
        for delivery in deliveries {
            assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::GivenUp);
        }
    });
}

#[test]
fn drop_does_not_wait_for_a_blocked_callback() {
    let kafka = kafka(1);
    let producer: Producer<str, str> =
        Producer::builder(config(&kafka)).drop_timeout(Duration::from_millis(100)).build().unwrap();
    let (entered, release) = blocking_callback(&producer);
    entered.recv_timeout(PATIENCE).unwrap();
    let delivery = producer.try_send(record("behind")).unwrap();
    ends(move || drop(producer));
    release.send(()).unwrap();
    // The record is still reported, as delivered or given up.
    ends(move || drop(block_on(delivery)));
}

#[test]
fn close_does_not_wait_for_a_blocked_waker_or_interceptor() {
    struct Blocks(Mutex<mpsc::Receiver<()>>, AtomicUsize);
    impl Blocks {
        fn block(&self) {
            self.1.fetch_add(1, Ordering::SeqCst);
            let _ = self.0.lock().unwrap().recv_timeout(PATIENCE);
        }
    }
    impl Wake for Blocks {
        fn wake(self: Arc<Self>) {
            self.block();
        }
    }
    impl Interceptor<str, str> for Blocks {
        fn on_acknowledgement(&self, _: &Acknowledgement<'_>) {
            self.block();
        }
    }
    let (release, released) = mpsc::channel();
    let blocks = Arc::new(Blocks(Mutex::new(released), AtomicUsize::new(0)));
    let kafka = kafka(1);
    let producer = producer(&kafka, &[]);
    let waker = Waker::from(Arc::clone(&blocks));
    let _delivery = loop {
        let mut delivery = producer.try_send(record("x")).unwrap();
        // Ready, if the report came before the poll: then once more.
        if delivery.poll_unpin(&mut Context::from_waker(&waker)).is_pending() {
            break delivery;
        }
    };
    while blocks.1.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    // All records are reported: none is lost, so close succeeds.
    ends(move || assert!(block_on(producer.close(Duration::ZERO)).unwrap().is_empty()));
    release.send(()).unwrap();
    drop(release);

    let (release, released) = mpsc::channel();
    let blocks = Arc::new(Blocks(Mutex::new(released), AtomicUsize::new(0)));
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(Arc::clone(&blocks)).build().unwrap();
    drop(producer.try_send(record("x")).unwrap());
    while blocks.1.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    ends(move || {
        let error = block_on(producer.close(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind().name(), "CloseTimeout");
    });
    drop(release);
}

#[test]
fn max_block_ms_applies_to_the_buffer_while_a_callback_blocks() {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("buffer.memory", "3000"), ("max.block.ms", "200")]);
    let (entered, release) = blocking_callback(&producer);
    entered.recv_timeout(PATIENCE).unwrap();
    while producer.try_send(record(&"x".repeat(500))).is_ok() {}
    let sender = producer.clone();
    ends(move || {
        let waiting: Vec<_> = (0..10).map(|_| sender.send(record(&"x".repeat(500)))).collect();
        for sending in waiting {
            assert_eq!(block_on(sending).unwrap_err().kind(), ErrorKind::BufferTimeout);
        }
    });
    // The callback was still blocked.
    release.send(()).unwrap();
    still_works(&producer);
}

#[test]
fn max_block_ms_applies_to_serializers_while_a_callback_blocks() {
    struct Waits;
    impl Serializer<str> for Waits {
        fn serialize(&self, data: &str, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
            buffer.extend_from_slice(data.as_bytes());
            Ok(Serialized::Bytes)
        }
        fn may_defer(&self) -> bool {
            true
        }
        fn defer(&self, data: &str, _: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
            Ok((data == "wait").then(|| Deferred::new(std::future::pending())))
        }
    }
    let kafka = kafka(1);
    let config = config(&kafka).set("max.block.ms", "200").unwrap();
    let producer: Producer<str, str> = Producer::builder(config).value_serializer(Waits).build().unwrap();
    let (entered, release) = blocking_callback(&producer);
    entered.recv_timeout(PATIENCE).unwrap();
    let sender = producer.clone();
    ends(move || {
        let waiting: Vec<_> = (0..3).map(|_| sender.send(record("wait"))).collect();
        for sending in waiting {
            assert_eq!(block_on(sending).unwrap_err().kind(), ErrorKind::SchemaTimeout);
        }
    });
    release.send(()).unwrap();
    still_works(&producer);
}

#[test]
fn close_and_drop_accept_any_timeout() {
    let kafka = kafka(1);
    let lingers = |kafka| config(kafka).set("linger.ms", "900000").unwrap().set("delivery.timeout.ms", "1000000").unwrap();
    let closed = Producer::builder(lingers(&kafka)).drop_timeout(Duration::MAX).build().unwrap();
    let dropped: Producer<str, str> = Producer::builder(lingers(&kafka)).drop_timeout(Duration::MAX).build().unwrap();
    let unwound: Producer<str, str> = Producer::builder(lingers(&kafka)).drop_timeout(Duration::MAX).build().unwrap();
    ends(move || {
        for producer in [&closed, &dropped, &unwound] {
            drop(producer.try_send(record("lingers")).unwrap());
        }
        assert!(block_on(closed.close(Duration::MAX)).unwrap().is_empty());
        drop(dropped);
        // A panic in a drop during another panic aborts the process.
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _producer = unwound;
            std::panic::resume_unwind(Box::new("a panic of the program"));
        }));
        assert!(panic.is_err());
    });
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 3);
}
