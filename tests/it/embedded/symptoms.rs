//! The errors of `docs/troubleshooting.md`: each is caused here, and compared with the page.

use std::{collections::BTreeMap, fs, time::Duration};

use futures::executor::block_on;
use ottla::{
    Error, Producer, ProducerConfig, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};
use ottla_test_support::{chain, echoing_broker::EchoingBroker, repository, table::matches};

use super::{ends, kafka, producer};

const JAAS: &str =
    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"orders\" password=\"wrong-secret\";";
/// Short timeouts, so that the errors come soon.
const BRIEF: [(&str, &str); 3] = [("delivery.timeout.ms", "1500"), ("request.timeout.ms", "1000"), ("max.block.ms", "500")];

/// Each heading of the page that has an error, and the error.
fn symptoms() -> BTreeMap<&'static str, Error> {
    BTreeMap::from([
        ("flush hangs", flush_hangs()),
        ("Local: Queue full", buffer_full()),
        ("Failed to allocate memory within max.block.ms", buffer_timeout()),
        ("Local: Message timed out", without_a_broker(&BRIEF)),
        ("Local: Broker transport failure", transport_failure()),
        ("SSL handshake failed", without_a_broker(&[&BRIEF[..], &[("security.protocol", "SSL")]].concat())),
        ("SASL authentication fails and the client retries forever", refused_login()),
        ("No provider for SASL mechanism GSSAPI", kerberos()),
        ("Broker: Topic authorization failed", answered(&[], BrokerError::TOPIC_AUTHORIZATION_FAILED, 1)),
        ("Broker: Unknown topic or partition", missing_topic()),
        ("The message is larger than max.request.size", too_large()),
        ("Broker: Message size too large, for small records", answered(&[], BrokerError::MESSAGE_TOO_LARGE, 3)),
        ("Broker: Not enough in-sync replicas", few_replicas()),
        ("The producer is fenced: INVALID_PRODUCER_EPOCH", fenced()),
        ("Broker: Out of order sequence number", out_of_order()),
        ("Records are lost when the program ends", given_up()),
    ])
}

fn record() -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value("paid")
}

fn send(producer: &Producer<str, str>) -> Error {
    block_on(async { producer.send(record()).await?.await }).unwrap_err()
}

/// A producer that knows the topic, and whose broker has gone.
fn after_the_broker(settings: &[(&str, &str)]) -> (EmbeddedKafka, Producer<str, str>) {
    let kafka = kafka(1);
    let producer = producer(&kafka, settings);
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    (kafka, producer)
}

fn close_now(producer: Producer<str, str>) {
    drop(block_on(producer.close(Duration::ZERO)));
}

fn flush_hangs() -> Error {
    let (_kafka, producer) = after_the_broker(&[]);
    drop(producer.try_send(record()).unwrap());
    let error = producer.blocking().flush_timeout(Duration::from_millis(50)).unwrap_err();
    close_now(producer);
    error
}

/// A producer whose buffer is full until the broker returns.
fn full(settings: &[(&str, &str)]) -> (EmbeddedKafka, Producer<str, str>) {
    let (kafka, producer) = after_the_broker(&[&[("buffer.memory", "4000")], settings].concat());
    while producer.try_send(record()).is_ok() {}
    (kafka, producer)
}

fn buffer_full() -> Error {
    let (_kafka, producer) = full(&[]);
    let error = producer.try_send(record()).unwrap_err().error().clone();
    close_now(producer);
    error
}

fn buffer_timeout() -> Error {
    let (_kafka, producer) = full(&[("max.block.ms", "200")]);
    let error = send(&producer);
    close_now(producer);
    error
}

fn without_a_broker(settings: &[(&str, &str)]) -> Error {
    let kafka = kafka(1);
    if !settings.iter().any(|(name, _)| *name == "security.protocol") {
        kafka.broker_down(1).unwrap();
    }
    send(&producer(&kafka, settings))
}

fn transport_failure() -> Error {
    let kafka = kafka(1);
    kafka.broker_down(1).unwrap();
    block_on(producer(&kafka, &[("max.block.ms", "500")]).partitions_for("orders")).unwrap_err()
}

fn refused_login() -> Error {
    let broker = EchoingBroker::start();
    let settings = [
        ("bootstrap.servers", broker.address()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", JAAS),
        ("request.timeout.ms", "1000"),
    ];
    send(&Producer::builder(ProducerConfig::from_pairs(settings).unwrap()).build().unwrap())
}

fn kerberos() -> Error {
    let settings = [("bootstrap.servers", "localhost:9092"), ("security.protocol", "SASL_SSL"), ("sasl.mechanism", "GSSAPI")];
    let config = ProducerConfig::from_pairs(settings).unwrap();
    Producer::<str, str>::builder(config).build().map(drop).unwrap_err()
}

/// The error of records of one batch that the broker answers with this code.
fn answered(settings: &[(&str, &str)], code: BrokerError, records: usize) -> Error {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[settings, &[("linger.ms", "60000")]].concat());
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.fail_next(ApiKey::Produce, &[code]).unwrap();
    let deliveries: Vec<_> = (0..records).map(|_| producer.try_send(record()).unwrap()).collect();
    block_on(producer.flush()).unwrap();
    deliveries.into_iter().map(|delivery| block_on(delivery).unwrap_err()).next().unwrap()
}

fn missing_topic() -> Error {
    let kafka = kafka(1);
    kafka.set_topic_error("orders", BrokerError::UNKNOWN_TOPIC_OR_PARTITION).unwrap();
    send(&producer(&kafka, &[("librdkafka.topic.metadata.propagation.max.ms", "0"), ("max.block.ms", "500")]))
}

fn too_large() -> Error {
    let kafka = kafka(1);
    let value = "x".repeat(2_000_000);
    block_on(producer(&kafka, &[]).send(ProducerRecord::to("orders").value(&*value))).unwrap_err()
}

fn few_replicas() -> Error {
    answered(&[("retries", "0"), ("enable.idempotence", "false")], BrokerError::NOT_ENOUGH_REPLICAS, 1)
}

fn fenced() -> Error {
    let kafka = kafka(1);
    let producer = producer(&kafka, &[("transactional.id", "tx")]);
    block_on(producer.init_transactions()).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    block_on(async { transaction.send(record()).await.unwrap().await.unwrap() });
    kafka.fail_next(ApiKey::EndTxn, &[BrokerError::PRODUCER_FENCED]).unwrap();
    block_on(transaction.commit()).unwrap_err()
}

fn out_of_order() -> Error {
    answered(&[], BrokerError::OUT_OF_ORDER_SEQUENCE_NUMBER, 1)
}

fn given_up() -> Error {
    let (_kafka, producer) = after_the_broker(&[]);
    let delivery = producer.try_send(record()).unwrap();
    close_now(producer);
    block_on(delivery).unwrap_err()
}

#[test]
fn errors_equal_the_troubleshooting_page() {
    ends(|| {
        let page = fs::read_to_string(repository("docs/troubleshooting.md")).unwrap();
        let documented: BTreeMap<String, (&str, &str)> = page
            .split("\n## ")
            .skip(1)
            .filter_map(|section| {
                let (_, error) = section.split_once("\n- **Error:** ")?;
                let (text, rest) = error.split_once("`, kind `")?;
                Some((section.lines().next()?.replace('`', ""), (text.trim_matches('`'), rest.split_once('`')?.0)))
            })
            .collect();
        let symptoms = symptoms();
        assert_eq!(documented.keys().collect::<Vec<_>>(), symptoms.keys().collect::<Vec<_>>());
        let mut wrong = Vec::new();
        for (symptom, error) in symptoms {
            let (text, kind) = (chain(&error), error.kind().name());
            match documented.get(symptom) {
                Some((pattern, named)) if matches(pattern, &text) && *named == kind => {}
                found => wrong.push(format!("{symptom}\n  has the error `{text}`, kind `{kind}`\n  but the page has {found:?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
