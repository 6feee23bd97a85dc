//! A topic's settings on the brokers.

use std::{
    ffi::{CString, c_int},
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

/// A setting of a topic.
pub(crate) struct TopicSetting {
    pub(crate) name: String,
    /// `None` if the broker does not return it, as for a secret.
    pub(crate) value: Option<String>,
    /// Whether the topic itself has the setting; otherwise the value is that of the brokers, or the default.
    pub(crate) is_of_topic: bool,
}

/// `RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG`
const OF_TOPIC: c_int = 1;

impl Client {
    /// Requests a topic's settings from a broker. Blocks for `timeout` at most (an hour at most). The error is a code of librdkafka or of the
    /// broker.
    pub(crate) fn topic_settings(&self, topic: &str, timeout: Duration) -> Result<Vec<TopicSetting>, i32> {
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
        read(&answer)
    }
}

/// The entries, copied.
fn read(answer: &Event) -> Result<Vec<TopicSetting>, i32> {
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
    let Some(&resource) = resources.first() else { return Ok(Vec::new()) };
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
    let settings = entries.iter().filter_map(|&entry| {
        // SAFETY: the entry belongs to the result, which is alive; its name is null or a text that lives as long.
        let name = unsafe { sys::rd_kafka_ConfigEntry_name(entry) };
        // SAFETY: the entry belongs to the result, which is alive; its value is null or a text that lives as long.
        let value = unsafe { sys::rd_kafka_ConfigEntry_value(entry) };
        // SAFETY: the entry belongs to the result, which is alive.
        let source = unsafe { ffi::rd_kafka_ConfigEntry_source(entry) };
        // SAFETY: the name is a NUL-terminated text of the result, which is alive.
        let name = (!name.is_null()).then(|| unsafe { ffi::text(name) })?;
        // SAFETY: the value is a NUL-terminated text of the result, which is alive.
        let value = (!value.is_null()).then(|| unsafe { ffi::text(value) });
        Some(TopicSetting { name, value, is_of_topic: source == OF_TOPIC })
    });
    Ok(settings.collect())
}
