//! Loads, clients, measurements, and what is made of them.

pub mod client;
pub mod load;
pub mod measurement;
pub mod plot;
pub mod statistics;
pub mod table;

pub use client::CLIENTS;
pub use load::{LOADS, Load, Workload};
pub use measurement::{Figure, Machine, Measurement};
