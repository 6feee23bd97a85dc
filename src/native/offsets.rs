//! librdkafka's lists of partitions and offsets.

use std::{
    ffi::{CStr, c_int, c_void},
    ptr,
};

use rdkafka_sys as sys;

#[cfg(feature = "consumer")]
use super::ffi;

/// No leader epoch.
const NO_EPOCH: i32 = -1;

/// The next offset of a partition, with its metadata.
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
        // SAFETY: the size is a hint; the list that is returned is ours.
        let list = Self(unsafe { sys::rd_kafka_topic_partition_list_new(c_int::try_from(offsets.len()).unwrap_or(0)) });
        // SAFETY: the list is ours alone.
        offsets.for_each(|next| unsafe { add(list.0, &next) });
        list
    }

    pub(super) fn as_ptr(&self) -> *const sys::rd_kafka_topic_partition_list_t {
        self.0.cast_const()
    }
}

#[cfg(feature = "consumer")]
impl OffsetList {
    /// Topics with partitions and offsets, or with librdkafka's logical offsets.
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

    /// A copy of the elements, in order.
    pub(crate) fn elements(&self) -> Vec<ListedOffset> {
        // SAFETY: the list is alive as long as `self`, and nobody writes to it meanwhile.
        unsafe { elements(self.as_ptr()) }
    }
}

impl Drop for OffsetList {
    fn drop(&mut self) {
        // SAFETY: `self` owns the list, and this is its one drop.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0) };
    }
}

/// A copied element of a list.
#[cfg(feature = "consumer")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// An offset, or a logical offset of librdkafka, which is negative.
    pub(crate) offset: i64,
    /// 0, or the error of this partition. Any number is possible, because librdkafka passes brokers' codes through.
    pub(crate) code: i32,
    pub(crate) leader_epoch: Option<i32>,
    /// The metadata of a committed offset.
    pub(crate) metadata: String,
}

/// Copies the elements of a list.
///
/// # Safety
/// `list` is null, or alive and not written to during the call.
#[cfg(feature = "consumer")]
pub(super) unsafe fn elements(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<ListedOffset> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller guarantees a live list, to which nobody writes: it has `cnt` elements in a row from `elems` on, alive as long.
    unsafe {
        let (first, count) = ((*list).elems, usize::try_from((*list).cnt).unwrap_or_default());
        (0..count).map(|index| element(first.add(index))).collect()
    }
}

/// Copies an element. Its code is read as an integer, because the enum of `rdkafka-sys` may lack the value.
///
/// # Safety
/// The element is alive and not written to during the call.
#[cfg(feature = "consumer")]
pub(super) unsafe fn element(element: *const sys::rd_kafka_topic_partition_t) -> ListedOffset {
    // SAFETY: the caller guarantees a live element, to which nobody writes. Each field is read through the pointer, so that no reference to
    // the element as a whole is made; the code is read as a `c_int`, which is as large as the enum, see the assertion below. The topic is a
    // NUL-terminated text and the metadata null or `metadata_size` bytes: both belong to the element, and are copied.
    unsafe {
        let epoch = sys::rd_kafka_topic_partition_get_leader_epoch(element);
        let metadata = ffi::bytes((*element).metadata, (*element).metadata_size).unwrap_or_default();
        ListedOffset {
            topic: ffi::text((*element).topic),
            partition: (*element).partition,
            offset: (*element).offset,
            code: (&raw const (*element).err).cast::<c_int>().read(),
            leader_epoch: (epoch >= 0).then_some(epoch),
            metadata: String::from_utf8_lossy(metadata).into_owned(),
        }
    }
}

#[cfg(feature = "consumer")]
const _: () = assert!(size_of::<sys::rd_kafka_resp_err_t>() == size_of::<c_int>());

/// # Safety
/// The list is alive, and nobody else uses it meanwhile.
unsafe fn add(list: *mut sys::rd_kafka_topic_partition_list_t, next: &NextOffset<'_>) {
    // SAFETY: the caller guarantees the list, which nobody else uses; the name is NUL-terminated, and is copied. The element just added is
    // the list's, and filled before anybody else sees it.
    let element = unsafe {
        let element = sys::rd_kafka_topic_partition_list_add(list, next.topic.as_ptr(), next.partition);
        (*element).offset = next.offset;
        sys::rd_kafka_topic_partition_set_leader_epoch(element, next.leader_epoch.unwrap_or(NO_EPOCH));
        element
    };
    if next.metadata.is_empty() {
        return;
    }
    let size = next.metadata.len();
    // SAFETY: without a client the call is `malloc`; the element takes the memory over below, and librdkafka frees it with the element.
    let metadata = unsafe { sys::rd_kafka_mem_malloc(ptr::null_mut(), size) };
    if metadata.is_null() {
        return;
    }
    // SAFETY: source and destination are `size` bytes and apart; the element, which is still ours alone, has no metadata yet.
    unsafe {
        ptr::copy_nonoverlapping(next.metadata.as_ptr().cast::<c_void>(), metadata, size);
        (*element).metadata = metadata;
        (*element).metadata_size = size;
    }
}

#[cfg(all(test, feature = "consumer"))]
mod tests {
    use super::*;

    #[test]
    fn list_contains_its_elements() {
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
    fn unknown_code_is_read_unchanged() {
        let next = NextOffset { topic: c"a", partition: 3, offset: 7, leader_epoch: None, metadata: "" };
        let mut list = OffsetList::new([next].into_iter());
        // SAFETY: the list is alive, nobody else uses it, and it has one element. Its code is written as an integer, as librdkafka does,
        // through the pointer, so that no reference is made.
        unsafe { (&raw mut (*(*list.as_mut_ptr()).elems).err).cast::<c_int>().write(30_000) };
        assert_eq!(list.elements()[0].code, 30_000);
    }
}
