//! Hostile input: brokers that answer nonsense, records and files at and beyond every limit. What each comes to is printed as a table, and
//! held against the one in `docs/what-happens-when.md`.
//!
//! Here is what the tests have in common and what needs nothing; the rest stands under `embedded` and `broker`.

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
