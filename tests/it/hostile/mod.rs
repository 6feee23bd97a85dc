//! Hostile input: brokers that answer nonsense, records and files at and beyond every limit. What each comes to is printed as a table, and
//! held against the one in `docs/what-happens-when.md`.
//!
//! Here is what the tests have in common and what needs nothing; the rest stands under `embedded` and `broker`.

mod answers;
mod configuration;
mod harm;
mod hostile_broker;
mod meddler;
mod memory;
mod sent;
mod table;

pub(crate) use harm::{Harm, framed, read_frame};
pub(crate) use hostile_broker::HostileBroker;
pub(crate) use meddler::Meddler;
use sent::chain;
pub(crate) use sent::{lost, send};
pub(crate) use table::{Row, Table};
