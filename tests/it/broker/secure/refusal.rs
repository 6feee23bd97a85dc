//! Rejected logins: the error comes soon, and has the reason and the broker's address, but no secret.

use std::{
    env,
    time::{Duration, Instant, SystemTime},
};

use futures::executor::block_on;
use ottla::{Error, ErrorKind, Persistence, Producer, ProducerConfig, ProducerRecord, Token};

use super::{
    Case, TOLD_WITHIN, chain,
    secured::{SECRETS, Secured, Settings, certificate, deliver, login, producer, unsecured_token},
};

pub(super) fn cases() -> Vec<Case> {
    let password = |mechanism: &'static str| move |_: &Secured| login(mechanism, "alice", "wrong-secret");
    let wrong = "the broker rejected the user name and password";
    let certificate_rejected = certificate_rejected();
    vec![
        case("wrong password, PLAIN", "SASL_PLAINTEXT", wrong, password("PLAIN")),
        case("wrong password, SCRAM-SHA-256", "SASL_SSL", wrong, password("SCRAM-SHA-256")),
        case("wrong password, SCRAM-SHA-512", "SASL_PLAINTEXT", wrong, password("SCRAM-SHA-512")),
        case("unknown user", "SASL_SSL", wrong, |_| login("SCRAM-SHA-512", "nobody", "wrong-secret")),
        case("broker's certificate expired", "EXPIRED", "the broker's certificate has expired", |_| Vec::new()),
        case("broker's certificate of a foreign CA", "FOREIGN", "not signed by a trusted CA", |_| Vec::new()),
        case("broker's certificate for another host", "WRONG_NAME", "the broker's certificate is for another host name", |_| {
            Vec::new()
        }),
        case("client without a certificate", "MTLS", certificate_rejected, |_| Vec::new()),
        case("client's certificate of a foreign CA", "MTLS", certificate_rejected, |secured| {
            certificate(secured, "client-foreign.pem")
        }),
        case("client's certificate expired", "MTLS", certificate_rejected, |secured| certificate(secured, "client-expired.pem")),
        Case::new("out: token expired", |secured| {
            let producer = with_tokens(secured.config("SASL_PLAINTEXT", oauth()), || unsecured_token("alice", -600));
            refused(secured, &producer, "SASL_PLAINTEXT", "the broker rejected the token as expired")
        }),
        Case::new("out: no right to the topic", |secured| {
            let config = secured.config("SASL_PLAINTEXT", login("SCRAM-SHA-256", "mallory", "mallory-secret"));
            let (producer, topic) = (producer(config), secured.topic());
            let sent = block_on(async { producer.send(ProducerRecord::to(&*topic).value("out")).await?.await });
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Authorization, "{}", chain(&error));
            // Of the topic, or of the cluster if the producer id is refused first.
            told(secured, &error, "SASL_PLAINTEXT", "_AUTHORIZATION_FAILED")
        }),
        Case::new("out: every call of a producer", every_call),
        Case::new("out: and in with other credentials", other_credentials),
    ]
}

/// The reason for a rejected client certificate. The alert of Kafka 2.8 cannot be read.
fn certificate_rejected() -> &'static str {
    let is_old = env::var("KAFKA_VERSION").is_ok_and(|version| version.starts_with("2."));
    if is_old { "the TLS handshake failed" } else { "the broker rejected the client's certificate" }
}

fn case(
    name: &str,
    listener: &'static str,
    reason: &'static str,
    more: impl FnOnce(&Secured) -> Settings + Send + 'static,
) -> Case {
    Case::new(format!("out: {name}"), move |secured| {
        let producer = producer(secured.config(listener, more(secured)));
        refused(secured, &producer, listener, reason)
    })
}

/// Sends a record that must fail for this reason.
fn refused(secured: &Secured, producer: &Producer<str, str>, listener: &str, reason: &str) -> String {
    let topic = secured.topic();
    let begun = Instant::now();
    let error = deliver(producer, &topic, "out").unwrap_err();
    assert!(begun.elapsed() < TOLD_WITHIN, "{:?}: {}", begun.elapsed(), chain(&error));
    assert_eq!((error.kind(), error.is_retriable(), error.is_fatal()), (ErrorKind::Authentication, false, false));
    assert!(error.advice().is_some());
    told(secured, &error, listener, reason)
}

/// Checks the error's text, and that it contains no secret.
fn told(secured: &Secured, error: &Error, listener: &str, reason: &str) -> String {
    let text = chain(error);
    assert!(text.contains(reason), "{text}");
    assert!(text.contains(secured.address(listener)), "{text}");
    assert_eq!(error.persistence(), Persistence::NotPersisted);
    let all = format!("{text} {error:?}");
    assert!(!SECRETS.iter().any(|secret| all.contains(secret)), "{all}");
    text
}

fn every_call(secured: &Secured) -> String {
    let listener = "SASL_PLAINTEXT";
    let config = || secured.config(listener, login("PLAIN", "alice", "wrong-secret"));
    let (first, second) = (producer(config()), producer(config().transactional_id("secure")));
    let begun = Instant::now();
    let (metadata, cluster, begin) =
        block_on(async { futures::join!(first.partitions_for("any"), first.cluster(), second.init_transactions()) });
    for error in [metadata.unwrap_err(), cluster.unwrap_err(), begin.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Authentication, "{}", chain(&error));
        told(secured, &error, listener, "the broker rejected the user name and password");
    }
    assert!(begun.elapsed() < TOLD_WITHIN, "{:?}", begun.elapsed());
    "partitions_for, cluster, init_transactions".to_owned()
}

fn other_credentials(secured: &Secured) -> String {
    let (topic, mechanism) = (secured.topic(), "SCRAM-SHA-256");
    let producer = producer(secured.config("SASL_SSL", login(mechanism, "alice", "wrong-secret")));
    for _ in 0..2 {
        assert_eq!(deliver(&producer, &topic, "out").unwrap_err().kind(), ErrorKind::Authentication);
    }
    producer.set_credentials("alice", "alice-secret").unwrap();
    deliver(&producer, &topic, "in").unwrap().to_string()
}

/// Settings for a token provider.
pub(super) fn oauth() -> Settings {
    vec![("sasl.mechanism", "OAUTHBEARER".to_owned())]
}

/// A producer whose provider returns such tokens with an expiry in an hour.
fn with_tokens(config: ProducerConfig, token: impl Fn() -> String + Send + Sync + 'static) -> Producer<str, str> {
    let hour = Duration::from_secs(3600);
    let provider = move || {
        let token = Token::new(token(), SystemTime::now() + hour).principal("alice");
        async move { Ok::<_, std::io::Error>(token) }
    };
    Producer::builder(config).token_provider(provider).drop_timeout(Duration::ZERO).build().unwrap()
}
