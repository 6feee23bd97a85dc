//! A setting of a topic, as the brokers have it.

use std::{
    ffi::{CStr, CString, c_int},
    ptr::NonNull,
    time::Duration,
};

use rdkafka_sys as sys;

use super::{admin::AdminAnswer, client::Client, code, ffi, metadata::array};

/// An owned `rd_kafka_ConfigResource_t`.
struct Resource(NonNull<sys::rd_kafka_ConfigResource_t>);

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_ConfigResource_destroy(self.0.as_ptr()) };
    }
}

impl Client {
    /// Asks a broker for a topic's setting; `None` if it does not say. Blocks for `timeout` at most, an hour at the longest. The code is
    /// librdkafka's or the broker's.
    pub(crate) fn topic_setting(&self, topic: &str, name: &CStr, timeout: Duration) -> Result<Option<String>, i32> {
        let topic = CString::new(topic).map_err(|_| code::INVALID_ARG)?;
        // SAFETY: the name is NUL-terminated, and is copied; the resource is ours.
        let resource =
            unsafe { sys::rd_kafka_ConfigResource_new(sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic.as_ptr()) };
        let resource = Resource(NonNull::new(resource).ok_or(code::INVALID_ARG)?);
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        let answer = self.admin_request(operation, timeout, |client, options, queue| {
            let mut resources = [resource.0.as_ptr()];
            // SAFETY: all are alive during the call, and librdkafka copies the one resource.
            unsafe { sys::rd_kafka_DescribeConfigs(client, resources.as_mut_ptr(), resources.len(), options, queue) };
        })?;
        // SAFETY: the answer is one to this operation.
        unsafe { read(&answer, name) }
    }
}

/// # Safety
/// The answer is one without an error.
unsafe fn read(answer: &AdminAnswer, name: &CStr) -> Result<Option<String>, i32> {
    // SAFETY: the event is alive; null if it is one of another kind.
    let result = unsafe { sys::rd_kafka_event_DescribeConfigs_result(answer.event()) };
    if result.is_null() {
        return Err(code::BAD_MSG);
    }
    let mut count = 0;
    // SAFETY: the result lives as long as its event, and so does all that it gives.
    let resources = unsafe { sys::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count) };
    // SAFETY: so many resources are there.
    let resources = unsafe { array(resources.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX)) };
    let Some(&resource) = resources.first() else { return Ok(None) };
    // SAFETY: a resource of this result.
    let code = unsafe { ffi::rd_kafka_ConfigResource_error(resource) };
    if code != code::NO_ERROR {
        return Err(code);
    }
    // SAFETY: as above.
    let entries = unsafe { sys::rd_kafka_ConfigResource_configs(resource, &raw mut count) };
    // SAFETY: so many entries are there.
    let entries = unsafe { array(entries.cast_const(), c_int::try_from(count).unwrap_or(c_int::MAX)) };
    for &entry in entries {
        // SAFETY: an entry of this result, whose name is NUL-terminated.
        let found = unsafe { sys::rd_kafka_ConfigEntry_name(entry) };
        // SAFETY: as above, or null.
        if !found.is_null() && unsafe { CStr::from_ptr(found) } == name {
            // SAFETY: as above; null where the broker does not tell it.
            let value = unsafe { sys::rd_kafka_ConfigEntry_value(entry) };
            // SAFETY: null, or a text that lives as long as the event.
            return Ok((!value.is_null()).then(|| unsafe { ffi::text(value) }));
        }
    }
    Ok(None)
}
