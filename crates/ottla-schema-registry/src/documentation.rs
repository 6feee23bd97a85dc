//! The programs of the page about schemas in `docs/`, as documentation tests.

#![allow(dead_code, reason = "the struct only carries the text of a page")]

#[cfg(feature = "testing")]
#[doc = include_str!("../../../docs/schemas.md")]
struct Schemas;
