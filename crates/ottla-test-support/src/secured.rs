//! [`Secured`]: the Kafka of the security tests, and clients for it.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::executor::block_on;
use ottla::{Delivery, Error, Producer, ProducerConfig, ProducerRecord, RecordMetadata, config::Format, testing::NewTopic};

use crate::{broker::patient_topics, own_kafka::OwnKafka};

/// Names and values of settings.
pub type Settings = Vec<(&'static str, String)>;

/// Strings that no error, table or log line may show.
pub const SECRETS: [&str; 5] = ["alice-secret", "mallory-secret", "rotating-secret", "key-secret", "wrong-secret"];

pub struct Secured {
    kafka: OwnKafka,
    listeners: HashMap<String, String>,
    topics: AtomicU32,
}

impl Secured {
    pub fn start() -> Self {
        let kafka = OwnKafka::start(&["--secure"]);
        let listeners = fs::read_to_string(kafka.secure_file("listeners.properties")).unwrap();
        let listeners = listeners.lines().map(|line| line.split_once('=').unwrap());
        let listeners = listeners.map(|(name, address)| (name.to_owned(), address.to_owned())).collect();
        Self { kafka, listeners, topics: AtomicU32::new(0) }
    }

    pub fn kafka(&self) -> &OwnKafka {
        &self.kafka
    }

    /// A listener's address.
    pub fn address(&self, listener: &str) -> &str {
        &self.listeners[listener]
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.kafka.secure_file(name)
    }

    /// The PEM texts of a file.
    pub fn pem(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Settings for a listener, with its CA if it uses TLS.
    pub fn settings(&self, listener: &str, more: Settings) -> Settings {
        let protocol = match listener {
            "SASL_PLAINTEXT" | "REAUTH" => "SASL_PLAINTEXT",
            "SASL_SSL" => "SASL_SSL",
            _ => "SSL",
        };
        let mut settings =
            vec![("bootstrap.servers", self.address(listener).to_owned()), ("security.protocol", protocol.to_owned())];
        if protocol.ends_with("SSL") && !more.iter().any(|(name, _)| name.starts_with("ssl.truststore")) {
            settings.push(("ssl.truststore.type", "PEM".to_owned()));
            settings.push(("ssl.truststore.location", self.file("ca.pem").to_str().unwrap().to_owned()));
        }
        settings.extend(more);
        settings
    }

    pub fn config(&self, listener: &str, more: Settings) -> ProducerConfig {
        ProducerConfig::from_pairs(self.settings(listener, more)).unwrap()
    }

    /// The same settings, through a TOML file.
    pub fn config_in_toml(&self, listener: &str, more: Settings) -> ProducerConfig {
        let settings = self.settings(listener, more);
        let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name} = '''{value}'''")).collect();
        ProducerConfig::from_str(&format!("[producer]\n{}\n", lines.join("\n")), Format::Toml).unwrap()
    }

    /// Creates a new topic for a case.
    pub fn topic(&self) -> String {
        let topic = format!("secure-{}", self.topics.fetch_add(1, Ordering::Relaxed));
        patient_topics(self.kafka.bootstrap_servers()).create(NewTopic::new(&topic).partitions(1).replication_factor(1)).unwrap();
        topic
    }
}

pub fn producer(config: ProducerConfig) -> Producer<str, str> {
    Producer::builder(config).drop_timeout(Duration::ZERO).build().unwrap()
}

/// Sends a record without waiting for its report.
pub fn send(producer: &Producer<str, str>, topic: &str, value: impl Into<String>) -> Delivery {
    block_on(producer.send(ProducerRecord::to(topic).value(value.into()))).unwrap()
}

/// Sends a record and waits for its report.
pub fn deliver(producer: &Producer<str, str>, topic: &str, value: &str) -> Result<RecordMetadata, Error> {
    block_on(send(producer, topic, value))
}

/// A mechanism with user name and password.
pub fn login(mechanism: &str, name: &str, password: &str) -> Settings {
    let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
    let jaas = format!("org.apache.kafka.common.security.{module} required username=\"{name}\" password=\"{password}\";");
    vec![("sasl.mechanism", mechanism.to_owned()), ("sasl.jaas.config", jaas)]
}

/// A client's key and certificate, as a file.
pub fn certificate(secured: &Secured, file: &str) -> Settings {
    let file = secured.file(file).to_str().unwrap().to_owned();
    vec![("ssl.keystore.type", "PEM".to_owned()), ("ssl.keystore.location", file)]
}

/// An unsigned token that expires in this many seconds, which may be negative.
pub fn unsecured_token(subject: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = serde_json::json!({"sub": subject, "iat": now - 600, "exp": now + seconds});
    format!("{}.{}.", part(serde_json::json!({"alg": "none"})), part(claims))
}
