//! The programs of README.md and of the hand-written pages in `docs/`, as documentation tests.

#![allow(dead_code, reason = "the structs only carry the text of a page")]

#[cfg(feature = "testing")]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(feature = "config-files", feature = "testing"))]
#[doc = include_str!("../docs/guide.md")]
struct Guide;

#[cfg(feature = "consumer")]
#[doc = include_str!("../docs/consumer.md")]
struct Consumer;

#[doc = include_str!("../docs/security.md")]
struct Security;

#[doc = include_str!("../docs/migration-from-rust-rdkafka.md")]
struct MigrationFromRustRdkafka;

#[cfg(feature = "config-files")]
#[doc = include_str!("../docs/migration-from-java.md")]
struct MigrationFromJava;

#[cfg(feature = "opentelemetry")]
#[doc = include_str!("../docs/monitoring.md")]
struct Monitoring;
