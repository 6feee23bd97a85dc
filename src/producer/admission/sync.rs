//! The synchronization primitives of `buffer_memory`, `deferrals` and `outstanding`. Their loom tests replace this module by loom's types.

pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
