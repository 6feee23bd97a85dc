//! The broker of the examples: the Kafka at `KAFKA_BOOTSTRAP_SERVERS`, or a broker inside the process.

use ottla::{ProducerConfig, testing::EmbeddedKafka};

/// The broker of an example. Dropping this stops the embedded one.
#[derive(Debug)]
pub(crate) struct Broker {
    bootstrap_servers: String,
    _embedded: Option<EmbeddedKafka>,
}

impl Broker {
    /// Uses the Kafka that the variable names, which has the topic or creates it on demand; otherwise starts a broker that has it.
    pub(crate) fn connect(topic: &str) -> ottla::Result<Self> {
        if let Ok(bootstrap_servers) = std::env::var("KAFKA_BOOTSTRAP_SERVERS") {
            return Ok(Self { bootstrap_servers, _embedded: None });
        }
        let embedded = EmbeddedKafka::builder().topic(topic, 3).start()?;
        Ok(Self { bootstrap_servers: embedded.bootstrap_servers().to_owned(), _embedded: Some(embedded) })
    }

    /// Adds the brokers' addresses to the settings.
    pub(crate) fn configure(&self, config: ProducerConfig) -> ottla::Result<ProducerConfig> {
        Ok(config.set("bootstrap.servers", &self.bootstrap_servers)?)
    }
}
