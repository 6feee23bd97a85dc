//! [`Variant`]: an enum's variant, and the choice of its type in a union.

use super::{AvroError, Encoder, Node};
use crate::avro::branches::Branches;

/// A variant of an enum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    pub(super) index: u32,
    pub(super) name: &'static str,
}

impl Variant {
    /// Whether the payload can be written as this type, which has this rank.
    pub(super) fn may_be(self, branches: Branches<'_>, index: usize, node: &Node, rank: u8) -> bool {
        let is_placed = branches.placed(self.index, self.name).is_some_and(|(placed, _)| placed == index);
        is_placed && (node.name().is_none() || rank == 0)
    }

    pub(super) fn unknown(self, branches: Branches<'_>, what: &str) -> AvroError {
        AvroError::new(format!(
            "the enum variant {} with {what} matches no type of the union ({}): name the variant after a type with #[serde(rename = \"..\")]",
            self.name,
            branches.kinds()
        ))
    }
}

impl<'p> Encoder<'p, '_> {
    /// The types of the union, if the node is one.
    pub(super) fn branches(&self) -> Option<Branches<'p>> {
        match self.node {
            Node::Union(branches) => Some(Branches::new(self.plan, branches, self.in_option)),
            _ => None,
        }
    }

    /// Writes the union's type at this index.
    pub(super) fn at_branch(mut self, index: u32) -> Result<Self, AvroError> {
        let Some(branches) = self.branches() else {
            return Err(AvroError::new(format!("expected {}, got a union", self.node.kind())));
        };
        let found = branches.nodes().find(|(place, _)| usize::try_from(index) == Ok(*place));
        let (place, node) = found.ok_or_else(|| {
            AvroError::new(format!("the value has the index {index} in a union of {} types", branches.nodes().count()))
        })?;
        self.put_branch(place);
        self.node = node;
        Ok(self)
    }

    /// Writes the type with the variant's name, or else leaves the choice to the payload.
    pub(super) fn in_variant(mut self, variant: Variant) -> Result<Self, AvroError> {
        let Some(branches) = self.branches() else {
            return match self.node.name() {
                Some(name) if name.is(variant.name) => Ok(self),
                _ => Err(AvroError::new(format!("expected {}, got the enum variant {}", self.node.kind(), variant.name))),
            };
        };
        if self.variant.is_some() {
            return Err(AvroError::new(format!("the enum variant {} is directly inside another one", variant.name)));
        }
        match branches.named(variant.name)? {
            Some((index, node)) => {
                self.put_branch(index);
                self.node = node;
            }
            None => self.variant = Some(variant),
        }
        Ok(self)
    }

    /// A variant without data: a symbol, a string, a record without fields, or the null of a union.
    pub(super) fn unit_variant(mut self, enumeration: &str, variant: Variant) -> Result<(), AvroError> {
        let what = format!("the enum variant {}", variant.name);
        if let (Some(branches), None) = (self.branches(), self.variant) {
            let with_symbol = || {
                branches.nodes().filter(|(_, node)| matches!(node, Node::Enum(symbols) if symbols.place(variant.name).is_some()))
            };
            let is_own = |node: &Node| node.name().is_some_and(|name| name.is(enumeration));
            if with_symbol().count() > 1 && with_symbol().filter(|(_, node)| is_own(node)).count() != 1 {
                return Err(AvroError::new(format!(
                    "{what} is a symbol of several enums of the union: name the Rust enum after one of them"
                )));
            }
            if with_symbol().next().is_none() {
                if let Some((index, Node::Record(record))) = branches.named(variant.name)? {
                    if !record.fields.is_empty() {
                        return Err(AvroError::new(format!(
                            "expected a record {}, got {what} without data",
                            record.name.short()
                        )));
                    }
                    self.put_branch(index);
                    return Ok(());
                }
                let has_text = branches.nodes().any(|(_, node)| matches!(node, Node::String));
                match branches.placed(variant.index, variant.name) {
                    Some((index, Node::Null)) if !self.in_option => {
                        // Other readers treat a string as a value and null as no value, so only the name `null` can decide.
                        if has_text && !variant.name.eq_ignore_ascii_case("null") {
                            return Err(AvroError::new(format!(
                                "{what} could be null or a string of the union: use an Option, or #[serde(rename = \"null\")]"
                            )));
                        }
                        self.put_branch(index);
                        return Ok(());
                    }
                    _ => {}
                }
            }
        }
        let node = self.choose(&what, |node| match node {
            Node::Enum(symbols) => symbols.place(variant.name).map(|_| u8::from(!symbols.name.is(enumeration))),
            Node::Record(record) => (record.fields.is_empty() && record.name.is(variant.name)).then_some(0),
            Node::String => Some(2),
            _ => None,
        })?;
        match node {
            Node::Enum(symbols) => self.put_branch(symbols.place(variant.name).unwrap_or_default()),
            Node::Record(_) => {}
            _ => super::put_bytes(variant.name.as_bytes(), self.buffer),
        }
        Ok(())
    }
}
