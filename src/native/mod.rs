//! The only folder that names librdkafka's C functions, and the only one where `unsafe` may stand.
//!
//! What leaves it is safe: a [`Client`] that owns the native producer, [`Slot`](slot)s that own a record's bytes from
//! serialization to report, and the delivery thread, which hands every report to an [`Observer`]. It imports plain data only.
#![allow(unsafe_code, reason = "the seam to librdkafka: every block names its invariant")]

mod admin;
mod bell;
mod body;
mod broker_words;
mod client;
mod cluster;
pub(crate) mod code;
mod confirmed;
mod connections;
#[cfg(feature = "consumer")]
mod consumed;
#[cfg(feature = "consumer")]
mod consumer_client;
#[cfg(feature = "consumer")]
mod consumer_queue;
mod contained;
mod counts;
mod credentials;
mod event;
mod ffi;
mod handoff;
mod metadata;
#[cfg(feature = "testing")]
pub(crate) mod mock;
mod offsets;
mod opaque;
mod outcome;
mod pool;
mod process;
mod reconnect;
mod report;
mod scratch;
mod sent;
mod settings;
mod slot;
mod sync;
mod throttle;
mod topic;
mod topic_setting;
mod transaction;
mod witness;

pub(crate) use body::{Body, Callback, Completion, Tally};
pub(crate) use client::{Client, flush_now};
pub(crate) use cluster::ClusterDescription;
#[cfg(feature = "consumer")]
pub(crate) use consumed::Consumed;
#[cfg(feature = "consumer")]
pub(crate) use consumer_client::ConsumerClient;
#[cfg(feature = "consumer")]
pub(crate) use consumer_queue::{Polled, QueueError};
pub(crate) use contained::Contained;
pub(crate) use counts::{Counted, Counts};
pub(crate) use credentials::BearerToken;
pub(crate) use ffi::{error_name, error_text, library_version};
pub(crate) use metadata::Metadata;
pub(crate) use offsets::NextOffset;
#[cfg(feature = "consumer")]
pub(crate) use offsets::{ListedOffset, OffsetList};
pub(crate) use outcome::Outcome;
#[cfg(test)]
pub(crate) use outcome::Words;
#[cfg(any(test, feature = "testing"))]
pub(crate) use pool::Pool;
pub(crate) use process::Process;
#[cfg(all(unix, test, feature = "testing"))]
pub(crate) use process::simulate_fork;
#[cfg(feature = "testing")]
pub(crate) use report::report;
pub(crate) use report::{Audience, Freed, KeyAndValue, Observer, Progress, report_refused, serve};
pub(crate) use sent::{Asked, Sent};
pub(crate) use settings::SettingRefused;
#[cfg(all(test, feature = "consumer"))]
pub(crate) use settings::consumers_property;
pub(crate) use slot::{Admission, Draft, Pending};
pub(crate) use throttle::Throttled;
pub(crate) use topic::{Choice, Chosen, Partition, Reported, Topic};
#[cfg(feature = "rdkafka")]
pub(crate) use transaction::membership;
pub(crate) use transaction::{GroupMember, TransactionRefused};
