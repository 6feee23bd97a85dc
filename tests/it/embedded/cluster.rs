//! Cluster metadata.

use std::{thread, time::Duration};

use futures::executor::block_on;
use ottla::{
    ErrorKind,
    producer::NewTopic,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};

use super::{ends, kafka, producer};

#[test]
fn cluster_returns_the_brokers() {
    let kafka = EmbeddedKafka::builder().brokers(3).start().unwrap();
    let producer = producer(&kafka, &[]);
    let cluster = block_on(producer.cluster()).unwrap();
    let addresses: Vec<_> = cluster.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect();
    assert_eq!(addresses.join(","), kafka.bootstrap_servers());
    assert_eq!(cluster.brokers().iter().map(|broker| broker.id()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(cluster.controller(), None, "the embedded cluster has no controller");
    assert!(cluster.id().is_some_and(|id| !id.is_empty()), "{cluster:?}");
    assert_eq!(cluster, block_on(producer.cluster()).unwrap(), "asked twice");
}

/// A broker reports a new topic before it has opened its partitions, and would reject the first records.
#[test]
fn partitions_of_a_new_topic_are_returned_when_their_leaders_have_opened_them() {
    ends(|| {
        let kafka = kafka(3);
        let counts = |api| move |kafka: &EmbeddedKafka| kafka.requests().iter().filter(|it| it.api_key() == api).count();
        let (metadata_requests, probes) = (counts(ApiKey::Metadata), counts(ApiKey::ListOffsets));
        kafka.track_requests();
        let known = producer(&kafka, &[]);
        block_on(known.partitions_for("orders")).unwrap();
        assert_eq!(probes(&kafka), 0, "no request for a topic that is there");

        kafka.set_topic_error("orders", BrokerError::LEADER_NOT_AVAILABLE).unwrap();
        kafka.fail_next(ApiKey::ListOffsets, &[BrokerError::NOT_LEADER_OR_FOLLOWER; 3]).unwrap();
        let new = producer(&kafka, &[]);
        let seen = metadata_requests(&kafka);
        thread::scope(|scope| {
            let asking = scope.spawn(|| block_on(new.partitions_for("orders")));
            while metadata_requests(&kafka) < seen + 5 {
                thread::sleep(Duration::from_millis(10));
            }
            kafka.set_topic_error("orders", BrokerError::NONE).unwrap();
            assert_eq!(asking.join().unwrap().unwrap().len(), 3);
        });
        assert!(probes(&kafka) >= 4, "{} requests, and three fail", probes(&kafka));
    });
}

#[test]
fn cluster_fails_after_max_block_ms_without_a_broker() {
    let kafka = kafka(1);
    let address = kafka.bootstrap_servers().to_owned();
    let producer = producer(&kafka, &[("max.block.ms", "500")]);
    drop(kafka);
    let error = block_on(producer.cluster()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MetadataTimeout);
    assert!(error.to_string().starts_with(&format!("the cluster: no broker at {address} answered")), "{error}");
}

#[test]
fn closed_producer_sends_no_requests() {
    ends(|| {
        let kafka = kafka(1);
        let producer = producer(&kafka, &[]);
        assert_eq!(block_on(producer.partitions_for("orders")).unwrap().len(), 1);
        block_on(producer.clone().close(Duration::from_secs(30))).unwrap();
        let errors = [
            block_on(producer.partitions_for("orders")).unwrap_err(),
            block_on(producer.cluster()).unwrap_err(),
            block_on(producer.max_message_bytes("orders")).unwrap_err(),
            block_on(producer.topic_config("orders", "cleanup.policy")).unwrap_err(),
            block_on(producer.create_topic(NewTopic::new("states"))).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        }
    });
}

#[test]
fn requests_about_topics_fail_if_the_broker_does_not_support_them() {
    ends(|| {
        let kafka = kafka(1);
        let producer = producer(&kafka, &[]);
        let error = block_on(producer.max_message_bytes("orders")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Client, "{error}");
        assert!(error.to_string().starts_with("topic orders: max.message.bytes: "), "{error}");
        assert_eq!(block_on(producer.max_message_bytes("a b")).unwrap_err().kind(), ErrorKind::InvalidRecord);
        let error = block_on(producer.topic_config("orders", "cleanup.policy")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Client, "{error}");
        let error = block_on(producer.topic_config("orders", "a\0")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        let producer = super::producer(&kafka, &[("max.block.ms", "300")]);
        let error = block_on(producer.create_topic(NewTopic::new("states"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MetadataTimeout, "{error}");
        assert!(error.to_string().starts_with("topic states: not created: "), "{error}");
    });
}
