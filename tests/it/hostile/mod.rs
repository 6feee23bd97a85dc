//! Hostile input: brokers that respond incorrectly, records and files at and beyond every limit. The results are printed as a
//! table and compared with the one in `docs/what-happens-when.md`.
//!
//! This module has what the tests share, and the tests that need no broker; the others are in `embedded` and `broker`.

mod answers;
mod configuration;
mod corrupting_proxy;
mod hostile_broker;
mod memory;
mod sent;

pub(crate) use corrupting_proxy::CorruptingProxy;
pub(crate) use hostile_broker::HostileBroker;
use ottla_test_support::chain;
pub(crate) use sent::{lost, send};

pub(crate) use ottla_test_support::{
    corruption::{self, Corruption},
    table::{Row, Table},
};
