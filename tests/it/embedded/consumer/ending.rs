//! Close, drop, and tasks that wait.

use super::{super::ends, *};
use futures::{FutureExt, StreamExt, future::pending, select_biased};
use ottla::{ErrorKind, testing::ApiKey};

#[test]
fn a_stream_goes_well_with_select() {
    let kafka = kafka(1);
    let mut consumer = subscribed(&kafka, &[]).fuse();
    let mut ticks = 0;
    block_on(async {
        // A future that is dropped again and again loses no record.
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

#[test]
fn a_task_that_waits_is_woken_by_a_record_and_by_the_end() {
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
        block_on(consumer.close()).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn after_close_there_is_nothing_but_the_end() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..100);
    let consumer = subscribed(&kafka, &[]);
    take(&consumer, 1);
    ends(move || {
        block_on(async {
            consumer.close().await.unwrap();
            consumer.close().await.unwrap();
            // What was read ahead is dropped.
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
fn a_consumer_that_is_dropped_in_mid_stream_leaves_its_group() {
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
fn a_consumer_can_be_dropped_at_any_time() {
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
