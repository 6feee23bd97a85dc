//! Tier 3: the command on the real Kafka at `KAFKA_BOOTSTRAP_SERVERS`.

mod checkpoint;
mod command;
mod follow;
mod record;
mod round_trip;
mod secure;
mod topic;
mod transaction;
