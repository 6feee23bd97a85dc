//! [`Encodings`]: the serializers of keys and values.

use crate::{encoding::Encoding, exit::Failure, input::Format};

/// How keys and values become bytes; `None` leaves them unchanged.
#[derive(Clone, Copy)]
pub(crate) struct Encodings {
    pub(crate) key: Option<Encoding>,
    pub(crate) value: Option<Encoding>,
}

impl Encodings {
    /// The encoding of a part, from the command's table or from Java's setting.
    pub(super) fn one(part: &str, in_table: Option<Encoding>, setting: Option<&str>) -> Result<Option<Encoding>, Failure> {
        let in_setting = setting.map(str::parse::<Encoding>).transpose();
        let in_setting = in_setting.map_err(|message| Failure::usage(format!("{part}.serializer: {message}")))?;
        match (in_table, in_setting) {
            (Some(one), Some(other)) if one != other => Err(Failure::usage(format!(
                "{part}.serializer: is {other}, but `serializer` in [{part}] is {one}; set only one of them"
            ))),
            (one, other) => Ok(one.or(other)),
        }
    }

    /// The encodings for an input of this format, without those that leave the bytes unchanged.
    pub(super) fn of(self, format: Format) -> Result<Self, Failure> {
        for (part, encoding) in [("key", self.key), ("value", self.value)] {
            if let Some(encoding) = encoding.filter(|encoding| !encoding.is_known()) {
                return Err(Failure::usage(format!("{part}.serializer: {encoding} is not supported by this command")));
            }
        }
        if let Some(value) = self.value.filter(|value| !value.takes_values_of(format)) {
            return Err(Failure::usage(format!(
                "value.serializer: {value} cannot serialize the JSON objects of {format} input; use json, avro, \
                 protobuf, json-schema, string or bytes, or --format lines"
            )));
        }
        let is_json = !matches!(format, Format::Lines | Format::DeadLetters);
        Ok(Self { key: self.key, value: self.value.filter(|value| !(is_json && *value == Encoding::Json)) })
    }
}
