//! What the brokers tell of their cluster.

use futures::executor::block_on;
use ottla::{ErrorKind, testing::EmbeddedKafka};

use super::{kafka, producer};

#[test]
fn the_cluster_s_brokers_are_told() {
    let kafka = EmbeddedKafka::builder().brokers(3).start().unwrap();
    let producer = producer(&kafka, &[]);
    let cluster = block_on(producer.cluster()).unwrap();
    let addresses: Vec<_> = cluster.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect();
    assert_eq!(addresses.join(","), kafka.bootstrap_servers());
    assert_eq!(cluster.brokers().iter().map(|broker| broker.id()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(cluster.controller(), None, "the embedded cluster has none");
    assert!(cluster.id().is_some_and(|id| !id.is_empty()), "{cluster:?}");
    assert_eq!(cluster, block_on(producer.cluster()).unwrap(), "asked twice");
}

#[test]
fn without_a_broker_there_is_an_answer_after_max_block_ms() {
    let kafka = kafka(1);
    let address = kafka.bootstrap_servers().to_owned();
    let producer = producer(&kafka, &[("max.block.ms", "500")]);
    drop(kafka);
    let error = block_on(producer.cluster()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MetadataTimeout);
    assert!(error.to_string().starts_with(&format!("the cluster: no broker at {address} answered")), "{error}");
}
