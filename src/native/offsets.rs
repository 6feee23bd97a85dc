//! Offsets, as they stand in librdkafka's lists of partitions.

use std::{
    ffi::{CStr, c_int, c_void},
    ptr,
};

use rdkafka_sys as sys;

#[cfg(feature = "consumer")]
use super::ffi;

/// No leader's epoch, for C.
const NO_EPOCH: i32 = -1;

/// The next offset to read of a topic's partition, and what is kept with it.
#[derive(Debug)]
pub(crate) struct NextOffset<'a> {
    pub(crate) topic: &'a CStr,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: Option<i32>,
    pub(crate) metadata: &'a str,
}

/// An owned `rd_kafka_topic_partition_list_t`.
pub(crate) struct OffsetList(*mut sys::rd_kafka_topic_partition_list_t);

// SAFETY: the list is owned and has no tie to a thread; librdkafka allocates and frees it with plain `malloc` and `free`.
#[cfg(feature = "consumer")]
unsafe impl Send for OffsetList {}

impl OffsetList {
    pub(crate) fn new<'a>(offsets: impl ExactSizeIterator<Item = NextOffset<'a>>) -> Self {
        // SAFETY: a size is a hint; the list is ours to destroy.
        let list = Self(unsafe { sys::rd_kafka_topic_partition_list_new(c_int::try_from(offsets.len()).unwrap_or(0)) });
        // SAFETY: the list is alive.
        offsets.for_each(|next| unsafe { add(list.0, &next) });
        list
    }

    pub(super) fn as_ptr(&self) -> *const sys::rd_kafka_topic_partition_list_t {
        self.0.cast_const()
    }
}

#[cfg(feature = "consumer")]
impl OffsetList {
    /// Topics with their partitions and offsets, or with librdkafka's logical offsets.
    pub(crate) fn of<'a>(partitions: impl ExactSizeIterator<Item = (&'a CStr, i32, i64)>) -> Self {
        Self::new(partitions.map(|(topic, partition, offset)| NextOffset {
            topic,
            partition,
            offset,
            leader_epoch: None,
            metadata: "",
        }))
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0
    }

    /// A copy of each element, in order.
    pub(crate) fn elements(&self) -> Vec<ListedOffset> {
        // SAFETY: the list is alive as long as `self`, and nobody writes to it meanwhile.
        unsafe { elements(self.as_ptr()) }
    }
}

impl Drop for OffsetList {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0) };
    }
}

/// An element of one of librdkafka's lists, copied.
#[cfg(feature = "consumer")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// An offset, or one of librdkafka's logical offsets, which are negative.
    pub(crate) offset: i64,
    /// 0, or the error of this partition: any number, since librdkafka passes brokers' codes on as they come.
    pub(crate) code: i32,
    pub(crate) leader_epoch: Option<i32>,
    /// The text that is kept with a committed offset.
    pub(crate) metadata: String,
}

/// Copies a list's elements.
///
/// # Safety
/// `list` is null, or alive and not written to during the call.
#[cfg(feature = "consumer")]
pub(super) unsafe fn elements(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<ListedOffset> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller guarantees a live list.
    let count = usize::try_from(unsafe { (*list).cnt }).unwrap_or_default();
    // SAFETY: as above.
    let first = unsafe { (*list).elems };
    let copies = (0..count).map(|index| {
        // SAFETY: the list has `count` elements in a row.
        let at = unsafe { first.add(index) };
        // SAFETY: one of them, alive as long as the list.
        unsafe { element(at) }
    });
    copies.collect()
}

/// Copies an element. Its code is read as an integer: as the enum of `rdkafka-sys` it could be a value that is not one of the variants.
///
/// # Safety
/// The element is alive and not written to during the call.
#[cfg(feature = "consumer")]
pub(super) unsafe fn element(element: *const sys::rd_kafka_topic_partition_t) -> ListedOffset {
    // SAFETY: the caller guarantees a live element, here and below; each field is read through the pointer, so that no reference to
    // the element as a whole is made.
    let topic = unsafe { (*element).topic };
    // SAFETY: as above.
    let partition = unsafe { (*element).partition };
    // SAFETY: as above.
    let offset = unsafe { (*element).offset };
    // SAFETY: as above; no reference is made.
    let code = unsafe { &raw const (*element).err }.cast::<c_int>();
    // SAFETY: a field of the element; the enum is as large as a `c_int`, see the assertion below.
    let code = unsafe { code.read() };
    // SAFETY: as above.
    let epoch = unsafe { sys::rd_kafka_topic_partition_get_leader_epoch(element) };
    // SAFETY: as above.
    let metadata = unsafe { (*element).metadata };
    // SAFETY: as above.
    let size = unsafe { (*element).metadata_size };
    // SAFETY: null, or `size` bytes that live as long as the element.
    let metadata = unsafe { ffi::bytes(metadata, size) }.unwrap_or_default();
    ListedOffset {
        // SAFETY: the element owns a terminated text.
        topic: unsafe { ffi::text(topic) },
        partition,
        offset,
        code,
        leader_epoch: (epoch >= 0).then_some(epoch),
        metadata: String::from_utf8_lossy(metadata).into_owned(),
    }
}

#[cfg(feature = "consumer")]
const _: () = assert!(size_of::<sys::rd_kafka_resp_err_t>() == size_of::<c_int>());

/// # Safety
/// The list is alive, and nobody else uses it meanwhile.
unsafe fn add(list: *mut sys::rd_kafka_topic_partition_list_t, next: &NextOffset<'_>) {
    // SAFETY: the caller vouches for the list; the name is terminated, and librdkafka copies it.
    let element = unsafe { sys::rd_kafka_topic_partition_list_add(list, next.topic.as_ptr(), next.partition) };
    // SAFETY: the element just added; it is filled before anybody else sees it.
    unsafe { (*element).offset = next.offset };
    // SAFETY: as above.
    unsafe { sys::rd_kafka_topic_partition_set_leader_epoch(element, next.leader_epoch.unwrap_or(NO_EPOCH)) };
    if next.metadata.is_empty() {
        return;
    }
    let size = next.metadata.len();
    // SAFETY: without a client; librdkafka frees it with the element.
    let metadata = unsafe { sys::rd_kafka_mem_malloc(ptr::null_mut(), size) };
    if metadata.is_null() {
        return;
    }
    // SAFETY: both are as long as the text, and apart.
    unsafe { ptr::copy_nonoverlapping(next.metadata.as_ptr().cast::<c_void>(), metadata, size) };
    // SAFETY: as for the offset; there is no metadata yet that would have to be freed.
    unsafe { (*element).metadata = metadata };
    // SAFETY: as above.
    unsafe { (*element).metadata_size = size };
}

#[cfg(all(test, feature = "consumer"))]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_what_was_put_into_it() {
        let next = |topic, leader_epoch, metadata| NextOffset { topic, partition: 3, offset: 7, leader_epoch, metadata };
        let list = OffsetList::new([next(c"a", Some(5), "é"), next(c"b", None, "")].into_iter());
        let listed = |topic: &str, leader_epoch, metadata: &str| ListedOffset {
            topic: topic.to_owned(),
            partition: 3,
            offset: 7,
            code: 0,
            leader_epoch,
            metadata: metadata.to_owned(),
        };
        assert_eq!(list.elements(), [listed("a", Some(5), "é"), listed("b", None, "")]);
    }

    #[test]
    fn a_code_that_no_version_knows_is_read_as_it_is() {
        let next = NextOffset { topic: c"a", partition: 3, offset: 7, leader_epoch: None, metadata: "" };
        let mut list = OffsetList::new([next].into_iter());
        // SAFETY: the list is alive and has one element.
        let first = unsafe { (*list.as_mut_ptr()).elems };
        // SAFETY: as above; no reference is made.
        let code = unsafe { &raw mut (*first).err }.cast::<c_int>();
        // SAFETY: a field of the element, written as an integer, as librdkafka does.
        unsafe { code.write(30_000) };
        assert_eq!(list.elements()[0].code, 30_000);
    }
}
