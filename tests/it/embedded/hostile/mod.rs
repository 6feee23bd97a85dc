//! Hostile input that needs a working broker.

mod healing;
mod records;
