//! What a consumed record looks like on stdout.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rdkafka::{
    Message,
    message::{Header, Headers as _},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

/// Writes the record as a JSON object and a line's end:
/// `{"topic":"t","partition":0,"offset":7,"timestamp":1700000000000,"key":null,"value":"v","headers":[{"key":"h","value":"x"}]}`.
///
/// Bytes that are not UTF-8 stand in base64, and `"key_encoding":"base64"`, `"value_encoding":"base64"`, or in a header
/// `"encoding":"base64"` says so.
pub(crate) fn write_json(output: &mut impl Write, record: &impl Message) -> io::Result<()> {
    serde_json::to_writer(&mut *output, &Consumed(record))?;
    output.write_all(b"\n")
}

/// Writes the value as it is and a line's end; a null value is an empty line.
pub(crate) fn write_value(output: &mut impl Write, record: &impl Message) -> io::Result<()> {
    output.write_all(record.payload().unwrap_or_default())?;
    output.write_all(b"\n")
}

struct Consumed<'a, M>(&'a M);

impl<M: Message> Serialize for Consumed<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let (key, key_encoding) = text(record.key());
        let (value, value_encoding) = text(record.payload());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("topic", record.topic())?;
        map.serialize_entry("partition", &record.partition())?;
        map.serialize_entry("offset", &record.offset())?;
        map.serialize_entry("timestamp", &record.timestamp().to_millis())?;
        map.serialize_entry("key", &key)?;
        if let Some(encoding) = key_encoding {
            map.serialize_entry("key_encoding", encoding)?;
        }
        map.serialize_entry("value", &value)?;
        if let Some(encoding) = value_encoding {
            map.serialize_entry("value_encoding", encoding)?;
        }
        let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
        map.serialize_entry("headers", &headers.map(HeaderLine::from).collect::<Vec<_>>())?;
        map.end()
    }
}

#[derive(Serialize)]
struct HeaderLine<'a> {
    key: &'a str,
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

impl<'a> From<Header<'a, &'a [u8]>> for HeaderLine<'a> {
    fn from(header: Header<'a, &'a [u8]>) -> Self {
        let (value, encoding) = text(header.value);
        Self { key: header.key, value, encoding }
    }
}

/// The bytes as text, and how they are encoded if they are none.
fn text(bytes: Option<&[u8]>) -> (Option<Cow<'_, str>>, Option<&'static str>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => (None, None),
        Some((_, Ok(text))) => (Some(Cow::Borrowed(text)), None),
        Some((bytes, Err(_))) => (Some(Cow::Owned(BASE64_STANDARD.encode(bytes))), Some("base64")),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        Timestamp,
        message::{OwnedHeaders, OwnedMessage},
    };

    use super::*;

    fn json(key: Option<&[u8]>, value: Option<&[u8]>, headers: Option<OwnedHeaders>) -> String {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        let record = OwnedMessage::new(value, key, "t".to_owned(), Timestamp::CreateTime(17), 3, 9, headers);
        let mut output = Vec::new();
        write_json(&mut output, &record).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_record_is_one_json_object_a_line() {
        assert_eq!(
            json(None, Some(b"a\"b"), None),
            concat!(r#"{"topic":"t","partition":3,"offset":9,"timestamp":17,"key":null,"value":"a\"b","headers":[]}"#, "\n")
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "h", value: Some(b"\xff".as_slice()) })
            .insert(Header { key: "h", value: None::<&[u8]> });
        let json: serde_json::Value = serde_json::from_str(&json(Some(b"\xff"), Some(b"\xfe\x00"), Some(headers))).unwrap();
        assert_eq!((&json["key"], &json["key_encoding"]), (&"/w==".into(), &"base64".into()));
        assert_eq!((&json["value"], &json["value_encoding"]), (&"/gA=".into(), &"base64".into()));
        assert_eq!(json["headers"][0], serde_json::json!({"key": "h", "value": "/w==", "encoding": "base64"}));
        assert_eq!(json["headers"][1], serde_json::json!({"key": "h", "value": null}));
    }

    #[test]
    fn lines_are_the_values() {
        let record = |value: Option<&[u8]>| {
            OwnedMessage::new(value.map(<[u8]>::to_vec), None, "t".to_owned(), Timestamp::NotAvailable, 0, 0, None)
        };
        let mut output = Vec::new();
        write_value(&mut output, &record(Some(b"\xffx"))).unwrap();
        write_value(&mut output, &record(None)).unwrap();
        assert_eq!(output, b"\xffx\n\n");
    }
}
