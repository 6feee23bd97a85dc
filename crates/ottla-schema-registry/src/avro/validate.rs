//! [`Plan::validate`]: checks that bytes are complete and within limits, before they are decoded.
//!
//! A count in the bytes may announce more items than there are, and a recursive type may be nested without limit, so a record of ten bytes
//! could exhaust the memory or the stack. Bytes that pass this check contain all items that they announce, nested no deeper than [`DEEPEST`].

use super::{
    blocks::blocks,
    plan::{Decimal, Node, Plan},
};
use crate::zigzag::{self, Unreadable};

/// The deepest nesting of records, arrays and maps. Decoding and dropping a value are recursive.
const DEEPEST: usize = 128;

/// The most items without bytes, such as nulls.
const MOST_WITHOUT_BYTES: u64 = 65_536;

/// Why bytes are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    Short,
    Deep,
    Empty,
    Length,
    Number,
    Branch,
}

impl Malformed {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Short => "truncated",
            Self::Deep => "nesting is deeper than 128 levels",
            Self::Empty => "more than 65536 items without bytes",
            Self::Length => "negative length",
            Self::Number => "a number of more than ten bytes",
            Self::Branch => "a union with an unknown branch",
        }
    }
}

struct Walk<'a> {
    plan: &'a Plan,
    rest: &'a [u8],
    without_bytes: u64,
}

impl Plan {
    /// Checks that the bytes contain all that they announce. Other errors, such as invalid UTF-8, are left to the decoder.
    pub(super) fn validate(&self, bytes: &[u8]) -> Result<(), Malformed> {
        Walk { plan: self, rest: bytes, without_bytes: 0 }.pass(self.root(), 0)
    }
}

impl Plan {
    /// The bytes behind a value of this type.
    pub(super) fn behind<'a>(&'a self, node: &Node, bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
        let mut walk = Walk { plan: self, rest: bytes, without_bytes: 0 };
        walk.pass(node, 0)?;
        Ok(walk.rest)
    }
}

impl Walk<'_> {
    fn pass(&mut self, node: &Node, depth: usize) -> Result<(), Malformed> {
        if depth > DEEPEST {
            return Err(Malformed::Deep);
        }
        match node {
            Node::Null => Ok(()),
            Node::Boolean => self.skip(1),
            Node::Int(_) | Node::Long(_) | Node::Enum(_) => self.long().map(drop),
            Node::Float => self.skip(4),
            Node::Double => self.skip(8),
            Node::Fixed(fixed) => self.skip(fixed.size),
            Node::Decimal(Decimal { fixed: Some((_, size)), .. }) => self.skip(*size),
            Node::Decimal(_) => self.text(),
            Node::Bytes | Node::String | Node::Uuid | Node::BigDecimal => self.text(),
            Node::Array(items) => self.blocks(|walk| walk.pass(walk.plan.node(*items), depth + 1)),
            Node::Map(values) => self.blocks(|walk| {
                walk.text()?;
                walk.pass(walk.plan.node(*values), depth + 1)
            }),
            Node::Union(branches) => {
                let branch = self.long()?;
                let branch = usize::try_from(branch).ok().and_then(|branch| branches.get(branch)).ok_or(Malformed::Branch)?;
                self.pass(self.plan.node(*branch), depth)
            }
            Node::Record(record) => record.fields.iter().try_for_each(|field| self.pass(self.plan.node(field.node), depth + 1)),
        }
    }

    /// The items of an array or a map.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        blocks(self, Self::long, |walk| {
            let before = walk.rest.len();
            item(walk)?;
            walk.without_bytes += u64::from(walk.rest.len() == before);
            if walk.without_bytes > MOST_WITHOUT_BYTES { Err(Malformed::Empty) } else { Ok(()) }
        })
    }

    fn text(&mut self) -> Result<(), Malformed> {
        let length = self.long()?;
        self.skip(usize::try_from(length).map_err(|_| Malformed::Length)?)
    }

    fn skip(&mut self, size: usize) -> Result<(), Malformed> {
        self.rest = self.rest.get(size..).ok_or(Malformed::Short)?;
        Ok(())
    }

    fn long(&mut self) -> Result<i64, Malformed> {
        zigzag::take(&mut self.rest).map_err(|unreadable| match unreadable {
            Unreadable::Short => Malformed::Short,
            Unreadable::Endless => Malformed::Number,
        })
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::Schema;

    use super::*;

    fn validate(schema: &str, bytes: &[u8]) -> Result<(), Malformed> {
        Plan::new(&Schema::parse_str(schema).unwrap()).unwrap().validate(bytes)
    }

    #[test]
    fn counts_and_lengths_beyond_the_bytes_are_truncated() {
        for (schema, bytes) in [
            // Counts and lengths of 2^40.
            (r#"{"type": "array", "items": "int"}"#, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x40][..]),
            (r#"{"type": "map", "values": "null"}"#, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x40]),
            (r#""string""#, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x40, b'a']),
            (r#"{"type": "bytes", "logicalType": "decimal", "precision": 4}"#, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x40]),
            (r#"{"type": "fixed", "name": "f", "size": 1000000000}"#, &[0; 12]),
            (r#"["null", "double"]"#, &[2, 0, 0]),
            (r#"{"type": "array", "items": "int"}"#, &[2, 2]),
            (r#""boolean""#, &[]),
        ] {
            assert_eq!(validate(schema, bytes), Err(Malformed::Short), "{schema}");
        }
    }

    #[test]
    fn nesting_and_items_without_bytes_are_limited() {
        let list = r#"{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}"#;
        let deep = |depth: usize| [vec![2; depth], vec![0]].concat();
        assert_eq!(validate(list, &deep(DEEPEST - 1)), Ok(()));
        assert_eq!(validate(list, &deep(1_000_000)), Err(Malformed::Deep));
        let nulls = r#"{"type": "array", "items": "null"}"#;
        assert_eq!(validate(nulls, &[0x80, 0x80, 8, 0]), Ok(()), "65536 nulls");
        assert_eq!(validate(nulls, &[0x82, 0x80, 8, 0]), Err(Malformed::Empty));
        assert_eq!(validate(nulls, &[0x80, 0x80, 8, 2, 0]), Err(Malformed::Empty), "in two blocks");
        let whole = r#"{"type": "array", "items": ["null", {"type": "map", "values": "float"}]}"#;
        assert_eq!(
            validate(whole, &[3, 18, 0, 2, 2, 2, b'a', 0, 0, 0, 0, 0, 0]),
            Ok(()),
            "a negative count is followed by a size"
        );
    }

    #[test]
    fn invalid_branches_lengths_and_numbers_are_rejected() {
        assert_eq!(validate(r#"["null", "int"]"#, &[4, 0]), Err(Malformed::Branch));
        assert_eq!(validate(r#"["null", "int"]"#, &[1, 0]), Err(Malformed::Branch));
        assert_eq!(validate(r#""string""#, &[1]), Err(Malformed::Length));
        assert_eq!(validate(r#""long""#, &[0xff; 12]), Err(Malformed::Number));
        // The items of a wrong count are checked one by one, so the first invalid item ends the check.
        let unions = r#"{"type": "array", "items": ["null", "int"]}"#;
        assert_eq!(validate(unions, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 6]), Err(Malformed::Branch));
    }
}
