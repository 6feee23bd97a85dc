//! Tier 2: tests with in-process brokers.

mod account;
mod added_partition;
mod admission;
mod batch;
mod buffer_memory;
mod cluster;
mod consumer;
mod delivery;
mod ending;
mod hooks;
mod hostile;
mod intercept;
mod metrics;
mod natural_calls;
mod panics;
mod partitioners;
mod rack_aware;
mod refused_batch;
mod reports;
mod state;
mod symptoms;
mod transaction;
mod unavailable;
mod user_code;

use ottla_test_support::embedded::{config, ends, kafka, producer};
