//! Close, drop, and waiting tasks.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
};

use super::{super::ends, *};
use futures::{FutureExt, StreamExt, future::pending, select_biased};
use ottla::{
    Deserializer, ErrorKind, RebalanceListener,
    consumer::Revoked,
    serialize::{BoxError, DeserializeContext},
    testing::ApiKey,
};

#[test]
fn stream_works_with_select() {
    let kafka = kafka(1);
    let mut consumer = subscribed(&kafka, &[]).fuse();
    let mut ticks = 0;
    block_on(async {
        // Dropping a future repeatedly loses no record.
        let mut found = Vec::new();
        while found.len() < 20 {
            select_biased! {
                record = consumer.next() => found.push(record.unwrap().unwrap()),
                () = futures::future::ready(()).fuse() => {
                    ticks += 1;
                    if ticks == 1 {
                        std::thread::scope(|scope| scope.spawn(|| write(&kafka, 0, 0..20)).join().unwrap());
                    }
                    std::thread::yield_now();
                }
            }
        }
        assert_eq!(values(&found), (0..20).collect::<Vec<_>>());
    });
    assert!(ticks > 0);
}

/// A deserializer that blocks the polling thread once.
struct BlocksOnce(Arc<AtomicBool>);

impl Deserializer<String> for BlocksOnce {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<String, BoxError> {
        if self.0.swap(false, Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1500));
        }
        Ok(String::from_utf8(data.unwrap_or_default().to_vec())?)
    }
}

#[test]
fn close_ends_while_partitions_are_being_revoked() {
    ends(|| {
        let kafka = kafka(2);
        for round in 0..4 {
            let settings = [("session.timeout.ms", "600"), ("heartbeat.interval.ms", "100")];
            let blocks = Arc::new(AtomicBool::new(false));
            let first = builder(&kafka, &settings).value_deserializer(BlocksOnce(Arc::clone(&blocks))).build().unwrap();
            block_on(first.subscribe(&["orders"])).unwrap();
            write(&kafka, 0, round..round + 1);
            assert_eq!(take(&first, 1).len(), 1);
            // The polling thread is busy, so it does not handle the revocation that the second member causes.
            blocks.store(true, Ordering::SeqCst);
            write(&kafka, 1, round..round + 1);
            let second = builder(&kafka, &settings).build().unwrap();
            block_on(second.subscribe(&["orders"])).unwrap();
            std::thread::sleep(Duration::from_millis(700));
            block_on(first.close(Duration::MAX)).unwrap();
            block_on(second.close(Duration::MAX)).unwrap();
        }
    });
}

#[test]
fn waiting_task_is_woken_by_a_record_and_by_close() {
    let kafka = kafka(1);
    let consumer = std::sync::Arc::new(subscribed(&kafka, &[]));
    let waiting = std::sync::Arc::clone(&consumer);
    let (sender, received) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        block_on(async {
            while let Some(item) = waiting.recv().await {
                sender.send(item.unwrap().offset()).unwrap();
            }
        });
    });
    std::thread::sleep(Duration::from_millis(300));
    write(&kafka, 0, 0..1);
    assert_eq!(received.recv_timeout(Duration::from_secs(60)), Ok(0));
    ends(move || {
        block_on(consumer.close(Duration::from_secs(60))).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn close_returns_after_its_timeout_while_a_listener_blocks_and_continues() {
    struct Blocks(Mutex<mpsc::Receiver<()>>);
    impl RebalanceListener for Blocks {
        fn on_partitions_revoked(&self, _: &Revoked<'_>) {
            // Until the test drops the sender.
            let _ = self.0.lock().unwrap().recv();
        }
    }
    let kafka = kafka(1);
    write(&kafka, 0, 0..1);
    let (sender, receiver) = mpsc::channel();
    let consumer = builder(&kafka, &[]).rebalance_listener(Blocks(Mutex::new(receiver))).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    take(&consumer, 1);
    ends(move || {
        for error in [
            block_on(consumer.close(Duration::from_millis(50))).unwrap_err(),
            consumer.blocking().close(Duration::ZERO).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::CloseTimeout, "{error:?}");
            assert!(error.to_string().contains("it continues to close"), "{error}");
        }
        drop(sender);
        consumer.blocking().close(Duration::MAX).unwrap();
        consumer.blocking().close(Duration::ZERO).unwrap();
    });
}

#[test]
fn stream_ends_after_close() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..100);
    let consumer = subscribed(&kafka, &[]);
    take(&consumer, 1);
    ends(move || {
        block_on(async {
            consumer.close(Duration::from_secs(60)).await.unwrap();
            consumer.close(Duration::from_secs(60)).await.unwrap();
            // Records that were read ahead are dropped.
            assert!(consumer.recv().await.is_none());
            for error in [
                consumer.subscribe(&["orders"]).await.unwrap_err(),
                consumer.seek(("orders", 0), 1).await.unwrap_err(),
                consumer.commit_offsets(&consumer_offsets()).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
            }
            assert!(consumer.blocking().poll(Duration::from_secs(60)).is_empty());
        });
    });
}

fn consumer_offsets() -> ottla::Offsets {
    let mut offsets = ottla::Offsets::new();
    offsets.set_next("orders", 0, 1);
    offsets
}

#[test]
fn dropped_consumer_leaves_its_group() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..100);
    let consumer = subscribed(&kafka, &[]);
    take(&consumer, 5);
    kafka.track_requests();
    drop(consumer);
    assert!(kafka.requests().iter().any(|request| request.api_key() == ApiKey::LeaveGroup));
    assert_eq!(values(&take(&subscribed(&kafka, &[]), 1)), [0]);
}

#[test]
fn consumer_can_be_dropped_at_any_time() {
    let kafka = kafka(1);
    ends(move || {
        drop(builder(&kafka, &[]).drop_timeout(Duration::ZERO).build().unwrap());
        let consumer = subscribed(&kafka, &[]);
        block_on(async {
            let next = std::pin::pin!(consumer.recv());
            assert!(next.now_or_never().is_none());
        });
        drop(consumer);
        let (never, consumer) = (pending::<()>(), subscribed(&kafka, &[]));
        assert!(never.now_or_never().is_none());
        drop(consumer);
    });
}

#[test]
fn drop_timeout_can_be_unlimited() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    ends(move || {
        let consumer = builder(&kafka, &[]).drop_timeout(Duration::MAX).build().unwrap();
        block_on(consumer.subscribe(&["orders"])).unwrap();
        take(&consumer, 1);
        drop(consumer);
        let consumer = builder(&kafka, &[]).build().unwrap();
        assert!(consumer.blocking().poll(Duration::ZERO).is_empty());
        drop(consumer);
    });
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn dropped_future_removes_its_waker() {
    let kafka = kafka(1);
    let consumer = builder(&kafka, &[]).build().unwrap();
    let woken = Arc::new(Nothing);
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    for _ in 0..100 {
        assert!(Box::pin(consumer.recv()).as_mut().poll(&mut context).is_pending());
        assert!(Box::pin(consumer.recv_batch()).as_mut().poll(&mut context).is_pending());
    }
    // `woken` and `waker`.
    assert_eq!(Arc::strong_count(&woken), 2);
}

/// Panics in its drop while the flag is set.
struct Bomb(Arc<AtomicBool>, i64);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0.load(Ordering::SeqCst) {
            panic!("in the drop of a value that was read ahead");
        }
    }
}

#[test]
fn panic_in_the_drop_of_a_value_does_not_stop_the_consumer() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..20);
    ends(move || {
        let armed = Arc::new(AtomicBool::new(false));
        let made = Arc::clone(&armed);
        let value = move |data: Option<&[u8]>| -> Result<Bomb, std::num::ParseIntError> {
            Ok(Bomb(Arc::clone(&made), std::str::from_utf8(data.unwrap_or_default()).unwrap_or_default().parse()?))
        };
        let consumer: Consumer<(), Bomb> = Consumer::builder(config(&kafka, &[])).value_deserializer(value).build().unwrap();
        block_on(async {
            consumer.subscribe(&["orders"]).await.unwrap();
            assert_eq!(soon(consumer.recv()).await.unwrap().unwrap().value().1, 0);
            // Records that were read ahead are dropped on the polling thread.
            armed.store(true, Ordering::SeqCst);
            consumer.seek(("orders", 0), 10).await.unwrap();
            armed.store(false, Ordering::SeqCst);
            assert_eq!(soon(consumer.recv()).await.unwrap().unwrap().value().1, 10);
            armed.store(true, Ordering::SeqCst);
            consumer.close(Duration::from_secs(60)).await.unwrap();
            assert!(soon(consumer.recv()).await.is_none());
        });
        drop(consumer);
        armed.store(false, Ordering::SeqCst);
    });
}

#[test]
fn panic_in_a_waker_does_not_stop_the_consumer() {
    struct Panics(AtomicBool);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            if !self.0.swap(true, Ordering::SeqCst) {
                panic!("in a waker");
            }
        }
    }
    let kafka = kafka(1);
    write(&kafka, 0, 0..3);
    ends(move || {
        let consumer = subscribed(&kafka, &[]);
        take(&consumer, 1);
        let partitions = [("orders", 0)];
        let poll = |mut future: std::pin::Pin<Box<dyn Future<Output = ()> + '_>>| {
            let panics = Arc::new(Panics(AtomicBool::new(false)));
            let waker = Waker::from(Arc::clone(&panics));
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                while !panics.0.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                block_on(soon(future));
            }
        };
        poll(Box::pin(async { consumer.pause(partitions).await.unwrap() }));
        poll(Box::pin(async { consumer.resume(partitions).await.unwrap() }));
        poll(Box::pin(async { consumer.commit().await.unwrap() }));
        poll(Box::pin(async { drop(consumer.committed(partitions).await.unwrap()) }));
        assert_eq!(values(&take(&consumer, 2)), [1, 2]);
        block_on(consumer.close(Duration::from_secs(60))).unwrap();
    });
}
