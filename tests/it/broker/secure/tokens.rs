//! Tokens of a provider and of librdkafka: they are refreshed while records are sent, and awaited if there is none.

use std::{
    io,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use futures::executor::block_on;
use ottla::{ErrorKind, Producer, Token, TokenProvider};

use super::{
    Case, chain,
    entry::unsecured,
    refusal::oauth,
    rotation::send_until,
    secured::{Secured, deliver, producer, send, unsecured_token},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("token: provider fails twice", fails_twice),
        Case::new("token: provider always fails", always_fails),
        Case::new("token: refreshed before it expires", refreshed),
        Case::new("token: librdkafka's own, refreshed", refreshed_by_librdkafka),
    ]
}

fn with(secured: &Secured, listener: &str, provider: impl TokenProvider) -> Producer<str, str> {
    let config = secured.config(listener, oauth());
    Producer::builder(config).token_provider(provider).drop_timeout(Duration::ZERO).build().unwrap()
}

/// A token that is valid for this many seconds.
fn token(seconds: i64) -> Token {
    let life = Duration::from_secs(seconds.unsigned_abs());
    Token::new(unsecured_token("alice", seconds), SystemTime::now() + life).principal("alice")
}

/// Counts its calls.
fn counting<T>(calls: Arc<AtomicUsize>, give: impl Fn(usize) -> T) -> impl Fn() -> T {
    move || give(calls.fetch_add(1, Ordering::SeqCst))
}

fn fails_twice(secured: &Secured) -> String {
    let calls = Arc::new(AtomicUsize::new(0));
    let provider = counting(Arc::clone(&calls), |call| async move {
        match call {
            0 => Err(io::Error::other("the identity provider is away")),
            1 => panic!("a bug in the provider"),
            _ => Ok(token(3600)),
        }
    });
    let producer = with(secured, "SASL_SSL", provider);
    let topic = secured.topic();
    let deliveries: Vec<_> = (0..100).map(|n| send(&producer, &topic, n.to_string())).collect();
    for delivery in deliveries {
        block_on(delivery).unwrap_or_else(|error| panic!("{}", chain(&error)));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    "100 records, 0 failed".to_owned()
}

fn always_fails(secured: &Secured) -> String {
    let config = secured.config("SASL_SSL", oauth());
    let config = config.set("delivery.timeout.ms", "3000").unwrap().set("request.timeout.ms", "1000").unwrap();
    let provider = || async { Err::<Token, _>(io::Error::other("the identity provider is away")) };
    let producer: Producer<str, str> = Producer::builder(config.set("linger.ms", "0").unwrap())
        .token_provider(provider)
        .drop_timeout(Duration::ZERO)
        .build()
        .unwrap();
    let error = deliver(&producer, &secured.topic(), "out").unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::DeliveryTimeout, "{text}");
    assert!(text.contains("the token provider failed: the identity provider is away"), "{text}");
    text
}

/// The listener closes connections whose token has expired.
fn refreshed(secured: &Secured) -> String {
    let calls = Arc::new(AtomicUsize::new(0));
    let provider = counting(Arc::clone(&calls), |_| async { Ok::<_, io::Error>(token(4)) });
    let producer = with(secured, "REAUTH", provider);
    let sent = send_for(&producer, &secured.topic());
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls >= 2, "{calls}");
    format!("{sent} records, {calls} tokens, 0 failed")
}

fn refreshed_by_librdkafka(secured: &Secured) -> String {
    let config = secured.config("REAUTH", unsecured(" unsecuredLoginLifetimeSeconds=\"4\""));
    let sent = send_for(&producer(config), &secured.topic());
    format!("{sent} records, 0 failed")
}

/// Sends for twice the lifetime of a token.
fn send_for(producer: &Producer<str, str>, topic: &str) -> usize {
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let sending = threads.spawn(|| send_until(producer, topic, &stop));
        thread::sleep(Duration::from_secs(9));
        stop.store(true, Ordering::Relaxed);
        sending.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
