//! Replaces `sync.rs` of `src/producer/admission`. loom treats a sequentially consistent access as acquire and release only, and would report
//! lost wake-ups that cannot occur. It does support sequentially consistent fences, so each access is surrounded by fences, which has the
//! same effect. These files have no other accesses.

use loom::sync::atomic::{self, fence};
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::Ordering};

fn consistent<R>(ordering: Ordering, access: impl FnOnce() -> R) -> R {
    assert_eq!(ordering, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    let result = access();
    fence(Ordering::SeqCst);
    result
}

macro_rules! atomic {
    ($name:ident, $of:ty) => {
        pub(crate) struct $name(atomic::$name);

        #[allow(dead_code, reason = "some methods are used for some types only")]
        impl $name {
            pub(crate) fn new(value: $of) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, ordering: Ordering) -> $of {
                consistent(ordering, || self.0.load(ordering))
            }

            pub(crate) fn store(&self, value: $of, ordering: Ordering) {
                consistent(ordering, || self.0.store(value, ordering));
            }

            pub(crate) fn swap(&self, value: $of, ordering: Ordering) -> $of {
                consistent(ordering, || self.0.swap(value, ordering))
            }
        }
    };
}

macro_rules! number {
    ($name:ident, $of:ty) => {
        atomic!($name, $of);

        #[allow(dead_code, reason = "some methods are used for some types only")]
        impl $name {
            pub(crate) fn fetch_add(&self, value: $of, ordering: Ordering) -> $of {
                consistent(ordering, || self.0.fetch_add(value, ordering))
            }

            pub(crate) fn fetch_sub(&self, value: $of, ordering: Ordering) -> $of {
                consistent(ordering, || self.0.fetch_sub(value, ordering))
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                change: impl FnMut($of) -> Option<$of>,
            ) -> Result<$of, $of> {
                consistent(set, || self.0.fetch_update(set, fetch, change))
            }
        }
    };
}

atomic!(AtomicBool, bool);
number!(AtomicU64, u64);
number!(AtomicUsize, usize);
