//! [`Branches`]: matches an enum's variants to the types of a union, with the same rules for writing and reading:
//!
//! 1. the record, enum or fixed with the variant's name,
//! 2. the unnamed type with the variant's name, such as `Int` or `string`,
//! 3. the type at the variant's position, without counting null inside an `Option`. A named type must then also have the name of the payload's
//!    type, because positions change when the union gets another type.

use super::{
    AvroError,
    plan::{Node, Plan},
};

/// The types of a union.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branches<'p> {
    plan: &'p Plan,
    branches: &'p [usize],
    /// Inside a `Some`, so null is `None`.
    in_option: bool,
}

impl<'p> Branches<'p> {
    pub(super) fn new(plan: &'p Plan, branches: &'p [usize], in_option: bool) -> Self {
        Self { plan, branches, in_option }
    }

    pub(super) fn nodes(self) -> impl Iterator<Item = (usize, &'p Node)> {
        self.branches.iter().enumerate().map(move |(index, place)| (index, self.plan.node(*place)))
    }

    /// The named type with the variant's name: the full name, or the name without namespace if that is unique.
    pub(super) fn named(self, variant: &str) -> Result<Option<(usize, &'p Node)>, AvroError> {
        let of = |is: &dyn Fn(&str, &str) -> bool| {
            let mut found = self.nodes().filter(|(_, node)| node.name().is_some_and(|name| is(&name.full, name.short())));
            (found.next(), found.next().is_some())
        };
        match (of(&|full, _| full == variant), of(&|_, short| short == variant)) {
            ((Some(found), _), _) | (_, (Some(found), false)) => Ok(Some(found)),
            ((None, _), (None, _)) => Ok(None),
            ((None, _), (Some(_), true)) => Err(AvroError::new(format!(
                "the union has several types named {variant}: include the namespace in the variant's name with #[serde(rename = \"..\")]"
            ))),
        }
    }

    /// The type of a variant without a named type: the unnamed type with its name, or the type at its position.
    pub(super) fn placed(self, index: u32, variant: &str) -> Option<(usize, &'p Node)> {
        let index = usize::try_from(index).ok()?;
        self.nodes().find(|(_, node)| is_called(node, variant)).or_else(|| self.counted().nth(index))
    }

    /// The types that count for the position.
    pub(super) fn counted(self) -> impl Iterator<Item = (usize, &'p Node)> {
        self.nodes().filter(move |(_, node)| !(self.in_option && matches!(node, Node::Null)))
    }

    pub(super) fn kinds(self) -> String {
        self.nodes().map(|(_, node)| node.kind()).collect::<Vec<_>>().join(" or ")
    }
}

/// Whether a variant has the name of this unnamed type.
pub(super) fn is_called(node: &Node, variant: &str) -> bool {
    node.type_name().is_some_and(|name| name.eq_ignore_ascii_case(variant))
}
