//! Reads JSON with the crate `serde_json`; line numbers follow from the positions of the values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Broken,
    lines::Lines,
    table::{MAX_DEPTH, Member, NOTHING, Node},
};

pub(super) fn parse(text: &str) -> (Vec<Member>, Vec<Broken>) {
    match serde_json::from_str::<&RawValue>(text) {
        Err(error) => (Vec::new(), vec![Broken { line: error.line().max(1), what: format!("invalid JSON: {}", what(&error)) }]),
        Ok(value) => match (Text { text, lines: Lines::of(text) }).node(value, 0) {
            Node::Table(members) => (members, Vec::new()),
            _ => (Vec::new(), vec![Broken { line: 1, what: "must be a JSON object; write {\"producer\": {..}}".to_owned() }]),
        },
    }
}

/// The crate's message without its position. It does not quote the text, because no type was requested.
fn what(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

/// A valid JSON text.
struct Text<'a> {
    text: &'a str,
    lines: Lines,
}

impl Text<'_> {
    fn node(&self, value: &RawValue, depth: usize) -> Node {
        if depth > MAX_DEPTH {
            return Node::Invalid("is nested deeper than 24 levels");
        }
        let raw = value.get();
        match raw.as_bytes().first() {
            Some(b'{') => match serde_json::from_str::<Pairs<'_>>(raw) {
                Ok(Pairs(pairs)) => Node::Table(pairs.into_iter().map(|(name, value)| self.member(name, value, depth)).collect()),
                Err(_) => Node::Invalid("has a member with an invalid name"),
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw) {
                Ok(items) => Node::List(items.into_iter().map(|item| self.node(item, depth + 1)).collect()),
                Err(_) => Node::Invalid("is invalid"),
            },
            Some(b'"') => {
                serde_json::from_str::<String>(raw).map_or(Node::Invalid("is an invalid string"), |text| Node::Text(text.into()))
            }
            Some(b'n') => Node::Invalid(NOTHING),
            // Numbers and booleans as written.
            _ => Node::Text(raw.into()),
        }
    }

    fn member(&self, name: String, value: &RawValue, depth: usize) -> Member {
        // A raw value is a slice of the text, so its position is the difference of the addresses.
        let offset = (value.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        Member { line: self.lines.line(offset), name, node: self.node(value, depth + 1) }
    }
}

/// The members of an object, including duplicate names.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientKind;

    #[test]
    fn errors_in_json_show_only_the_line() {
        for (text, line) in
            [("{\n\"a\": hunter2}", 2), ("{\n\"a\": \"hunter2\n\"}", 2), ("{\n\n\"hunter2\" 1}", 3), ("", 1), ("{} hunter2", 1)]
        {
            let (members, broken) = parse(text);
            assert!(members.is_empty(), "{text}");
            assert_eq!(broken.len(), 1);
            assert_eq!(broken[0].line, line, "{text}: {}", broken[0].what);
            assert!(broken[0].what.starts_with("invalid JSON: ") && !broken[0].what.contains("hunter"), "{}", broken[0].what);
        }
        assert!(parse("[1]").1[0].what.starts_with("must be a JSON object"));
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        let (pairs, broken) = super::super::table::settings(ClientKind::Producer, parse(&deep));
        assert_eq!(broken, []);
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].value.as_ref().err(), Some(&"is nested deeper than 24 levels"));
    }
}
