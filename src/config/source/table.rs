//! The common part of TOML, YAML and JSON: nested tables, flattened to dotted names.

use super::{Broken, Pair, placeholder, provider::Providers};
use crate::{config::ClientKind, secret::Secret};

/// The maximum nesting of tables; a setting's name has at most eight parts.
pub(super) const MAX_DEPTH: usize = 24;

/// A value of a text.
pub(super) enum Node {
    Text(Secret),
    List(Vec<Self>),
    Table(Vec<Member>),
    /// An invalid value, with the error.
    Invalid(&'static str),
}

/// A member of a table.
pub(super) struct Member {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) node: Node,
}

pub(super) const NOTHING: &str = "has no value; set one or remove the setting";

/// The settings of a text for this kind of client: those of its table, or all if there is no client's table.
pub(super) fn settings(kind: ClientKind, (members, broken): (Vec<Member>, Vec<Broken>)) -> (Vec<Pair>, Vec<Broken>) {
    let mut pairs = Vec::new();
    let (clients, others): (Vec<Member>, Vec<Member>) = members.into_iter().partition(is_client);
    let chosen = if clients.is_empty() { others } else { Vec::new() };
    for member in chosen {
        flatten(String::new(), member, &mut pairs);
    }
    for client in clients.into_iter().filter(|client| client.name == kind.noun()) {
        if let Node::Table(members) = client.node {
            for member in members {
                flatten(String::new(), member, &mut pairs);
            }
        }
    }
    (pairs, broken)
}

/// The settings beside the clients' tables; empty if there is no such table, because all settings are the client's then.
pub(super) fn others(members: Vec<Member>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let (clients, others): (Vec<Member>, Vec<Member>) = members.into_iter().partition(is_client);
    if !clients.is_empty() {
        for member in others {
            flatten(String::new(), member, &mut pairs);
        }
    }
    pairs
}

/// The names of the clients' tables in a text.
pub(super) fn clients(members: &[Member]) -> Vec<&'static str> {
    let nouns = ClientKind::ALL.map(ClientKind::noun);
    nouns.into_iter().filter(|noun| members.iter().any(|member| member.name == *noun && is_client(member))).collect()
}

fn is_client(member: &Member) -> bool {
    ClientKind::ALL.iter().any(|kind| kind.noun() == member.name)
        && matches!(member.node, Node::Table(_) | Node::Invalid(NOTHING))
}

fn flatten(prefix: String, member: Member, pairs: &mut Vec<Pair>) {
    let Member { line, name, node } = member;
    let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
    let entries = if let Node::List(items) = &node { Some(items.len()) } else { None };
    let value = match node {
        Node::Table(members) => {
            for member in members {
                flatten(name.clone(), member, pairs);
            }
            return;
        }
        Node::Text(text) => Ok(text),
        Node::Invalid(what) => Err(what),
        Node::List(items) => join(items),
    };
    pairs.push(Pair { line, name, value, entries });
}

/// The error of an entry that would become several.
pub(super) const COMMA: &str = "has a list entry with a comma, which is the separator; make it separate entries";

fn expanded(text: &Secret) -> Result<Option<Secret>, String> {
    placeholder::expand(text.expose(), &Providers::default())
}

fn has_comma(text: &Secret) -> bool {
    let expanded = expanded(text).ok().flatten();
    expanded.as_ref().unwrap_or(text).expose().contains(',')
}

fn join(items: Vec<Node>) -> Result<Secret, &'static str> {
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item {
            // The check applies to a placeholder's value too. A placeholder without a value is reported with the whole list.
            Node::Text(text) if has_comma(&text) => {
                return Err(COMMA);
            }
            Node::Text(text) => texts.push(text),
            Node::Invalid(what) => return Err(what),
            Node::List(_) | Node::Table(_) => return Err("must be a list of strings, not of lists or tables"),
        }
    }
    let joined = Secret::join(&texts, ",");
    if texts.iter().any(|text| expanded(text).is_err()) && expanded(&joined).is_ok() {
        return Err("has a placeholder that begins in one list entry and ends in another; close it in its entry");
    }
    Ok(joined)
}
