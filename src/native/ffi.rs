//! The C functions that return error codes, declared again with plain integers.
//!
//! rdkafka-sys declares them with a Rust enum. But librdkafka passes brokers' codes through unchanged, and an enum value that is not one of
//! the variants is undefined behaviour.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::offset_of,
    slice,
};

use rdkafka_sys as sys;

unsafe extern "C" {
    pub(super) fn rd_kafka_last_error() -> c_int;
    pub(super) fn rd_kafka_err2name(code: c_int) -> *const c_char;
    pub(super) fn rd_kafka_err2str(code: c_int) -> *const c_char;
    pub(super) fn rd_kafka_event_error(event: *mut sys::rd_kafka_event_t) -> c_int;
    pub(super) fn rd_kafka_flush(client: *mut sys::rd_kafka_t, timeout_ms: c_int) -> c_int;
    pub(super) fn rd_kafka_purge(client: *mut sys::rd_kafka_t, flags: c_int) -> c_int;
    pub(super) fn rd_kafka_fatal_error(client: *mut sys::rd_kafka_t, text: *mut c_char, size: usize) -> c_int;
    pub(super) fn rd_kafka_error_code(error: *const c_void) -> c_int;
    pub(super) fn rd_kafka_message_status(message: *const sys::rd_kafka_message_t) -> c_int;
    pub(super) fn rd_kafka_set_log_queue(client: *mut sys::rd_kafka_t, queue: *mut sys::rd_kafka_queue_t) -> c_int;
    pub(super) fn rd_kafka_conf_interceptor_add_on_new(
        settings: *mut sys::rd_kafka_conf_t,
        name: *const c_char,
        on_new: OnNew,
        opaque: *mut c_void,
    ) -> c_int;
    pub(super) fn rd_kafka_interceptor_add_on_acknowledgement(
        client: *mut sys::rd_kafka_t,
        name: *const c_char,
        on_acknowledgement: OnAcknowledgement,
        opaque: *mut c_void,
    ) -> c_int;
    pub(super) fn rd_kafka_interceptor_add_on_broker_state_change(
        client: *mut sys::rd_kafka_t,
        name: *const c_char,
        on_state: OnState,
        opaque: *mut c_void,
    ) -> c_int;
    pub(super) fn rd_kafka_interceptor_add_on_response_received(
        client: *mut sys::rd_kafka_t,
        name: *const c_char,
        on_response: OnResponse,
        opaque: *mut c_void,
    ) -> c_int;
    pub(super) fn rd_kafka_oauthbearer_set_token(
        client: *mut sys::rd_kafka_t,
        token: *const c_char,
        expires_ms: i64,
        principal: *const c_char,
        extensions: *mut *const c_char,
        extensions_size: usize,
        text: *mut c_char,
        size: usize,
    ) -> c_int;
    pub(super) fn rd_kafka_header_add(
        headers: *mut sys::rd_kafka_headers_t,
        name: *const c_char,
        name_size: isize,
        value: *const c_void,
        value_size: isize,
    ) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_message_headers(
        message: *const sys::rd_kafka_message_t,
        headers: *mut *mut sys::rd_kafka_headers_t,
    ) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_header_get_all(
        headers: *const sys::rd_kafka_headers_t,
        index: usize,
        name: *mut *const c_char,
        value: *mut *const c_void,
        size: *mut usize,
    ) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_poll_set_consumer(client: *mut sys::rd_kafka_t) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_subscribe(client: *mut sys::rd_kafka_t, topics: *const PartitionList) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_unsubscribe(client: *mut sys::rd_kafka_t) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_assign(client: *mut sys::rd_kafka_t, partitions: *const PartitionList) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_pause_partitions(client: *mut sys::rd_kafka_t, partitions: *mut PartitionList) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_resume_partitions(client: *mut sys::rd_kafka_t, partitions: *mut PartitionList) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_offsets_store(client: *mut sys::rd_kafka_t, offsets: *mut PartitionList) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_commit_queue(
        client: *mut sys::rd_kafka_t,
        offsets: *const PartitionList,
        replies: *mut sys::rd_kafka_queue_t,
        callback: *mut c_void,
        opaque: *mut c_void,
    ) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_committed(client: *mut sys::rd_kafka_t, partitions: *mut PartitionList, timeout_ms: c_int) -> c_int;
    #[cfg(feature = "consumer")]
    pub(super) fn rd_kafka_offsets_for_times(client: *mut sys::rd_kafka_t, times: *mut PartitionList, timeout_ms: c_int)
    -> c_int;
    pub(super) fn rd_kafka_query_watermark_offsets(
        client: *mut sys::rd_kafka_t,
        topic: *const c_char,
        partition: i32,
        low: *mut i64,
        high: *mut i64,
        timeout_ms: c_int,
    ) -> c_int;
    pub(super) fn rd_kafka_AdminOptions_set_request_timeout(
        options: *mut sys::rd_kafka_AdminOptions_t,
        timeout_ms: c_int,
        text: *mut c_char,
        size: usize,
    ) -> c_int;
    pub(super) fn rd_kafka_AdminOptions_set_broker(
        options: *mut sys::rd_kafka_AdminOptions_t,
        broker: i32,
        text: *mut c_char,
        size: usize,
    ) -> c_int;
    pub(super) fn rd_kafka_NewTopic_set_config(
        topic: *mut sys::rd_kafka_NewTopic_t,
        name: *const c_char,
        value: *const c_char,
    ) -> c_int;
    pub(super) fn rd_kafka_topic_result_error(result: *const sys::rd_kafka_topic_result_t) -> c_int;
    pub(super) fn rd_kafka_ConfigEntry_source(entry: *const sys::rd_kafka_ConfigEntry_t) -> c_int;
    pub(super) fn rd_kafka_ConfigResource_error(resource: *const sys::rd_kafka_ConfigResource_t) -> c_int;
    pub(super) fn rd_kafka_metadata(
        client: *mut sys::rd_kafka_t,
        all_topics: c_int,
        only: *mut sys::rd_kafka_topic_t,
        metadata: *mut *const sys::rd_kafka_metadata,
        timeout_ms: c_int,
    ) -> c_int;
}

#[cfg(feature = "consumer")]
type PartitionList = sys::rd_kafka_topic_partition_list_t;

/// `rd_kafka_interceptor_f_on_new_t`
pub(super) type OnNew = unsafe extern "C" fn(
    client: *mut sys::rd_kafka_t,
    settings: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    reason: *mut c_char,
    reason_size: usize,
) -> c_int;

/// `rd_kafka_interceptor_f_on_acknowledgement_t`
pub(super) type OnAcknowledgement =
    unsafe extern "C" fn(client: *mut sys::rd_kafka_t, message: *mut sys::rd_kafka_message_t, opaque: *mut c_void) -> c_int;

/// `rd_kafka_interceptor_f_on_broker_state_change_t`
pub(super) type OnState = unsafe extern "C" fn(
    client: *mut sys::rd_kafka_t,
    id: i32,
    protocol: *const c_char,
    host: *const c_char,
    port: c_int,
    state: *const c_char,
    opaque: *mut c_void,
) -> c_int;

/// `rd_kafka_interceptor_f_on_response_received_t`
pub(super) type OnResponse = unsafe extern "C" fn(
    client: *mut sys::rd_kafka_t,
    socket: c_int,
    broker: *const c_char,
    id: i32,
    api_key: i16,
    api_version: i16,
    correlation_id: i32,
    size: usize,
    round_trip: i64,
    code: c_int,
    opaque: *mut c_void,
) -> c_int;

/// `rd_kafka_message_t`, with the code as an integer, as in C.
#[repr(C)]
pub(super) struct Message {
    pub(super) code: c_int,
    pub(super) topic: *mut sys::rd_kafka_topic_t,
    pub(super) partition: i32,
    pub(super) payload: *mut c_void,
    pub(super) payload_size: usize,
    pub(super) key: *mut c_void,
    pub(super) key_size: usize,
    pub(super) offset: i64,
    pub(super) opaque: *mut c_void,
}

/// `rd_kafka_metadata_topic_t`, with the code as an integer.
#[repr(C)]
pub(super) struct MetadataTopic {
    name: *mut c_char,
    pub(super) partition_count: c_int,
    pub(super) partitions: *const MetadataPartition,
    pub(super) code: c_int,
}

/// `rd_kafka_metadata_partition_t`, with the code as an integer.
#[repr(C)]
pub(super) struct MetadataPartition {
    pub(super) id: i32,
    code: c_int,
    pub(super) leader: i32,
    pub(super) replica_count: c_int,
    pub(super) replicas: *const i32,
    pub(super) in_sync_count: c_int,
    pub(super) in_sync: *const i32,
}

const _: () = {
    assert!(size_of::<Message>() == size_of::<sys::rd_kafka_message_t>());
    assert!(offset_of!(Message, offset) == offset_of!(sys::rd_kafka_message_t, offset));
    assert!(offset_of!(Message, payload) == offset_of!(sys::rd_kafka_message_t, payload));
    assert!(offset_of!(Message, key_size) == offset_of!(sys::rd_kafka_message_t, key_len));
    assert!(offset_of!(Message, opaque) == offset_of!(sys::rd_kafka_message_t, _private));
    assert!(size_of::<MetadataTopic>() == size_of::<sys::rd_kafka_metadata_topic_t>());
    assert!(offset_of!(MetadataTopic, code) == offset_of!(sys::rd_kafka_metadata_topic_t, err));
    assert!(size_of::<MetadataPartition>() == size_of::<sys::rd_kafka_metadata_partition_t>());
    assert!(offset_of!(MetadataPartition, in_sync) == offset_of!(sys::rd_kafka_metadata_partition_t, isrs));
};

/// Copies a C string; a null pointer is an empty string.
///
/// # Safety
/// `text` is null or points to a NUL-terminated string that stays as it is during the call.
pub(super) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the pointer is not null, and the caller guarantees a NUL-terminated string that does not change during the call.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A C buffer; `None` for a null pointer.
///
/// # Safety
/// `start` is null or points to `size` bytes that stay as they are during `'a`.
pub(super) unsafe fn bytes<'a>(start: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: the pointer is not null, and the caller guarantees `size` bytes there, which do not change during `'a`.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), size) })
}

/// The name of a code, such as `MSG_TIMED_OUT`, or `ERR_1234?` for an unknown one.
pub(crate) fn error_name(code: i32) -> String {
    // SAFETY: the call takes any integer and returns a static NUL-terminated text or, for an unknown code, one in a buffer of this thread,
    // which stays as it is until this thread's next call of librdkafka.
    unsafe { text(rd_kafka_err2name(code)) }
}

/// librdkafka's text for a code.
pub(crate) fn error_text(code: i32) -> String {
    // SAFETY: the call takes any integer and returns a static NUL-terminated text or, for an unknown code, one in a buffer of this thread,
    // which stays as it is until this thread's next call of librdkafka.
    unsafe { text(rd_kafka_err2str(code)) }
}

/// Why the librdkafka that is loaded cannot be used, if it is older than the one whose functions are declared here. With the bundled one it
/// never is; with the system's it can be another than the one that the program was built with.
pub(super) fn outdated_library() -> Option<String> {
    // SAFETY: the call takes nothing.
    outdated(unsafe { sys::rd_kafka_version() })
}

/// `loaded` is a version as librdkafka encodes it: 0x020c01ff is 2.12.1.
fn outdated(loaded: c_int) -> Option<String> {
    let text = |version: c_int| format!("{}.{}.{}", version >> 24, (version >> 16) & 0xff, (version >> 8) & 0xff);
    // The last byte is of release candidates.
    (loaded >> 8 < sys::RD_KAFKA_VERSION >> 8).then(|| {
        format!(
            "librdkafka {} is loaded, but {} or newer is needed; update the system's librdkafka, or build without the cargo feature \
             dynamic-linking",
            text(loaded),
            text(sys::RD_KAFKA_VERSION)
        )
    })
}

/// The version of the linked librdkafka, such as `2.12.1`.
pub(crate) fn library_version() -> String {
    // SAFETY: the call takes nothing and returns a static NUL-terminated text.
    unsafe { text(sys::rd_kafka_version_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_librdkafka_is_outdated() {
        let reason = outdated(0x0200_02ff).unwrap();
        assert!(reason.starts_with("librdkafka 2.0.2 is loaded, but 2.12.1 or newer is needed; "), "{reason}");
        assert_eq!(outdated(sys::RD_KAFKA_VERSION), None);
        assert_eq!(outdated(0x020f_01ff), None);
        assert_eq!(outdated_library(), None);
    }
}
