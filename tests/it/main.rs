//! The integration tests, one binary. A test of a module `embedded` runs on brokers inside the process, one of a module `broker`
//! on a real Kafka; the others need nothing.

mod examples;
