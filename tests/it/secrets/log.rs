//! The log at the most verbose level of librdkafka and the HTTP client, while every login is rejected.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ottla::{
    Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord,
    serialize::registry::{SchemaRegistry, SchemaRegistryConfig},
    testing::EmbeddedRegistry,
};
use tracing_subscriber::fmt::MakeWriter;

use super::{EchoingBroker, LOGIN, Seen, jaas};
use crate::own_process::alone;

/// All lines logged through `tracing` and `log`.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits until the log contains this text.
    #[track_caller]
    fn wait_for(&self, what: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.text().contains(what) {
            assert!(Instant::now() < end, "{what:?} is not in the log:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(self.clone(), "log: {} {}: {}", record.level(), record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

#[test]
fn no_secret_in_the_log() {
    // The log is global to the process.
    alone("secrets::log::no_secret_in_the_log", || {
        let lines = Lines::default();
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(lines.clone()).init();
        log::set_boxed_logger(Box::new(lines.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        let mut seen = Seen::default();

        let broker = EchoingBroker::start();
        let common = [
            ("bootstrap.servers", broker.address()),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", &jaas("hunter2-jaas")),
            ("request.timeout.ms", "1000"),
            ("librdkafka.debug", "all"),
            ("librdkafka.log_level", "7"),
        ];
        let config =
            ProducerConfig::from_pairs(common.into_iter().chain([("delivery.timeout.ms", "2000"), ("max.block.ms", "2000")]));
        let producer: Producer<str, str> = Producer::builder(config.unwrap()).build().unwrap();
        let delivery = producer.blocking().send(ProducerRecord::to("orders").value("paid")).unwrap();
        seen.error(&delivery.wait().unwrap_err());
        seen.result(futures::executor::block_on(producer.partitions_for("orders")));
        seen.debug(&producer);
        seen.result(producer.blocking().close(Duration::ZERO));

        let group = common.into_iter().chain([("group.id", "g"), ("default.api.timeout.ms", "2000")]);
        let consumer: Consumer<String, String> = Consumer::builder(ConsumerConfig::from_pairs(group).unwrap()).build().unwrap();
        seen.result(consumer.blocking().subscribe(&["orders"]));
        for record in consumer.blocking().poll(Duration::from_secs(2)) {
            seen.result(record);
        }
        seen.result(consumer.blocking().committed([("orders", 0)]));
        drop(consumer);

        // librdkafka's error message quotes what it does not understand of this setting.
        let unsecured = ProducerConfig::from_pairs([
            ("bootstrap.servers", broker.address()),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("librdkafka.enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("librdkafka.sasl.oauthbearer.config", "principal=admin hunter2=odd also=hunter2"),
            ("librdkafka.debug", "all"),
        ]);
        let producer: Producer<str, str> = Producer::builder(unsecured.unwrap()).build().unwrap();
        lines.wait_for("Unrecognized sasl.oauthbearer.config");
        drop(producer);

        registry(&mut seen);
        let text = lines.text();
        // The log has librdkafka's debug lines, the broker's message without the secrets it quoted, and the HTTP client's trace.
        for wanted in ["DEBUG ottla::librdkafka", "SASL", "no access with alice", "log: TRACE ureq"] {
            assert!(text.contains(wanted), "{wanted:?} is not in the log:\n{text}");
        }
        seen.text("log", text);
        seen.search(&["log", "error", "panic", "Debug"]);
    });
}

fn registry(seen: &mut Seen) {
    let embedded = EmbeddedRegistry::start().unwrap();
    embedded.require_token("another");
    for pairs in [
        [("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", LOGIN)],
        [("bearer.auth.credentials.source", "STATIC_TOKEN"), ("bearer.auth.token", "hunter2-token")],
    ] {
        let pairs = pairs.into_iter().chain([("schema.registry.url", embedded.url()), ("max.retries", "0")]);
        let registry = SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(pairs).unwrap()).unwrap();
        seen.error(&registry.latest("orders-value").wait().unwrap_err());
    }
}
