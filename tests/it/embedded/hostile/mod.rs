//! Hostile input that needs a broker to be survived.

mod healing;
mod records;
