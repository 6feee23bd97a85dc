//! Hostile input: invalid responses of brokers, and records and files at and beyond every limit. The results are printed as a table and
//! compared with the one in `docs/what-happens-when.md`.
//!
//! This module has the shared code and the tests that need no broker; the others are under `embedded` and `broker`.

mod answers;
mod configuration;
mod hostile_broker;
mod meddler;
mod memory;
mod sent;

pub(crate) use hostile_broker::HostileBroker;
pub(crate) use meddler::Meddler;
use sent::chain;
pub(crate) use sent::{lost, send};

pub(crate) use ottla_test_support::{
    harm::{self, Harm},
    table::{Row, Table},
};
