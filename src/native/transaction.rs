//! librdkafka's transaction calls. They block, so the caller has a thread for them.

#[cfg(any(feature = "consumer", feature = "rdkafka"))]
use std::{ffi::c_char, ptr::NonNull};
use std::{
    ffi::{CStr, CString},
    ptr,
    time::Duration,
};

use rdkafka_sys as sys;

use super::{
    client::Client,
    offsets::{NextOffset, OffsetList},
    returned_error::ReturnedError,
    settings::milliseconds,
};

/// Why a transaction call failed, with librdkafka's flags for such calls.
#[derive(Debug, Clone)]
pub(crate) struct TransactionRefused {
    pub(crate) code: i32,
    pub(crate) text: String,
    /// Repeating the call continues where this one stopped.
    pub(crate) retriable: bool,
    /// The transaction must be aborted.
    pub(crate) abortable: bool,
    /// The producer can send no more.
    pub(crate) fatal: bool,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMember {
    pub(crate) group_id: CString,
    /// -1 for none.
    pub(crate) generation_id: i32,
    /// Empty for none.
    pub(crate) member_id: CString,
    pub(crate) group_instance_id: Option<CString>,
}

impl Client {
    /// Gets the producer's id and epoch, which fences earlier producers and ends their transactions.
    pub(crate) fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionRefused> {
        // SAFETY: `self` keeps the client alive; the error that the call returns is ours.
        let result = unsafe { ReturnedError::check(sys::rd_kafka_init_transactions(self.handle(), milliseconds(timeout))) };
        Ok(result?)
    }

    pub(crate) fn begin_transaction(&self) -> Result<(), TransactionRefused> {
        // SAFETY: `self` keeps the client alive; the error that the call returns is ours.
        let result = unsafe { ReturnedError::check(sys::rd_kafka_begin_transaction(self.handle())) };
        Ok(result?)
    }

    /// librdkafka's error of the open transaction, if it has failed: librdkafka rejects another `begin` with it.
    pub(crate) fn transaction_error(&self) -> Option<TransactionRefused> {
        self.begin_transaction().err().filter(|refused| refused.abortable || refused.fatal)
    }

    /// Waits for the reports of the transaction's records, which another thread serves, and commits.
    pub(crate) fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionRefused> {
        // SAFETY: `self` keeps the client alive; the error that the call returns is ours.
        let result = unsafe { ReturnedError::check(sys::rd_kafka_commit_transaction(self.handle(), milliseconds(timeout))) };
        Ok(result?)
    }

    /// Purges the transaction's unsent records, waits for the reports of the others, and aborts.
    pub(crate) fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionRefused> {
        // SAFETY: `self` keeps the client alive; the error that the call returns is ours.
        let result = unsafe { ReturnedError::check(sys::rd_kafka_abort_transaction(self.handle(), milliseconds(timeout))) };
        Ok(result?)
    }

    /// Adds the group's offsets to the transaction.
    pub(crate) fn send_offsets<'a>(
        &self,
        offsets: impl ExactSizeIterator<Item = NextOffset<'a>>,
        group: &GroupMember,
        timeout: Duration,
    ) -> Result<(), TransactionRefused> {
        let list = OffsetList::new(offsets);
        let group = Group::new(group);
        // SAFETY: `self`, `list` and `group` are alive during the call, and librdkafka copies the latter two; the error is ours.
        let result = unsafe {
            ReturnedError::check(sys::rd_kafka_send_offsets_to_transaction(
                self.handle(),
                list.as_ptr(),
                group.0.cast_const(),
                milliseconds(timeout),
            ))
        };
        Ok(result?)
    }
}

impl From<ReturnedError> for TransactionRefused {
    fn from(error: ReturnedError) -> Self {
        Self {
            code: error.code(),
            text: error.text(),
            retriable: error.is_retriable(),
            abortable: error.requires_abort(),
            fatal: error.is_fatal(),
        }
    }
}

/// An owned `rd_kafka_consumer_group_metadata_t`.
struct Group(*mut sys::rd_kafka_consumer_group_metadata_t);

impl Group {
    fn new(member: &GroupMember) -> Self {
        let instance = member.group_instance_id.as_deref().map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the texts are NUL-terminated and live in `member` during the call, which copies them; a null instance means none.
        Self(unsafe {
            sys::rd_kafka_consumer_group_metadata_new_with_genid(
                member.group_id.as_ptr(),
                member.generation_id,
                member.member_id.as_ptr(),
                instance,
            )
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: `self` owns the metadata, and this is its one drop.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0) };
    }
}

/// The group membership of a running consumer, or `None` if it has no `group.id`.
#[cfg(feature = "rdkafka")]
pub(crate) fn membership<C: rdkafka::consumer::ConsumerContext>(
    consumer: &impl rdkafka::consumer::Consumer<C>,
) -> Option<GroupMember> {
    // SAFETY: the consumer is borrowed, and so alive.
    unsafe { membership_of(consumer.client().native_ptr()) }
}

/// The same for a native consumer.
///
/// # Safety
/// The consumer is alive.
#[cfg(any(feature = "consumer", feature = "rdkafka"))]
pub(super) unsafe fn membership_of(consumer: *mut sys::rd_kafka_t) -> Option<GroupMember> {
    // SAFETY: the caller guarantees the consumer; what is returned is ours.
    let group = Group(NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(consumer) })?.as_ptr());
    // SAFETY: `group` owns the metadata, and keeps it alive until the end of this function.
    let (group_id, generation_id, member_id, group_instance_id) = unsafe {
        (
            sys::rd_kafka_consumer_group_metadata_group_id(group.0),
            sys::rd_kafka_consumer_group_metadata_generation_id(group.0),
            sys::rd_kafka_consumer_group_metadata_member_id(group.0),
            sys::rd_kafka_consumer_group_metadata_group_instance_id(group.0),
        )
    };
    // SAFETY: each is null, or a NUL-terminated text of the metadata, which `group` keeps alive.
    let copied = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_owned());
    Some(GroupMember {
        group_id: copied(group_id)?,
        generation_id,
        member_id: copied(member_id).unwrap_or_default(),
        group_instance_id: copied(group_instance_id),
    })
}
