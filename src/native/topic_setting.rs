//! A topic's setting on the brokers.

use std::{
    ffi::{CStr, CString, c_int},
    ptr::NonNull,
    time::Duration,
};

use rdkafka_sys as sys;

use super::{admin::Recipient, client::Client, code, event::Event, ffi, metadata::array};

/// An owned `rd_kafka_ConfigResource_t`.
struct Resource(NonNull<sys::rd_kafka_ConfigResource_t>);

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: `self` owns the resource, and this is its one drop.
        unsafe { sys::rd_kafka_ConfigResource_destroy(self.0.as_ptr()) };
    }
}

impl Client {
    /// Requests a topic's setting from a broker; `None` if the broker does not return it. Blocks for `timeout` at most (an hour at most). The
    /// error is a code of librdkafka or of the broker.
    pub(crate) fn topic_setting(&self, topic: &str, name: &CStr, timeout: Duration) -> Result<Option<String>, i32> {
        let topic = CString::new(topic).map_err(|_| code::INVALID_ARG)?;
        // SAFETY: the name is NUL-terminated, and is copied; the resource that is returned is ours.
        let resource =
            unsafe { sys::rd_kafka_ConfigResource_new(sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic.as_ptr()) };
        let resource = Resource(NonNull::new(resource).ok_or(code::INVALID_ARG)?);
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        let answer = self.admin_request(operation, Recipient::AnyBroker, timeout, |client, options, queue| {
            let mut resources = [resource.0.as_ptr()];
            // SAFETY: all are alive during the call, and librdkafka copies the one resource.
            unsafe { sys::rd_kafka_DescribeConfigs(client, resources.as_mut_ptr(), resources.len(), options, queue) };
        })?;
        read(&answer, name)
    }
}

/// The value of the entry with this name, copied; `None` if the broker does not return it.
fn read(answer: &Event, name: &CStr) -> Result<Option<String>, i32> {
    // SAFETY: `answer` keeps the event alive; the result, which is null for an answer of another kind, lives as long.
    let result = unsafe { sys::rd_kafka_event_DescribeConfigs_result(answer.as_ptr()) };
    if result.is_null() {
        return Err(code::BAD_MSG);
    }
    let mut count = 0;
    // SAFETY: the result is alive; `count` resources are written there, which live as long.
    let resources = unsafe {
        let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        array(resources.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX))
    };
    let Some(&resource) = resources.first() else { return Ok(None) };
    // SAFETY: the resource belongs to the result, which is alive.
    let code = unsafe { ffi::rd_kafka_ConfigResource_error(resource) };
    if code != code::NO_ERROR {
        return Err(code);
    }
    // SAFETY: the resource belongs to the result, which is alive; `count` entries are written there, which live as long.
    let entries = unsafe {
        let entries = sys::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        array(entries.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX))
    };
    for &entry in entries {
        // SAFETY: the entry belongs to the result, which is alive; its name is null or a NUL-terminated text that lives as long.
        let found = unsafe {
            let found = sys::rd_kafka_ConfigEntry_name(entry);
            !found.is_null() && CStr::from_ptr(found) == name
        };
        if found {
            // SAFETY: the entry belongs to the result, which is alive; its value is null or a text that lives as long.
            let value = unsafe { sys::rd_kafka_ConfigEntry_value(entry) };
            // SAFETY: the value is a NUL-terminated text of the result, which is alive.
            return Ok((!value.is_null()).then(|| unsafe { ffi::text(value) }));
        }
    }
    Ok(None)
}
