//! [`JsonFields`]: finds fields in JSON objects.

use std::{fmt, ops::Range};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::input::FieldPath;

/// Finds the fields at several paths in one pass over an object. Objects and arrays on a path are read once more.
#[derive(Debug)]
pub(super) struct JsonFields {
    root: Node,
    found: Vec<Option<Range<usize>>>,
}

/// The members of an object, or items of an array, that paths lead through.
#[derive(Debug, Default)]
struct Node {
    members: Vec<(String, Self)>,
    /// The fields whose path ends here: several if it is spelled in several ways, such as `a.b` and `/a/b`.
    fields: Vec<usize>,
}

impl JsonFields {
    /// Creates the finder for these paths: `customer.id`, or a JSON pointer, in which a number is also the index of an item.
    pub(super) fn new(paths: &[String]) -> Self {
        let mut root = Node::default();
        for (field, path) in paths.iter().enumerate() {
            let mut node = &mut root;
            for name in FieldPath::new(path).names {
                node = node.member(name);
            }
            node.fields.push(field);
        }
        Self { root, found: vec![None; paths.len()] }
    }

    /// Finds the fields in `object`. Returns the position of each; of a duplicate the last.
    ///
    /// # Errors
    /// The name of a member is not a text: a surrogate without its counterpart, which readers of JSON otherwise skip.
    pub(super) fn find(&mut self, object: &str) -> Result<&[Option<Range<usize>>], serde_json::Error> {
        self.found.fill(None);
        self.root.find(object, object, &mut self.found)?;
        Ok(&self.found)
    }
}

impl Node {
    fn member(&mut self, name: String) -> &mut Self {
        let index = self.members.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.members.push((name, Self::default()));
            self.members.len() - 1
        });
        &mut self.members[index].1
    }

    /// Finds the fields in `value`, which is a part of `whole`.
    fn find(&self, whole: &str, value: &str, found: &mut [Option<Range<usize>>]) -> Result<(), serde_json::Error> {
        let start = value.as_ptr() as usize - whole.as_ptr() as usize;
        for &field in &self.fields {
            found[field] = Some(start..start + value.len());
        }
        let visitor = Members { node: self, whole, found };
        let mut json = serde_json::Deserializer::from_str(value);
        match value.trim_ascii_start().as_bytes().first() {
            _ if self.members.is_empty() => Ok(()),
            Some(b'{') => json.deserialize_map(visitor),
            Some(b'[') => json.deserialize_seq(visitor),
            _ => Ok(()),
        }
    }

    /// Removes the fields of an earlier duplicate.
    fn clear(&self, found: &mut [Option<Range<usize>>]) {
        for &field in &self.fields {
            found[field] = None;
        }
        for (_, member) in &self.members {
            member.clear(found);
        }
    }
}

/// Visits the members of a JSON value.
struct Members<'n, 'w> {
    node: &'n Node,
    whole: &'w str,
    found: &'n mut [Option<Range<usize>>],
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key_seed(MemberOf(self.node))? {
            match member {
                Some(member) => {
                    member.clear(self.found);
                    member.find(self.whole, map.next_value::<&RawValue>()?.get(), self.found).map_err(Error::custom)?;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        while let Some(item) = items.next_element::<&RawValue>()? {
            let member = self.node.members.iter().find(|(name, _)| name.parse() == Ok(index));
            if let Some((_, member)) = member {
                member.find(self.whole, item.get(), self.found).map_err(Error::custom)?;
            }
            index += 1;
        }
        Ok(())
    }
}

/// Looks up a member's name without copying it.
struct MemberOf<'n>(&'n Node);

impl<'de, 'n> DeserializeSeed<'de> for MemberOf<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for MemberOf<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.members.iter().find(|(known, _)| known == name).map(|(_, member)| member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(paths: &[&str], object: &str) -> Vec<Option<String>> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut fields = JsonFields::new(&paths);
        let found = fields.find(object).unwrap().to_vec();
        found.into_iter().map(|range| Some(object[range?].to_owned())).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn fields_are_found_by_dotted_path_and_by_pointer() {
        let object = r#" {"a": {"b": [1, {"c.d": "x"}], "e/f": null}, "g": "é\"", "h": 1.50} "#;
        let paths = ["g", "a.b", "/a/b/1/c.d", "/a/e~1f", "h", "a", "/a/b/0", "/g"];
        let wanted = [
            r#""é\"""#,
            r#"[1, {"c.d": "x"}]"#,
            r#""x""#,
            "null",
            "1.50",
            r#"{"b": [1, {"c.d": "x"}], "e/f": null}"#,
            "1",
            r#""é\"""#,
        ];
        assert_eq!(find(&paths, object), some(&wanted));
    }

    #[test]
    fn absent_fields_are_not_found() {
        assert_eq!(find(&["b", "a.b", "a.0", "/c/2", "/c/x"], r#"{"a": 1, "c": [1, 2]}"#), [None, None, None, None, None]);
    }

    #[test]
    fn the_last_of_duplicate_fields_counts() {
        assert_eq!(find(&["a.b", "c"], r#"{"a":{"b":1},"c":1,"a":{"d":2},"c":2}"#), [None, Some("2".to_owned())]);
    }

    #[test]
    fn the_positions_of_one_row_do_not_remain_for_the_next() {
        let mut fields = JsonFields::new(&["a".to_owned()]);
        assert_eq!(fields.find("{\"a\":1}").unwrap(), [Some(5..6)]);
        assert_eq!(fields.find("{\"b\":1}").unwrap(), [None]);
    }
}
