//! Offsets, as they stand in librdkafka's lists of partitions.

use std::{
    ffi::{CStr, c_int, c_void},
    ptr,
};

use rdkafka_sys as sys;

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
pub(super) struct OffsetList(*mut sys::rd_kafka_topic_partition_list_t);

impl OffsetList {
    pub(super) fn new<'a>(offsets: impl ExactSizeIterator<Item = NextOffset<'a>>) -> Self {
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

impl Drop for OffsetList {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0) };
    }
}

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

/// The same as a list of the crate `rdkafka`.
#[cfg(feature = "consumer")]
pub(crate) fn offset_list<'a>(offsets: impl ExactSizeIterator<Item = NextOffset<'a>>) -> rdkafka::TopicPartitionList {
    let list = rdkafka::TopicPartitionList::with_capacity(offsets.len());
    // SAFETY: the list is ours, and alive.
    offsets.for_each(|next| unsafe { add(list.ptr(), &next) });
    list
}

/// What is kept with the offset of a partition that stands in a list: the leader's epoch and the metadata, read as text, if it has some.
#[cfg(feature = "consumer")]
pub(crate) fn kept_with(list: &rdkafka::TopicPartitionList, index: usize) -> Option<(Option<i32>, String)> {
    // SAFETY: the list is borrowed, and so alive; nobody changes it meanwhile.
    let raw = unsafe { list.ptr().as_ref() }?;
    if index >= usize::try_from(raw.cnt).ok()? {
        return None;
    }
    // SAFETY: the list has so many elements, in a row.
    let element = unsafe { raw.elems.add(index) };
    // SAFETY: one of them.
    let epoch = unsafe { sys::rd_kafka_topic_partition_get_leader_epoch(element) };
    // SAFETY: as above.
    let metadata = unsafe { (*element).metadata };
    // SAFETY: as above.
    let size = unsafe { (*element).metadata_size };
    // SAFETY: null, or as many bytes as are said to be there, for as long as the list.
    let metadata = unsafe { super::ffi::bytes(metadata, size) }.unwrap_or_default();
    Some(((epoch >= 0).then_some(epoch), String::from_utf8_lossy(metadata).into_owned()))
}

#[cfg(all(test, feature = "consumer"))]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_what_was_put_into_it() {
        let next = |topic, leader_epoch, metadata| NextOffset { topic, partition: 3, offset: 7, leader_epoch, metadata };
        let list = offset_list([next(c"a", Some(5), "é"), next(c"b", None, "")].into_iter());
        let elements = list.elements();
        assert_eq!((elements[0].topic(), elements[0].partition(), elements[0].offset().to_raw()), ("a", 3, Some(7)));
        assert_eq!(kept_with(&list, 0), Some((Some(5), "é".to_owned())));
        assert_eq!(kept_with(&list, 1), Some((None, String::new())));
        assert_eq!(kept_with(&list, 2), None);
    }
}
