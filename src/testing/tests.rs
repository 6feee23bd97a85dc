//! Tests of the embedded brokers with clients of the crate `rdkafka`.

use std::{
    collections::BTreeSet,
    sync::Mutex,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Timestamp},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};

use super::*;

/// A timeout that only a broken test reaches.
const PATIENCE: Duration = Duration::from_secs(60);

/// A report: the partition, and the offset or the error code.
type Report = (i32, Result<i64, Option<RDKafkaErrorCode>>);

#[derive(Default)]
struct Reports {
    all: Mutex<Vec<Report>>,
    timestamps: Mutex<Vec<Timestamp>>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let report = match result {
            Ok(message) => {
                self.timestamps.lock().unwrap().push(message.timestamp());
                (message.partition(), Ok(message.offset()))
            }
            Err((error, message)) => (message.partition(), Err(KafkaError::rdkafka_error_code(error))),
        };
        self.all.lock().unwrap().push(report);
    }
}

fn client(kafka: &EmbeddedKafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers());
    config
}

fn producer(kafka: &EmbeddedKafka) -> BaseProducer<Reports> {
    client(kafka)
        .set("linger.ms", "0")
        .set("enable.idempotence", "true")
        .set("retry.backoff.ms", "1")
        .set("reconnect.backoff.ms", "1")
        .set("reconnect.backoff.max.ms", "10")
        .create_with_context(Reports::default())
        .unwrap()
}

fn send(producer: &BaseProducer<Reports>, topic: &str, partition: i32, payload: &[u8]) {
    producer.send(BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(payload)).map_err(|(error, _)| error).unwrap();
}

/// Polls the producer until `enough` returns true for the reports so far, and returns them.
fn serve_until(producer: &BaseProducer<Reports>, enough: impl Fn(&[Report]) -> bool) -> Vec<Report> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        producer.poll(Duration::from_millis(10));
        let reports = producer.context().all.lock().unwrap().clone();
        if enough(&reports) {
            return reports;
        }
        assert!(Instant::now() < deadline, "timeout; reports so far: {reports:?}");
    }
}

fn deliver(producer: &BaseProducer<Reports>, topic: &str, partition: i32, payload: &[u8]) -> Report {
    let before = producer.context().all.lock().unwrap().len();
    send(producer, topic, partition, payload);
    serve_until(producer, |reports| reports.len() > before)[before]
}

fn leader(kafka: &EmbeddedKafka, topic: &str, partition: usize) -> i32 {
    let consumer: BaseConsumer = client(kafka).create().unwrap();
    consumer.fetch_metadata(Some(topic), PATIENCE).unwrap().topics()[0].partitions()[partition].leader()
}

fn produce_brokers(requests: &[Request]) -> Vec<i32> {
    requests.iter().filter(|request| request.api_key() == ApiKey::Produce).map(Request::broker).collect()
}

#[test]
fn topics_and_brokers_are_in_the_metadata() {
    let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", 6).topic("refunds", 1).start().unwrap();
    kafka.create_topic("later", 2, 1).unwrap();
    let consumer: BaseConsumer = client(&kafka).create().unwrap();
    let metadata = consumer.fetch_metadata(None, PATIENCE).unwrap();

    let brokers: BTreeSet<i32> = metadata.brokers().iter().map(|broker| broker.id()).collect();
    assert_eq!(brokers, kafka.brokers().collect());
    let addresses: Vec<String> = metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect();
    for address in kafka.bootstrap_servers().split(',') {
        assert!(addresses.iter().any(|known| known == address), "{address} is not among {addresses:?}");
    }
    let topics: BTreeSet<(&str, usize, usize)> = metadata
        .topics()
        .iter()
        .map(|topic| (topic.name(), topic.partitions().len(), topic.partitions()[0].replicas().len()))
        .collect();
    assert_eq!(topics, BTreeSet::from([("orders", 6, 3), ("refunds", 1, 3), ("later", 2, 1)]));
}

#[test]
fn injected_errors_are_retried() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_ENOUGH_REPLICAS, BrokerError::DISCONNECT]).unwrap();
    kafka.track_requests();
    let producer = producer(&kafka);

    assert_eq!(deliver(&producer, "orders", 0, b"paid"), (0, Ok(0)));
    let requests = kafka.stop_tracking();
    assert_eq!(produce_brokers(&requests), [1, 1, 1], "two failures, one success");
    assert!(requests.windows(2).all(|pair| pair[0].timestamp() <= pair[1].timestamp()));
    assert!(requests.iter().any(|request| request.api_key() == ApiKey::Metadata));
    assert_eq!(kafka.requests(), [], "cleared when tracking stops");
}

#[test]
fn permanent_errors_reach_the_report() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::NONE, BrokerError::MESSAGE_TOO_LARGE]).unwrap();
    assert_eq!(deliver(&producer, "orders", 0, b"1"), (0, Ok(0)));
    assert_eq!(deliver(&producer, "orders", 0, b"2"), (0, Err(Some(RDKafkaErrorCode::MessageSizeTooLarge))));
}

#[test]
fn clear_failures_removes_errors() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    kafka.fail_next(ApiKey::Produce, &[BrokerError::MESSAGE_TOO_LARGE; 5]).unwrap();
    assert_eq!(deliver(&producer, "orders", 0, b"1").1, Err(Some(RDKafkaErrorCode::MessageSizeTooLarge)));
    kafka.clear_failures(ApiKey::Produce);
    assert_eq!(deliver(&producer, "orders", 0, b"2"), (0, Ok(0)));
}

#[test]
fn fail_next_on_does_not_use_the_cluster_list() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    let refusal = (BrokerError::MESSAGE_TOO_LARGE, Duration::ZERO);
    kafka.fail_next_on(1, ApiKey::Produce, &[refusal, (BrokerError::NONE, Duration::from_micros(1)), refusal]).unwrap();
    assert_eq!(kafka.failures_left_on(1, ApiKey::Produce).unwrap(), 3);
    assert_eq!(kafka.failures_left_on(1, ApiKey::Fetch).unwrap(), 0);
    let refused = (0, Err(Some(RDKafkaErrorCode::MessageSizeTooLarge)));
    assert_eq!(deliver(&producer, "orders", 0, b"1"), refused);
    assert_eq!(deliver(&producer, "orders", 0, b"2"), (0, Ok(0)));
    assert_eq!(kafka.failures_left_on(1, ApiKey::Produce).unwrap(), 1);
    let error = kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_ENOUGH_REPLICAS]).unwrap_err();
    assert!(error.to_string().starts_with("fail_next_on was called for Produce on broker 1"), "{error}");
    kafka.fail_next(ApiKey::Fetch, &[BrokerError::NOT_LEADER_OR_FOLLOWER]).unwrap();
}

#[test]
fn broker_down_refuses_connections_until_broker_up() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    assert_eq!(deliver(&producer, "orders", 0, b"1"), (0, Ok(0)));
    let address = kafka.bootstrap_servers().to_owned();

    kafka.broker_down(1).unwrap();
    kafka.broker_down(1).unwrap();
    assert!(std::net::TcpStream::connect(&address).is_err(), "a broker that is down accepts a connection");
    kafka.track_requests();
    send(&producer, "orders", 0, b"2");
    for _ in 0..20 {
        producer.poll(Duration::from_millis(5));
    }
    assert_eq!(producer.context().all.lock().unwrap().len(), 1, "a broker that is down answered");

    kafka.broker_up(1).unwrap();
    assert_eq!(serve_until(&producer, |reports| reports.len() == 2)[1], (0, Ok(1)));
    assert_eq!(produce_brokers(&kafka.requests()), [1]);
}

#[test]
fn set_round_trip_time_delays_responses() {
    let kafka = EmbeddedKafka::builder().brokers(2).topic("orders", 2).start().unwrap();
    kafka.set_leader("orders", 0, Some(1)).unwrap();
    kafka.set_leader("orders", 1, Some(2)).unwrap();
    let producer = producer(&kafka);
    for partition in 0..2 {
        assert_eq!(deliver(&producer, "orders", partition, b"both connections are open"), (partition, Ok(0)));
    }

    kafka.set_round_trip_time(1, Duration::from_millis(700)).unwrap();
    kafka.track_requests();
    send(&producer, "orders", 0, b"slow");
    let deadline = Instant::now() + PATIENCE;
    while produce_brokers(&kafka.requests()) != [1] {
        assert!(Instant::now() < deadline, "broker 1 got no request");
        producer.poll(Duration::from_millis(1));
    }
    send(&producer, "orders", 1, b"fast");
    let reports = serve_until(&producer, |reports| reports.len() == 4);
    assert_eq!(produce_brokers(&kafka.requests()), [1, 2], "requests arrive in the order of sending");
    assert_eq!(reports[2..], [(1, Ok(1)), (0, Ok(1))], "responses arrive in the order of the round-trip times");
}

#[test]
fn set_leader_moves_a_partition() {
    let kafka = EmbeddedKafka::builder().brokers(2).topic("orders", 1).start().unwrap();
    kafka.set_leader("orders", 0, Some(1)).unwrap();
    let producer = producer(&kafka);
    kafka.track_requests();
    assert_eq!(deliver(&producer, "orders", 0, b"1"), (0, Ok(0)));
    assert_eq!(leader(&kafka, "orders", 0), 1);

    kafka.set_leader("orders", 0, Some(2)).unwrap();
    assert_eq!(deliver(&producer, "orders", 0, b"2"), (0, Ok(1)));
    assert_eq!(leader(&kafka, "orders", 0), 2);
    let brokers = produce_brokers(&kafka.requests());
    assert_eq!(brokers.first(), Some(&1));
    assert_eq!(brokers.last(), Some(&2));
}

/// A regression test: librdkafka's mock would read the leader's address through a null pointer here if it offered KIP-951.
#[test]
fn partition_without_a_leader_recovers() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    let consumer: BaseConsumer = client(&kafka).set("group.id", "readers").set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&["orders"]).unwrap();
    assert_eq!(deliver(&producer, "orders", 0, b"1"), (0, Ok(0)));
    assert_eq!(next(&consumer), b"1");

    kafka.set_leader("orders", 0, None).unwrap();
    kafka.track_requests();
    send(&producer, "orders", 0, b"2");
    let deadline = Instant::now() + PATIENCE;
    while !kafka.requests().iter().any(|request| request.api_key() == ApiKey::Produce) {
        assert!(Instant::now() < deadline, "the old leader got no request");
        assert!(consumer.poll(Duration::from_millis(1)).is_none());
    }
    assert_eq!(leader(&kafka, "orders", 0), -1);
    producer.poll(Duration::ZERO);
    assert_eq!(producer.context().all.lock().unwrap().len(), 1, "the record was accepted without a leader");

    kafka.set_leader("orders", 0, Some(1)).unwrap();
    assert_eq!(serve_until(&producer, |reports| reports.len() == 2)[1], (0, Ok(1)));
    assert_eq!(next(&consumer), b"2");
}

fn next(consumer: &BaseConsumer) -> Vec<u8> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
            return message.payload().unwrap().to_vec();
        }
        assert!(Instant::now() < deadline, "nothing to read");
    }
}

#[test]
fn set_topic_error_changes_the_metadata() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    kafka.set_topic_error("orders", BrokerError::TOPIC_AUTHORIZATION_FAILED).unwrap();
    let producer = producer(&kafka);
    // librdkafka refuses the record at once if it already has the metadata.
    let record = BaseRecord::<(), [u8]>::to("orders").partition(0).payload(b"1");
    let refused = match producer.send(record) {
        Ok(()) => serve_until(&producer, |reports| !reports.is_empty())[0].1,
        Err((error, _)) => Err(error.rdkafka_error_code()),
    };
    assert_eq!(refused, Err(Some(RDKafkaErrorCode::TopicAuthorizationFailed)));
    kafka.set_topic_error("orders", BrokerError::NONE).unwrap();
    assert_eq!(leader(&kafka, "orders", 0), 1);
}

#[test]
fn set_coordinator_sets_the_broker() {
    let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", 1).start().unwrap();
    let mut members = Vec::new();
    for broker in kafka.brokers() {
        let (group, id) = (format!("group-{broker}"), format!("transaction-{broker}"));
        kafka.set_coordinator(Coordinator::Group(&group), Some(broker)).unwrap();
        kafka.set_coordinator(Coordinator::Transaction(&id), Some(broker)).unwrap();
        kafka.track_requests();

        let producer: BaseProducer = client(&kafka).set("transactional.id", &id).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        let initialized = kafka.requests().into_iter().find(|request| request.api_key() == ApiKey::InitProducerId).unwrap();
        assert_eq!(initialized.broker(), broker);

        let consumer: BaseConsumer = client(&kafka).set("group.id", &group).create().unwrap();
        consumer.subscribe(&["orders"]).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let joined = loop {
            assert!(consumer.poll(Duration::from_millis(10)).is_none());
            if let Some(joined) = kafka.requests().into_iter().find(|request| request.api_key() == ApiKey::JoinGroup) {
                break joined;
            }
            assert!(Instant::now() < deadline, "no JoinGroup request for {group}");
        };
        assert_eq!(joined.broker(), broker);
        members.push(consumer);
    }
}

/// The documented behaviour after a lost acknowledgement: duplicates, and the fixed timestamp.
#[test]
fn lost_acknowledgement_duplicates_the_record() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    kafka.fail_next_on(1, ApiKey::Produce, &[(BrokerError::NONE, Duration::from_secs(3600))]).unwrap();
    kafka.track_requests();
    send(&producer, "orders", 0, b"paid");
    let deadline = Instant::now() + PATIENCE;
    while produce_brokers(&kafka.requests()).is_empty() {
        assert!(Instant::now() < deadline, "no produce request");
        producer.poll(Duration::from_millis(1));
    }
    kafka.broker_down(1).unwrap();
    kafka.broker_up(1).unwrap();
    assert_eq!(serve_until(&producer, |reports| !reports.is_empty()), [(0, Ok(1))]);
    assert_eq!(*producer.context().timestamps.lock().unwrap(), [Timestamp::LogAppendTime(1234)]);
    let consumer: BaseConsumer = client(&kafka).create().unwrap();
    assert_eq!(consumer.fetch_watermarks("orders", 0, PATIENCE).unwrap(), (0, 2));
}

#[test]
fn partition_keeps_the_last_five_mebibytes() {
    let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
    let producer = producer(&kafka);
    for offset in 0..8 {
        assert_eq!(deliver(&producer, "orders", 0, &vec![b'x'; 900_000]), (0, Ok(offset)));
    }
    let consumer: BaseConsumer = client(&kafka).create().unwrap();
    let (low, high) = consumer.fetch_watermarks("orders", 0, PATIENCE).unwrap();
    assert_eq!(high, 8);
    assert_eq!(low, 3, "five of these batches fit into 5 MiB");
}

#[test]
fn requested_topic_has_four_partitions() {
    let kafka = EmbeddedKafka::start(1).unwrap();
    let producer: BaseProducer = client(&kafka).set("allow.auto.create.topics", "true").create().unwrap();
    let metadata = producer.client().fetch_metadata(Some("orders"), PATIENCE).unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 4);
}

#[test]
fn invalid_arguments_fail_with_a_reason() {
    let kafka = EmbeddedKafka::builder().brokers(2).topic("orders", 2).start().unwrap();
    let long = "x".repeat(250);
    let too_long = Duration::from_secs(u64::MAX);
    let refusals: Vec<(crate::Result<()>, &str)> = vec![
        (EmbeddedKafka::start(0).map(drop), "0 brokers: must be 1 to 100"),
        (EmbeddedKafka::start(usize::MAX).map(drop), "brokers: must be 1 to 100"),
        (EmbeddedKafka::builder().topic("", 1).start().map(drop), "topic \"\""),
        (EmbeddedKafka::builder().group_rebalance_delay(too_long).start().map(drop), "group rebalance delay of"),
        (kafka.create_topic("orders", 1, 1), "cannot create topic orders: Broker: Topic already exists"),
        (kafka.create_topic("..", 1, 1), "topic \"..\""),
        (kafka.create_topic("a b", 1, 1), "topic \"a b\""),
        (kafka.create_topic("a\0b", 1, 1), "topic \"a\\0b\""),
        (kafka.create_topic(&long, 1, 1), "1 to 249"),
        (kafka.create_topic("none", 0, 1), "topic none with 0 partitions"),
        (kafka.create_topic("negative", -1, 1), "topic negative with -1 partitions"),
        (kafka.create_topic("many", i32::MAX, 1), "with 2147483647 partitions"),
        (kafka.create_topic("copies", 1, 3), "topic copies with 3 replicas: must be 1 to 2"),
        (kafka.create_topic("copies", 1, 0), "topic copies with 0 replicas"),
        (kafka.set_leader("orders", 2, Some(1)), "cannot set the leader of partition 2 of topic orders: Broker: Unknown topic"),
        (kafka.set_leader("orders", -1, Some(1)), "partition -1 of topic orders"),
        (kafka.set_leader("orders", i32::MAX, Some(1)), "partition 2147483647 of topic orders"),
        (kafka.set_leader("orders", 0, Some(3)), "broker 3: must be 1 to 2"),
        (kafka.set_topic_error("a/b", BrokerError::NONE), "topic \"a/b\""),
        (kafka.broker_down(-1), "broker -1"),
        (kafka.broker_up(0), "broker 0"),
        (kafka.set_round_trip_time(7, Duration::ZERO), "broker 7"),
        (kafka.set_round_trip_time(1, too_long), "round-trip time of"),
        (kafka.fail_next(ApiKey::Metadata, &[BrokerError::NONE]), "use set_topic_error or broker_down"),
        (kafka.fail_next(ApiKey::Other(19), &[]), "API 19: not supported by the embedded brokers"),
        (kafka.fail_next_on(3, ApiKey::Produce, &[]), "broker 3"),
        (kafka.fail_next_on(1, ApiKey::Produce, &[(BrokerError::NONE, too_long)]), "delay of"),
        (kafka.limit_version(ApiKey::Produce, Some(10)), "Produce version 10: must be 0 to 9"),
        (kafka.limit_version(ApiKey::Metadata, Some(-1)), "Metadata version -1: must be 0 to 12"),
        (kafka.limit_version(ApiKey::PushTelemetry, Some(0)), "it can only be removed"),
        (kafka.limit_version(ApiKey::Other(30_000), None), "cannot set the version of API 30000"),
        (kafka.failures_left_on(9, ApiKey::Produce).map(drop), "broker 9"),
        (kafka.set_coordinator(Coordinator::Group("a\0b"), Some(1)), "Group(\"a\\0b\") must not contain a NUL"),
        (kafka.set_coordinator(Coordinator::Transaction("t"), Some(3)), "broker 3"),
    ];
    for (result, reason) in refusals {
        let error = result.expect_err(reason);
        assert_eq!(error.kind(), crate::ErrorKind::EmbeddedKafka);
        assert!(error.to_string().contains(reason), "{error} does not say {reason:?}");
    }
    kafka.create_topic(&long[1..], 1, 2).unwrap();
}

#[test]
fn embedded_kafka_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<EmbeddedKafka>();
    let kafka = EmbeddedKafka::start(2).unwrap();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let kafka = &kafka;
            threads.spawn(move || {
                for round in 0..50 {
                    kafka.create_topic(&format!("topic-{thread}-{round}"), 3, 2).unwrap();
                    kafka.fail_next(ApiKey::Fetch, &[BrokerError::NONE]).unwrap();
                    kafka.track_requests();
                    assert_eq!(kafka.requests(), []);
                }
            });
        }
    });
    let consumer: BaseConsumer = client(&kafka).create().unwrap();
    assert_eq!(consumer.fetch_metadata(None, PATIENCE).unwrap().topics().len(), 200);
}

#[test]
fn api_keys_and_errors_have_kafka_codes() {
    for code in -1..100 {
        assert_eq!(ApiKey::from(code).code(), code);
        assert_eq!(BrokerError::from(code).code(), code);
    }
    assert_eq!(ApiKey::from(22), ApiKey::InitProducerId);
    assert_eq!(ApiKey::from(37), ApiKey::Other(37));
    assert_eq!(format!("{} {}", ApiKey::EndTxn, ApiKey::Other(37)), "EndTxn API 37");
    assert_eq!(BrokerError::from(120), BrokerError::TRANSACTION_ABORTABLE);
    assert_eq!(format!("{:?}", BrokerError::CORRUPT_MESSAGE), "CORRUPT_MESSAGE (2)");
}
