//! Credentials that change while a producer runs: no record fails.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::Producer;

use super::{
    Case, chain,
    secured::{Secured, login, producer, send},
};
use crate::log;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("rotation: another SCRAM password", another_password)]
}

/// The broker requires reauthentication every two seconds. For a while its password differs from the producer's, whose login fails then.
fn another_password(secured: &Secured) -> String {
    let (topic, mechanism) = (secured.topic(), "SCRAM-SHA-512");
    let producer = producer(secured.config("REAUTH", login(mechanism, "rotating", "rotating-secret")));
    let stop = AtomicBool::new(false);
    let (sent, last) = thread::scope(|threads| {
        let sending = threads.spawn(|| send_until(&producer, &topic, &stop));
        thread::sleep(Duration::from_secs(1));
        let config = format!("{mechanism}=[iterations=4096,password=another-secret]");
        secured.kafka().tool(&[
            "configs",
            "--alter",
            "--entity-type",
            "users",
            "--entity-name",
            "rotating",
            "--add-config",
            &config,
        ]);
        // Longer than the reauthentication interval.
        thread::sleep(Duration::from_secs(4));
        let before = log::Counter::new(secured.kafka().bootstrap_servers(), &topic, 1).count();
        producer.set_credentials("rotating", "another-secret").unwrap();
        thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        let sent = sending.join().unwrap_or_else(|panic| resume_unwind(panic));
        assert!(usize::try_from(before).unwrap() < sent, "all of {sent} were written before: no login was rejected");
        (sent, before)
    });
    let values: Vec<String> =
        log::read(secured.kafka().bootstrap_servers(), &topic).iter().map(|it| it.value_text().to_owned()).collect();
    assert_eq!(values, (0..sent).map(|n| n.to_string()).collect::<Vec<_>>(), "each record once, in order");
    format!("{sent} records, {last} of them before the producer had the new password, 0 failed")
}

/// Sends a record every few milliseconds. Returns their number; all of them were acknowledged.
pub(super) fn send_until(producer: &Producer<str, str>, topic: &str, stop: &AtomicBool) -> usize {
    let mut deliveries = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        deliveries.push(send(producer, topic, deliveries.len().to_string()));
        thread::sleep(Duration::from_millis(5));
    }
    let (sent, end) = (deliveries.len(), Instant::now() + Duration::from_secs(60));
    for (n, delivery) in deliveries.into_iter().enumerate() {
        if let Err(error) = block_on(delivery) {
            panic!("record {n} of {sent}: {}", chain(&error));
        }
        assert!(Instant::now() < end, "record {n} of {sent} took too long");
    }
    sent
}
