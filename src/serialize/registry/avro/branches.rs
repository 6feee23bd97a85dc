//! Which type of a union an enum's variant is: the same rule to write and to read, so that what is written is read back.
//!
//! 1. A variant is the record, the enum or the fixed that has its name.
//! 2. Else it is the type without a name of its own that it is called after, such as `Int` or `string`.
//! 3. Else it is the type at its place, null not counted inside an `Option`. A type with a name must be the payload's type then, by name:
//!    a place alone changes when the union gets another type.

use super::{
    AvroError,
    plan::{Node, Plan},
};

/// A union's types, as an enum meets them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branches<'p> {
    plan: &'p Plan,
    branches: &'p [usize],
    /// Inside `Some`; null is `None`.
    in_option: bool,
}

impl<'p> Branches<'p> {
    pub(super) fn new(plan: &'p Plan, branches: &'p [usize], in_option: bool) -> Self {
        Self { plan, branches, in_option }
    }

    pub(super) fn nodes(self) -> impl Iterator<Item = (usize, &'p Node)> {
        self.branches.iter().enumerate().map(move |(index, place)| (index, self.plan.node(*place)))
    }

    /// The type that has the variant's name: its full name, or the short one if no other has that.
    pub(super) fn named(self, variant: &str) -> Result<Option<(usize, &'p Node)>, AvroError> {
        let of = |is: &dyn Fn(&str, &str) -> bool| {
            let mut found = self.nodes().filter(|(_, node)| node.name().is_some_and(|name| is(&name.full, name.short())));
            (found.next(), found.next().is_some())
        };
        match (of(&|full, _| full == variant), of(&|_, short| short == variant)) {
            ((Some(found), _), _) | (_, (Some(found), false)) => Ok(Some(found)),
            ((None, _), (None, _)) => Ok(None),
            ((None, _), (Some(_), true)) => Err(AvroError::new(format!(
                "the union has several types {variant}: name the variant after one with its namespace, by #[serde(rename = \"..\")]"
            ))),
        }
    }

    /// The type of a variant that is not named after a type.
    pub(super) fn placed(self, index: u32, variant: &str) -> Option<(usize, &'p Node)> {
        let index = usize::try_from(index).ok()?;
        self.nodes().find(|(_, node)| is_called(node, variant)).or_else(|| self.counted().nth(index))
    }

    /// The types that variants are counted by.
    pub(super) fn counted(self) -> impl Iterator<Item = (usize, &'p Node)> {
        self.nodes().filter(move |(_, node)| !(self.in_option && matches!(node, Node::Null)))
    }

    pub(super) fn kinds(self) -> String {
        self.nodes().map(|(_, node)| node.kind()).collect::<Vec<_>>().join(" or ")
    }
}

/// Whether a variant is called after a type that has no name of its own.
pub(super) fn is_called(node: &Node, variant: &str) -> bool {
    node.type_name().is_some_and(|name| name.eq_ignore_ascii_case(variant))
}
