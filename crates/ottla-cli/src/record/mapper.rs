//! [`RecordMapper`]: makes the parts of a record of each row, as the table `[record]` says.

use std::collections::HashMap;

use ottla::Headers;

use super::{
    compiler::Compiler,
    fields::{FieldFault, RowFields},
    json_fields::JsonFields,
    object::{ObjectFault, ObjectWriter},
    settings::{RecordSettings, out_of_range, partition},
    template::Template,
    timestamp::{LATEST, TimestampFormat},
    topic_rule::TopicRule,
};
use crate::{
    encoding::Unfit,
    exit::Failure,
    input::{Format, Input},
    row::{Row, RowErrorKind},
};

/// librdkafka reads 0 as the current time.
const NOT_AFTER_EPOCH: &str = "is not after 1970-01-01";

/// The parts of a record, as texts that are not yet serialized.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    /// The topic, if it comes from data.
    pub(crate) topic: Option<&'a str>,
    /// The key's text; `None` is a null key.
    pub(crate) key: Option<&'a [u8]>,
    /// The field that the key comes from.
    pub(crate) key_field: Option<&'a str>,
    /// The partition; `None` leaves it to the partitioner.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since 1970 in UTC; `None` is the time when the record is sent.
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Headers,
    /// The value's text; `None` is a tombstone.
    pub(crate) value: Option<&'a [u8]>,
}

/// Makes the parts of each record. Everything is resolved before the first row, and the buffers are reused for every row.
pub(crate) struct RecordMapper {
    pub(super) names: Vec<String>,
    pub(super) source: Source,
    pub(super) topic: Option<(TopicSource, TopicRule)>,
    pub(super) key: Content,
    pub(super) partition: Option<Number<i32>>,
    /// Whether a row of the format `record` keeps its partition, unless `partition` sets it.
    pub(super) keeps_partition: bool,
    pub(super) timestamp: Option<(Number<i64>, TimestampFormat)>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) value: Content,
    pub(super) tombstone: Option<Tombstone>,
    pub(super) markers: Vec<String>,
    /// The number of partitions of each known topic, or why no record can go to it.
    pub(super) partitions: HashMap<String, Result<usize, String>>,
    pub(super) buffers: Buffers,
}

/// Where a topic comes from, if it comes from data.
pub(super) enum TopicSource {
    Text(Template),
    /// The topic of a row of the format `record`.
    Row,
}

/// Where the fields of a row are.
pub(super) enum Source {
    /// The column of each field.
    Columns(Vec<usize>),
    Json(JsonFields),
    Line,
}

/// What a key or a value is made of.
pub(super) enum Content {
    /// As read.
    Unchanged,
    Text(Template),
    Object(ObjectWriter),
}

/// A number that is the same for every record, or the text of one.
pub(super) enum Number<T> {
    Constant(T),
    Text(Template),
}

/// The field that marks tombstones, by its index, and its texts that do.
pub(super) struct Tombstone {
    pub(super) field: usize,
    pub(super) values: Vec<String>,
}

#[derive(Default)]
pub(super) struct Buffers {
    topic: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    scratch: Vec<u8>,
}

impl RecordMapper {
    /// Creates the mapper for an input, or `None` if no setting differs by record, or if the rows' format is not known yet.
    ///
    /// # Errors
    /// The input lacks a column that a setting uses.
    pub(crate) fn new(settings: &RecordSettings, input: &mut Input) -> Result<Option<Self>, Failure> {
        let format = input.row_format();
        if (settings.is_empty() && format != Format::Record) || format == Format::DeadLetters {
            return Ok(None);
        }
        let columns: Option<Vec<String>> = input.columns().map(|names| names.into_iter().map(str::to_owned).collect());
        let mapper = Compiler::new(settings, columns.as_deref()).compile(format)?;
        if !matches!(mapper.value, Content::Unchanged) {
            input.build_no_objects();
        }
        Ok(Some(mapper))
    }

    /// Whether the value of a record is that of its row, unless it is a tombstone, and does not depend on the value's text.
    pub(crate) fn keeps_values(&self) -> bool {
        matches!(self.value, Content::Unchanged) && self.markers.is_empty()
    }

    /// Sets the number of partitions of a topic, so that a partition which the topic does not have is found before it is sent.
    pub(crate) fn set_partitions(&mut self, topic: &str, count: usize) {
        self.partitions.insert(topic.to_owned(), Ok(count));
    }

    /// Takes over what is known about the topics, from the mapper of the input before.
    pub(crate) fn inherit_topics(&mut self, previous: Self) {
        self.partitions = previous.partitions;
    }

    /// Makes the parts of a row's record. `topic` is the topic if it does not come from data. `ask` is called for the first record of each
    /// topic that is not known yet, and returns its number of partitions, or why no record can go to it; `None` if nobody knows at the moment.
    ///
    /// # Errors
    /// The part that cannot be produced, and the field it comes from.
    pub(crate) fn map<'a>(
        &'a mut self,
        row: &Row<'a>,
        topic: &str,
        ask: impl FnOnce(&str) -> Option<Result<usize, String>>,
    ) -> Result<Parts<'a>, Unfit> {
        let Self { names, source, buffers, partitions, .. } = self;
        let Buffers { topic: topic_text, key, value, scratch } = buffers;
        let mut object = "";
        let fields = match source {
            Source::Columns(indexes) => row.columns.map_or(RowFields::Line, |columns| RowFields::Columns { columns, indexes }),
            Source::Json(json) => {
                object = row.value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
                let found = json.find(object).map_err(|error| Unfit {
                    kind: RowErrorKind::InvalidJson,
                    message: format!("the name of a member is not a text: {error}"),
                    field: None,
                })?;
                RowFields::Json { object, found }
            }
            Source::Line => RowFields::Line,
        };
        let refuse = |part: &str, kind, FieldFault { field, message, .. }: FieldFault| {
            let name = names.get(field).map_or("", String::as_str);
            Unfit { kind, message: format!("{part}: the field `{name}` {message}"), field: Some(name.to_owned()) }
        };
        let mut parts = Parts { headers: headers_of(row), ..Parts::default() };

        if let Some((source, rule)) = &self.topic {
            let wrong = |message: &str| match source {
                TopicSource::Text(template) => wrong_text("topic", RowErrorKind::InvalidTopic, template, message),
                TopicSource::Row => wrong_target("topic", RowErrorKind::InvalidTopic, message),
            };
            let has_text = match (source, row.target.topic) {
                (TopicSource::Text(template), _) => template.write(&fields, topic_text),
                (TopicSource::Row, None) => Ok(false),
                (TopicSource::Row, Some(topic)) => {
                    topic_text.clear();
                    topic_text.extend_from_slice(topic.as_bytes());
                    Ok(true)
                }
            };
            if !has_text.map_err(|fault| refuse("topic", RowErrorKind::InvalidTopic, fault))? {
                return Err(wrong("is null"));
            }
            let allowed = std::str::from_utf8(topic_text).ok().filter(|topic| rule.allows(topic));
            let topic = allowed.ok_or_else(|| wrong("is not in record.topics; correct the field, or add the topic there"))?;
            if !partitions.contains_key(topic) {
                partitions.extend(ask(topic).map(|known| (topic.to_owned(), known)));
            }
            if let Some(Err(reason)) = partitions.get(topic) {
                return Err(wrong(reason));
            }
            parts.topic = Some(topic);
        }

        match &self.key {
            Content::Unchanged => parts.key = row.key,
            Content::Text(template) => {
                let has_text = template.write(&fields, key).map_err(|fault| {
                    let kind = if fault.is_missing { RowErrorKind::MissingKey } else { RowErrorKind::InvalidKey };
                    refuse("key", kind, fault)
                })?;
                (parts.key, parts.key_field) = (has_text.then_some(&**key), template.first_field());
            }
            Content::Object(writer) => {
                writer.write(&fields, object, key).map_err(|fault| wrong_member("key", RowErrorKind::InvalidKey, &fault))?;
                parts.key = Some(key);
            }
        }

        let target = parts.topic.unwrap_or(topic);
        // The error's text for a partition that the topic does not have.
        let beyond = |number: i32| match partitions.get(target) {
            Some(&Ok(count)) if usize::try_from(number).is_ok_and(|number| number >= count) => Some(out_of_range(target, count)),
            _ => None,
        };
        parts.partition = match &self.partition {
            None => {
                let wrong = |message: &str| wrong_target("partition", RowErrorKind::InvalidPartition, message);
                let kept = row.target.partition.filter(|_| self.keeps_partition);
                if kept.is_some_and(|number| number < 0) {
                    return Err(wrong("is not a partition number, which is 0 or more"));
                }
                if let Some(message) = kept.and_then(beyond) {
                    return Err(wrong(&format!("{message}; keep = \"none\" in [input] leaves it to the partitioner")));
                }
                kept
            }
            Some(Number::Constant(constant)) => Some(*constant),
            Some(Number::Text(template)) => {
                let wrong = |message: &str| wrong_text("partition", RowErrorKind::InvalidPartition, template, message);
                let has_text = template.write(&fields, scratch);
                if !has_text.map_err(|fault| refuse("partition", RowErrorKind::InvalidPartition, fault))? {
                    return Err(wrong("is null"));
                }
                let number = partition(scratch).ok_or_else(|| wrong("is not a partition number, which is 0 or more"))?;
                match beyond(number) {
                    Some(message) => return Err(wrong(&message)),
                    None => Some(number),
                }
            }
        };

        parts.timestamp = match &self.timestamp {
            None => {
                if row.target.timestamp.is_some_and(|time| time <= 0) {
                    return Err(wrong_target("timestamp", RowErrorKind::InvalidTimestamp, NOT_AFTER_EPOCH));
                }
                row.target.timestamp
            }
            Some((Number::Constant(constant), _)) => Some(*constant),
            Some((Number::Text(template), format)) => {
                let wrong = |message: &str| wrong_text("timestamp", RowErrorKind::InvalidTimestamp, template, message);
                let has_text = template.write(&fields, scratch);
                if !has_text.map_err(|fault| refuse("timestamp", RowErrorKind::InvalidTimestamp, fault))? {
                    return Err(wrong("is null"));
                }
                let time = std::str::from_utf8(scratch)
                    .ok()
                    .and_then(|text| format.milliseconds(text))
                    .ok_or_else(|| wrong(&format!("is not {}; correct it, or set record.timestamp_format", format.expected())))?;
                if time <= 0 {
                    return Err(wrong(NOT_AFTER_EPOCH));
                }
                if time > LATEST {
                    return Err(wrong("is after the year 9999; correct it, or set record.timestamp_format to its unit"));
                }
                Some(time)
            }
        };

        for (name, template) in &self.headers {
            let has_text = template.write(&fields, scratch);
            let has_text = has_text.map_err(|fault| refuse(&format!("header {name}"), RowErrorKind::InvalidHeader, fault))?;
            parts.headers.push(name.as_str(), has_text.then_some(&**scratch));
        }

        if let Some(Tombstone { field, values }) = &self.tombstone {
            scratch.clear();
            // A row without the field is no tombstone.
            let is_tombstone = match fields.append(*field, scratch) {
                Ok(has_text) => has_text && values.iter().any(|value| value.as_bytes() == &**scratch),
                Err(fault) if fault.is_missing => false,
                Err(fault) => return Err(refuse("tombstone_field", RowErrorKind::InvalidValue, fault)),
            };
            if is_tombstone {
                return Ok(parts);
            }
        }
        parts.value = match &self.value {
            Content::Unchanged => row.value,
            Content::Text(template) => {
                let has_text = template.write_raw(&fields, value);
                has_text.map_err(|fault| refuse("value", RowErrorKind::InvalidValue, fault))?.then_some(&**value)
            }
            Content::Object(writer) => {
                writer
                    .write(&fields, object, value)
                    .map_err(|fault| wrong_member("value", RowErrorKind::InvalidValue, &fault))?;
                Some(value)
            }
        };
        parts.value = parts.value.filter(|value| !self.markers.iter().any(|marker| marker.as_bytes() == *value));
        Ok(parts)
    }
}

/// The headers of a row.
#[inline]
pub(crate) fn headers_of(row: &Row<'_>) -> Headers {
    if row.headers.places.is_empty() { Headers::new() } else { copied_headers(row) }
}

/// A function of its own, so that a row without headers, which is most rows, costs no call.
#[inline(never)]
fn copied_headers(row: &Row<'_>) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in row.headers.iter() {
        headers.push(name, value);
    }
    headers
}

/// The error of a template's text; the field is its first one.
fn wrong_text(part: &str, kind: RowErrorKind, template: &Template, message: &str) -> Unfit {
    let name = template.first_field().unwrap_or_default();
    let what = if template.is_field() { "the field" } else { "the text with the field" };
    Unfit { kind, message: format!("{part}: {what} `{name}` {message}"), field: Some(name.to_owned()) }
}

/// The error of a part that a row of the format `record` has.
fn wrong_target(part: &str, kind: RowErrorKind, message: &str) -> Unfit {
    Unfit { kind, message: format!("the record's {part} {message}"), field: Some(part.to_owned()) }
}

/// The error of an object's member.
fn wrong_member(part: &str, kind: RowErrorKind, ObjectFault { field, message }: &ObjectFault<'_>) -> Unfit {
    Unfit { kind, message: format!("{part}: the field `{field}` {message}"), field: Some((*field).to_owned()) }
}
