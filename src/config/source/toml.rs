//! Reads TOML with the crate `toml`.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Broken,
    lines::Lines,
    table::{MAX_DEPTH, Member, Node},
};

pub(super) fn parse(text: &str) -> (Vec<Member>, Vec<Broken>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    let broken: Vec<Broken> = errors
        .iter()
        .map(|error| {
            let line = lines.line(error.span().map_or(text.len(), |span| span.start));
            // The crate's messages are about the grammar; its `Display` would quote the line.
            Broken { line, what: format!("invalid TOML: {}", error.message()) }
        })
        .collect();
    // The table of an invalid text is a guess, so its settings are not checked.
    if broken.is_empty() { (members(&lines, table.into_inner(), 0), broken) } else { (Vec::new(), broken) }
}

fn members(lines: &Lines, table: DeTable<'_>, depth: usize) -> Vec<Member> {
    let mut members: Vec<(usize, Member)> = table
        .into_iter()
        .map(|(name, value)| {
            let start = name.span().start;
            let name = name.into_inner().into_owned();
            (start, Member { line: lines.line(start), name, node: node(lines, value, depth + 1) })
        })
        .collect();
    members.sort_by_key(|(start, _)| *start);
    members.into_iter().map(|(_, member)| member).collect()
}

fn node(lines: &Lines, value: Spanned<DeValue<'_>>, depth: usize) -> Node {
    if depth > MAX_DEPTH {
        return Node::Invalid("is nested deeper than 24 levels");
    }
    match value.into_inner() {
        DeValue::String(value) => Node::Text(value.into_owned().into()),
        DeValue::Integer(value) => match i128::from_str_radix(value.as_str(), value.radix()) {
            Ok(number) => Node::Text(number.to_string().into()),
            Err(_) => Node::Text(value.to_string().into()),
        },
        DeValue::Float(value) => Node::Text(value.as_str().into()),
        DeValue::Boolean(value) => Node::Text(value.to_string().into()),
        DeValue::Datetime(_) => Node::Invalid("is a date; put it in quotes"),
        DeValue::Array(items) => Node::List(items.into_iter().map(|item| node(lines, item, depth + 1)).collect()),
        DeValue::Table(table) => Node::Table(members(lines, table, depth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::ClientKind, secret::Secret};

    #[test]
    fn settings_have_the_line_of_their_name() {
        let (members, broken) = parse("[producer]\nlinger.ms = 5\n\nretry.backoff.ms = 7\n");
        assert_eq!(broken, []);
        let (pairs, _) = super::super::table::settings(ClientKind::Producer, (members, broken));
        let found: Vec<_> =
            pairs.iter().map(|pair| (pair.line, pair.name.as_str(), pair.value.as_ref().map(Secret::expose))).collect();
        assert_eq!(found, [(2, "linger.ms", Ok("5")), (4, "retry.backoff.ms", Ok("7"))]);
    }

    #[test]
    fn all_syntax_errors_are_found_and_quote_nothing() {
        let (members, broken) = parse("a = \npassword = hunter2 hunter3\nc = 'hunter4\nd = 1\nd = 2\n");
        assert!(members.is_empty());
        assert_eq!(broken.iter().map(|broken| broken.line).collect::<std::collections::BTreeSet<_>>(), [1, 2, 3, 5].into());
        assert!(
            broken.iter().all(|broken| broken.what.starts_with("invalid TOML: ") && !broken.what.contains("hunter")),
            "{broken:?}"
        );
    }
}
