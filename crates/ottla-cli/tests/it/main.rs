//! The integration tests of the command: one binary, so that it is linked once. They run the built `ottla`.
//!
//! Tier 1 needs nothing, tier 2 (`embedded::`) runs on brokers inside the process, tier 3 (`broker::`) on a real Kafka.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed, in its helpers too")]

mod broker;
mod command;
mod embedded;
mod flights;
mod secrets;

use ottla_test_support::log;
