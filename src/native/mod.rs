//! Everything that calls librdkafka.
#![allow(unsafe_code, reason = "the one folder that talks to C")]

#[cfg(feature = "testing")]
pub(crate) mod mock;
