//! The only folder that names librdkafka's C functions, and the only one that uses `unsafe`.
//!
//! Its interface is safe: a [`Client`] that owns the native producer, [`Slot`](slot)s that own a record's bytes from serialization to the
//! report, and the delivery thread, which passes each report to an [`EventHandler`]. It imports plain data only.
#![allow(unsafe_code, reason = "the boundary to librdkafka: each block names its invariant")]

mod admin;
mod auth_failure;
mod broker_message;
mod callback;
mod callbacks;
mod client;
mod cluster;
pub(crate) mod code;
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
mod event_loop;
mod ffi;
mod fork_guard;
mod handoff;
mod implicit_ack;
mod in_flight;
mod metadata;
mod metadata_watch;
#[cfg(feature = "testing")]
pub(crate) mod mock;
mod offsets;
mod opaque;
mod outcome;
mod pool;
mod prepared_record;
mod queue;
mod reconnect;
mod record_view;
mod returned_error;
mod settings;
mod slot;
mod sync;
mod text_buffer;
mod thread_record;
mod throttle;
mod topic;
mod topic_admin;
mod topic_setting;
mod transaction;
mod wakeup;
mod watermarks;
mod wording;

pub(crate) use auth_failure::AuthFailure;
pub(crate) use callback::Callback;
pub(crate) use client::{Client, flush_now};
pub(crate) use cluster::ClusterDescription;
#[cfg(feature = "consumer")]
pub(crate) use consumed::Consumed;
#[cfg(feature = "consumer")]
pub(crate) use consumer_client::ConsumerClient;
#[cfg(feature = "consumer")]
pub(crate) use consumer_queue::{Polled, QueueError};
pub(crate) use contained::Contained;
pub(crate) use counts::{Counted, TopicCounts};
pub(crate) use credentials::BearerToken;
pub(crate) use event_loop::{Audience, EventHandler, Freed, KeyAndValue, NextStep, serve};
pub(crate) use ffi::{error_name, error_text, library_version};
pub(crate) use fork_guard::ForkGuard;
#[cfg(all(unix, test, feature = "testing"))]
pub(crate) use fork_guard::simulate_fork;
#[cfg(feature = "testing")]
pub(crate) use in_flight::report;
pub(crate) use in_flight::report_refused;
pub(crate) use metadata::{Metadata, PartitionMetadata};
pub(crate) use offsets::NextOffset;
#[cfg(feature = "consumer")]
pub(crate) use offsets::{ListedOffset, OffsetList};
#[cfg(test)]
pub(crate) use outcome::ErrorDetails;
pub(crate) use outcome::Outcome;
#[cfg(any(test, feature = "testing"))]
pub(crate) use pool::Pool;
pub(crate) use prepared_record::{Completion, PreparedRecord, Tally};
pub(crate) use record_view::{Asked, RecordView};
pub(crate) use settings::SettingRefused;
#[cfg(all(test, feature = "consumer"))]
pub(crate) use settings::consumers_property;
pub(crate) use slot::{Draft, Pending};
pub(crate) use throttle::Throttled;
pub(crate) use topic::{Choice, Chosen, PartitionReport, Topic, TopicPartitioner};
pub(crate) use topic_admin::{TopicRefused, TopicSpecification};
pub(crate) use topic_setting::TopicSetting;
#[cfg(feature = "rdkafka")]
pub(crate) use transaction::membership;
pub(crate) use transaction::{GroupMember, TransactionRefused};
pub(crate) use wording::{broker_of, closed_connection};
