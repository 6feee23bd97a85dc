//! [`Compiler`]: resolves the settings of `[record]` for an input.

use std::collections::HashMap;

use super::{
    column_type::ColumnType,
    fields::FieldNames,
    json_fields::JsonFields,
    mapper::{Buffers, Content, Number, RecordMapper, Source, Tombstone, TopicSource},
    object::{Column, Name, ObjectWriter},
    settings::{Origin, RecordSettings, Setting, partition},
    template::Template,
};
use crate::{exit::Failure, input::Format, suggestion::nearest};

/// The maximum number of columns named in a message.
const MAX_NAMED: usize = 50;

/// Resolves the fields of the settings.
pub(super) struct Compiler<'a> {
    settings: &'a RecordSettings,
    /// The columns of a CSV input.
    columns: Option<&'a [String]>,
    fields: FieldNames,
}

impl<'a> Compiler<'a> {
    /// `columns` are those of a CSV input.
    pub(super) fn new(settings: &'a RecordSettings, columns: Option<&'a [String]>) -> Self {
        Self { settings, columns, fields: FieldNames::default() }
    }

    /// Creates the mapper for rows of this format.
    ///
    /// # Errors
    /// The input lacks a column that a setting uses.
    pub(super) fn compile(mut self, format: Format) -> Result<RecordMapper, Failure> {
        let settings = self.settings;
        let topic = settings.topic_rule().map(|rule| {
            let source = settings.topic.as_ref().map_or(TopicSource::Row, |topic| TopicSource::Text(self.template(topic)));
            (source, rule.clone())
        });
        let key = match (&settings.key, &settings.key_fields) {
            (Some(template), _) => Content::Text(self.template(template)),
            (None, Some(fields)) => Content::Object(self.object_of(fields)?),
            (None, None) => Content::Unchanged,
        };
        let number = settings.partition.as_ref().map(|setting| {
            let constant = setting.value.constant().and_then(|text| partition(text.as_bytes()));
            constant.map_or_else(|| Number::Text(self.template(setting)), Number::Constant)
        });
        let timestamp = match &settings.timestamp {
            None => None,
            Some(setting) => {
                let format = settings.timestamp_format().map_err(|(origin, message)| settings.failure(&origin, message))?;
                let constant = setting.value.constant().and_then(|text| format.milliseconds(text));
                Some((constant.map_or_else(|| Number::Text(self.template(setting)), Number::Constant), format))
            }
        };
        let headers = settings.headers.iter().map(|(name, template)| (name.clone(), self.template(template))).collect();
        let value = self.value(format)?;
        let tombstone = settings.tombstone_field.as_ref().map(|setting| Tombstone {
            field: self.fields.add(&setting.value, &setting.origin),
            values: settings.tombstone_values.as_ref().map_or_else(|| vec!["true".to_owned()], |values| values.value.clone()),
        });
        let markers = settings.tombstone_markers.as_ref().map(|markers| markers.value.clone()).unwrap_or_default();
        let source = match format {
            Format::Lines | Format::Record | Format::DeadLetters => Source::Line,
            Format::Csv => {
                let indexes = self.fields.with_users().map(|(name, user)| self.column(name, user));
                Source::Columns(indexes.collect::<Result<_, _>>()?)
            }
            Format::Jsonl | Format::Json | Format::Avro => Source::Json(JsonFields::new(self.fields.names())),
        };
        let names = self.fields.names().to_vec();
        let (partitions, buffers) = (HashMap::new(), Buffers::default());
        let partition = number;
        Ok(RecordMapper {
            names,
            source,
            topic,
            key,
            partition,
            keeps_partition: settings.keep.partition,
            timestamp,
            headers,
            value,
            tombstone,
            markers,
            partitions,
            buffers,
        })
    }

    fn template(&mut self, setting: &Setting<Template>) -> Template {
        let mut template = setting.value.clone();
        template.set_indexes(|name| self.fields.add(name, &setting.origin));
        template
    }

    fn value(&mut self, format: Format) -> Result<Content, Failure> {
        let settings = self.settings;
        if let Some(template) = &settings.value {
            return Ok(Content::Text(self.template(template)));
        }
        if let Some(fields) = &settings.value_fields {
            return Ok(Content::Object(self.object_of(fields)?));
        }
        let without = settings.value_without.as_ref().map_or(&[][..], |names| &names.value);
        match self.columns {
            Some(columns) => {
                if let Some(setting) = &settings.value_without {
                    setting.value.iter().try_for_each(|name| self.column(name, &setting.origin).map(drop))?;
                }
                if without.is_empty() && settings.types.is_empty() && settings.infer.is_none() {
                    return Ok(Content::Unchanged);
                }
                let kept = columns.iter().enumerate().filter(|(_, name)| !without.contains(name));
                let kept = kept.map(|(index, name)| (name.as_str(), index)).collect();
                Ok(Content::Object(self.columns_writer(kept)?))
            }
            None if format.is_json() && !without.is_empty() => Ok(Content::Object(ObjectWriter::Without(without.to_vec()))),
            None => Ok(Content::Unchanged),
        }
    }

    /// The writer of an object with these fields.
    fn object_of(&mut self, fields: &Setting<Vec<String>>) -> Result<ObjectWriter, Failure> {
        if self.columns.is_none() {
            let members = fields.value.iter().map(|name| (Name::new(name), self.fields.add(name, &fields.origin)));
            return Ok(ObjectWriter::Fields(members.collect()));
        }
        let indexes = fields.value.iter().map(|name| Ok((name.as_str(), self.column(name, &fields.origin)?)));
        self.columns_writer(indexes.collect::<Result<_, Failure>>()?)
    }

    fn columns_writer(&self, columns: Vec<(&str, usize)>) -> Result<ObjectWriter, Failure> {
        let settings = self.settings;
        for (name, setting) in &settings.types {
            self.column(name, &setting.origin)?;
        }
        let default = if settings.infer.is_some() { ColumnType::Infer } else { ColumnType::String };
        let type_of =
            |name: &str| settings.types.iter().find(|(typed, _)| typed == name).map_or(default, |(_, setting)| setting.value);
        let columns = columns.into_iter();
        Ok(ObjectWriter::Columns(
            columns.map(|(name, index)| Column { name: Name::new(name), index, column_type: type_of(name) }).collect(),
        ))
    }

    /// The index of a column that a setting uses.
    fn column(&self, name: &str, user: &Origin) -> Result<usize, Failure> {
        let columns = self.columns.unwrap_or_default();
        // An input without a header and without a row has no columns.
        if columns.is_empty() {
            return Ok(0);
        }
        columns.iter().position(|column| column == name).ok_or_else(|| {
            let remedy = match nearest(name, columns.iter(), |column| column) {
                Some(column) => format!("did you mean {column}?"),
                None => {
                    let named: Vec<&str> = columns.iter().take(MAX_NAMED).map(String::as_str).collect();
                    let more = columns.len() - named.len();
                    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                    format!("its columns are {}{more}", named.join(", "))
                }
            };
            self.settings.failure(user, format!("the input has no column `{name}`; {remedy}"))
        })
    }
}
