//! The table `[record]`: where the topic, key, partition, timestamp, headers and value of each record come from.

mod column_type;
mod compiler;
mod conflicts;
mod fields;
mod json_fields;
mod mapper;
mod object;
mod settings;
mod template;
mod timestamp;
mod topic_rule;

pub(crate) use mapper::{Parts, RecordMapper, headers_of};
pub(crate) use settings::{HIDDEN, NAMES, RecordSettings, is_record_setting};
pub(crate) use topic_rule::{TopicRule, check_topic};
