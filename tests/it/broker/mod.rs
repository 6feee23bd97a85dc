//! Tier 3: tests with the real Kafka at `KAFKA_BOOTSTRAP_SERVERS`.

mod consumer;
mod faults;
mod hostile;
mod idempotence;
mod memory;
mod metrics;
mod partitioners;
mod producer;
mod proxy;
mod rack_aware;
mod secure;
mod soak;
mod test_topics;
mod transaction;

use ottla_test_support::{
    broker::{add_partitions, bootstrap_servers, config, patient_topics, topic},
    own_kafka,
};
