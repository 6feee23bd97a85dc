//! The log at the most verbose level of librdkafka, while every login is rejected.

use std::time::Duration;

use ottla::{Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord};
use ottla_test_support::lines::Lines;

use super::{EchoingBroker, Seen, jaas};
use crate::own_process::alone;

#[test]
fn no_secret_in_the_log() {
    // The log is global to the process.
    alone("secrets::log::no_secret_in_the_log", || {
        let lines = Lines::start();
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
        seen.result(consumer.blocking().subscribe(["orders"]));
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

        let text = lines.text();
        // librdkafka's debug lines, and the broker's message without the secret.
        for wanted in ["DEBUG ottla::librdkafka", "SASL", "no access with alice"] {
            assert!(text.contains(wanted), "{wanted:?} is not in the log:\n{text}");
        }
        seen.text("log", text);
        seen.search(&["log", "error", "panic", "Debug"]);
    });
}
