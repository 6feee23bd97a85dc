//! [`NamePattern`]: the part of regular expressions that names of environment variables need.

/// A pattern for a whole name: alternatives of letters, digits, `_` and `.` (any character), each perhaps repeated by `*`, `+` or `?`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NamePattern(Vec<Vec<Item>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    /// `None` for any character.
    character: Option<char>,
    is_optional: bool,
    is_repeated: bool,
}

impl NamePattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        text.split('|').map(alternative).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|items| matches(items, name))
    }
}

fn alternative(text: &str) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let mut may_repeat = false;
    let text = text.strip_prefix('^').unwrap_or(text);
    for character in text.strip_suffix('$').unwrap_or(text).chars() {
        match (character, items.last_mut().filter(|_| may_repeat)) {
            ('*' | '+' | '?', Some(item)) => {
                item.is_optional = character != '+';
                item.is_repeated = character != '?';
                may_repeat = false;
                continue;
            }
            ('.', _) => items.push(Item { character: None, is_optional: false, is_repeated: false }),
            (character, _) if character.is_ascii_alphanumeric() || character == '_' => {
                items.push(Item { character: Some(character), is_optional: false, is_repeated: false });
            }
            _ => return Err("has an unsupported expression; only letters, digits, _, ., *, +, ? and | are supported".to_owned()),
        }
        may_repeat = true;
    }
    Ok(items)
}

/// Whether the items match the whole name. Follows all ways at once, so the time is limited by the product of both lengths.
fn matches(items: &[Item], name: &str) -> bool {
    let mut places = vec![false; items.len() + 1];
    places[0] = true;
    let skip = |places: &mut Vec<bool>| {
        for (index, item) in items.iter().enumerate() {
            places[index + 1] |= places[index] && item.is_optional;
        }
    };
    skip(&mut places);
    for character in name.chars() {
        let mut next = vec![false; places.len()];
        for (index, item) in items.iter().enumerate() {
            if places[index] && item.character.is_none_or(|wanted| wanted == character) {
                next[index + 1] = true;
                next[index] |= item.is_repeated;
            }
        }
        places = next;
        skip(&mut places);
    }
    places[items.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names_as_in_java() {
        for (pattern, name, wanted) in [
            ("KAFKA_.*", "KAFKA_X", true),
            ("KAFKA_.*", "KAFKA_", true),
            ("KAFKA_.*", "MY_KAFKA_X", false),
            ("KAFKA", "KAFKA_X", false),
            ("A|KAFKA_.+", "KAFKA_", false),
            ("A|KAFKA_.+", "KAFKA_1", true),
            ("A|KAFKA_.+", "A", true),
            ("^AB?C$", "AC", true),
            ("^AB?C$", "ABC", true),
            ("^AB?C$", "ABBC", false),
            ("A*B+", "AAB", true),
            ("A*B+", "B", true),
            ("A*B+", "AA", false),
            (".*X.*Y", "aXbXcY", true),
            ("", "", true),
            ("", "A", false),
        ] {
            assert_eq!(NamePattern::parse(pattern).unwrap().matches(name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn other_expressions_are_rejected() {
        for pattern in ["[A-Z]", "A{2}", "(A)", "\\d", "*", "A**", "A|+", "a b"] {
            assert!(NamePattern::parse(pattern).unwrap_err().starts_with("has an unsupported expression"), "{pattern}");
        }
    }
}
