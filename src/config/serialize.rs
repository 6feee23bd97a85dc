//! serde support for [`ClientConfig`]: a map from names to values.

use std::fmt;

use serde::{
    de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, Serializer},
};

use super::{ClientConfig, ClientKind, ConfigError, Origin, Problem, redacted};
use crate::secret::Secret;

/// Writes the settings, with secrets hidden.
pub(super) fn serialize<S: Serializer>(config: &ClientConfig, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(config.entries.len()))?;
    for (name, entry) in &config.entries {
        map.serialize_entry(name, redacted(name, &entry.value))?;
    }
    map.end()
}

/// Reads a map and flattens it.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(kind: ClientKind, deserializer: D) -> Result<ClientConfig, D::Error> {
    let Members(members) = deserializer.deserialize_map(MembersVisitor)?;
    let mut flat = Vec::new();
    for (name, value) in members {
        flatten(name, value, &mut flat);
    }
    let mut config = ClientConfig::new(kind);
    let mut problems = Vec::new();
    for (name, value) in flat {
        let put = if config.entries.contains_key(&name) {
            Err(Problem::new(None, Some(&name), "duplicate key"))
        } else {
            config.put(&name, value.expose(), None, Origin::Code)
        };
        problems.extend(put.err());
    }
    if problems.is_empty() { Ok(config) } else { Err(D::Error::custom(problems.into_iter().collect::<ConfigError>())) }
}

enum Value {
    Text(Secret),
    Table(Vec<(String, Self)>),
}

fn flatten(name: String, value: Value, flat: &mut Vec<(String, Secret)>) {
    match value {
        Value::Text(text) => flat.push((name, text)),
        Value::Table(members) => {
            for (member, value) in members {
                flatten(format!("{name}.{member}"), value, flat);
            }
        }
    }
}

struct Members(Vec<(String, Value)>);

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

/// serde's default errors for a wrong type show the value, so every type is handled here.
impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean, a list of them, or a map")
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element()? {
            match item {
                Value::Text(text) if !text.expose().contains(',') => texts.push(text),
                _ => return Err(A::Error::custom("a list must contain only strings without commas")),
            }
        }
        Ok(Value::Text(Secret::join(&texts, ",")))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        MembersVisitor.visit_map(map).map(|Members(members)| Value::Table(members))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProducerConfig;

    #[test]
    fn nested_maps_are_flattened() {
        let text = r#"{"bootstrap": {"servers": ["a:1", "b:2"]}, "linger.ms": 5, "enable.idempotence": true}"#;
        let config: ProducerConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.get("bootstrap.servers"), Some("a:1,b:2"));
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(written, r#"{"bootstrap.servers":"a:1,b:2","enable.idempotence":"true","linger.ms":"5"}"#);
        let again: ProducerConfig = serde_json::from_str(&written).unwrap();
        assert_eq!(again.get("linger.ms"), Some("5"));
    }

    #[test]
    fn the_error_lists_all_problems() {
        let error =
            serde_json::from_str::<ProducerConfig>(r#"{"liger.ms": "hunter2", "acks": "two", "retries": 1, "retries": 2}"#);
        let error = error.unwrap_err().to_string();
        for wanted in ["did you mean linger.ms?", "acks: \"two\" is invalid; must be one of", "retries: duplicate key"] {
            assert!(error.contains(wanted), "{error}");
        }
        assert!(!error.contains("hunter2"));
    }

    #[test]
    fn hidden_is_rejected_as_a_secret() {
        let config = ProducerConfig::new().set("ssl.key.password", "hunter2").unwrap();
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(written, r#"{"ssl.key.password":"[hidden]"}"#);
        let error = serde_json::from_str::<ProducerConfig>(&written).unwrap_err().to_string();
        assert!(error.contains("set the secret itself"), "{error}");
    }
}
