//! The integration tests of the schema registry: one binary, so that it is linked once.
//!
//! Tier 1 needs nothing, tier 2 (`embedded::`) runs on brokers inside the process, tier 3 (`broker::`) on a real Kafka and registry.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed, in its helpers too")]

mod broker;
mod embedded;
mod fuzz_corpus;
mod schema_registry;
mod secrets;

use ottla_test_support::log;
