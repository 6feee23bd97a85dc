//! What `buffer_memory`, `deferrals` and `outstanding` are made of. Their model checker has loom's equal in this place.

pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
