//! The common part of TOML, YAML and JSON: nested tables, flattened to dotted names.

use super::{Broken, Pair, file::MAX_SIZE, placeholder, provider::Providers};
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
    let (mut entries, mut expanded) = (None, None);
    let value = match node {
        Node::Table(members) => {
            for member in members {
                flatten(name.clone(), member, pairs);
            }
            return;
        }
        Node::Text(text) => Ok(text),
        Node::Invalid(what) => Err(what),
        Node::List(items) => {
            entries = Some(items.len());
            join(items).map(|list| {
                expanded = list.expanded;
                list.written
            })
        }
    };
    pairs.push(Pair { line, name, value, expanded, entries });
}

/// The error of an entry that would become several.
pub(super) const COMMA: &str = "has a list entry with a comma, which is the separator; make it separate entries";

/// A list, joined with commas.
struct Joined {
    written: Secret,
    /// With placeholders replaced; `None` if there are none, or one cannot be replaced.
    expanded: Option<Secret>,
}

fn expanded(text: &Secret) -> Result<Option<Secret>, String> {
    placeholder::expand(text.expose(), &Providers::default())
}

/// Joins the entries. A comma in an entry is an error, in the value of a placeholder too. Placeholders are replaced here and not again, because a
/// file that one names may change.
fn join(items: Vec<Node>) -> Result<Joined, &'static str> {
    let mut written = Vec::with_capacity(items.len());
    let mut values = Vec::with_capacity(items.len());
    let (mut has_placeholders, mut is_complete) = (false, true);
    for item in items {
        let text = match item {
            Node::Text(text) => text,
            Node::Invalid(what) => return Err(what),
            Node::List(_) | Node::Table(_) => return Err("must be a list of strings, not of lists or tables"),
        };
        // A placeholder without a value is reported with the whole list.
        let value = expanded(&text);
        is_complete &= value.is_ok();
        let value = value.ok().flatten();
        has_placeholders |= value.is_some();
        let value = value.unwrap_or_else(|| text.expose().into());
        if value.expose().contains(',') {
            return Err(COMMA);
        }
        values.push(value);
        written.push(text);
    }
    let joined = Secret::join(&written, ",");
    if !is_complete && expanded(&joined).is_ok() {
        return Err("has a placeholder that begins in one list entry and ends in another; close it in its entry");
    }
    let expanded = (has_placeholders && is_complete).then(|| Secret::join(&values, ","));
    // The limit of a value; what is longer is reported with the whole list.
    let expanded = expanded.filter(|list| list.expose().len() <= MAX_SIZE);
    Ok(Joined { written: joined, expanded })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::source::toml;

    #[test]
    fn a_list_keeps_the_file_that_was_checked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("entry");
        fs::write(&file, "a").unwrap();
        let text =
            format!("[producer]\nlist = [\"${{file:{0}}}\", \"$${{b}}\"]\n[input]\npath = [\"${{file:{0}}}\"]\n", file.display());
        let (mut pairs, broken) = settings(ClientKind::Producer, toml::parse(&text));
        assert!(broken.is_empty(), "{broken:?}");
        pairs.extend(others(toml::parse(&text).0));
        fs::write(&file, "c,d").unwrap();
        let expanded: Vec<_> =
            pairs.iter().map(|pair| pair.expanded(&Providers::default()).unwrap().unwrap().expose().to_owned()).collect();
        assert_eq!(expanded, ["a,${b}", "a"]);
    }
}
