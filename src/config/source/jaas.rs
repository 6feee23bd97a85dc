//! [`substituted`]: placeholders in `sasl.jaas.config`, whose values must stay single JAAS values.

use super::placeholder::Part;
use crate::{
    config::{jaas::push_quoted, jaas_tokens::is_word},
    secret::Secret,
};

/// The position in a JAAS text, while values are substituted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Quoted(char),
    /// After a backslash in a quoted value.
    Escaped(char),
    /// After a slash, which begins a comment.
    Slash,
    /// In a comment up to the end of the line.
    Line,
    /// In a comment up to `*/`; `star` if the last character was a star.
    Block {
        star: bool,
    },
}

impl Place {
    fn behind(self, c: char) -> Self {
        match (self, c) {
            (Self::Outside, '"' | '\'') => Self::Quoted(c),
            (Self::Outside, '/') => Self::Slash,
            (Self::Quoted(quote), '\\') => Self::Escaped(quote),
            (Self::Quoted(quote), c) if c == quote => Self::Outside,
            (Self::Escaped(quote), _) => Self::Quoted(quote),
            (Self::Slash, '*') => Self::Block { star: false },
            (Self::Slash | Self::Line, '\n' | '\r') => Self::Outside,
            (Self::Slash, _) => Self::Line,
            (Self::Block { star: true }, '/') => Self::Outside,
            (Self::Block { .. }, c) => Self::Block { star: c == '*' },
            (place, _) => place,
        }
    }
}

/// Joins the parts so that each substituted value is one JAAS value, whatever characters it has. If the text is only
/// placeholders, their values are the JAAS text.
pub(super) fn substituted(parts: &[Part]) -> Secret {
    let is_whole = parts.iter().all(|part| matches!(part, Part::Value(_)) || text_of(part).trim().is_empty());
    // The capacity is sufficient, because growing would leave a copy of the secret in freed memory.
    let longest = parts.iter().map(|part| text_of(part).len() * 2 + 2).sum();
    let mut text = String::with_capacity(longest);
    let mut place = Place::Outside;
    for part in parts {
        match (part, place) {
            (Part::Text(plain), _) => {
                text.push_str(plain.expose());
                place = plain.expose().chars().fold(place, Place::behind);
            }
            (Part::Value(value), _) if is_whole => text.push_str(value.expose()),
            (Part::Value(value), Place::Quoted(_)) => push_quoted(&mut text, value.expose()),
            (Part::Value(value), Place::Escaped(quote)) => {
                // The backslash before the placeholder is literal.
                text.push('\\');
                push_quoted(&mut text, value.expose());
                place = Place::Quoted(quote);
            }
            (Part::Value(value), Place::Outside) => {
                let goes_on = text.chars().next_back().is_some_and(is_word);
                let begins = |c: char| !matches!(c, '0'..='9' | '.' | '-');
                let is_plain = value.expose().chars().all(is_word) && (goes_on || value.expose().starts_with(begins));
                if is_plain {
                    text.push_str(value.expose());
                } else {
                    text.push('"');
                    push_quoted(&mut text, value.expose());
                    text.push('"');
                }
            }
            // Values in comments are dropped.
            (Part::Value(_), Place::Slash | Place::Line | Place::Block { .. }) => {}
        }
    }
    text.into()
}

fn text_of(part: &Part) -> &str {
    match part {
        Part::Text(secret) | Part::Value(secret) => secret.expose(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::jaas::Jaas;

    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

    /// Substitutes a value for each `$` in the text.
    fn put_in(text: &str, value: &str) -> String {
        let mut parts = Vec::new();
        for (index, plain) in text.split('$').enumerate() {
            if index > 0 {
                parts.push(Part::Value(value.into()));
            }
            parts.push(Part::Text(plain.into()));
        }
        substituted(&parts).expose().to_owned()
    }

    #[test]
    fn substituted_values_are_escaped() {
        for (text, value, wanted) in [
            ("p=\"$\";", "a\"; x", "p=\"a\\\"; x\";"),
            ("p='$';", "a'\\", "p='a\\'\\\\';"),
            ("p=$;", "word", "p=word;"),
            ("p=$;", "", "p=\"\";"),
            ("p=$;", "1;", "p=\"1;\";"),
            ("p=a$;", "1-b", "p=a1-b;"),
            ("p=\"\\$\";", "n", "p=\"\\\\n\";"),
            ("// $\np=\"$\";", "\"", "// \np=\"\\\"\";"),
            ("/* \" $ */p=\"$\";", "*/", "/* \"  */p=\"*/\";"),
            (" $ ", "p=\"a\";", " p=\"a\"; "),
        ] {
            assert_eq!(put_in(text, value), wanted, "{text} with {value}");
        }
    }

    proptest! {
        #[test]
        fn every_substituted_password_is_parsed_back(password in any::<String>(), quote in "['\"]") {
            let text = put_in(&format!("{PLAIN} required username=a password={quote}$x{quote};"), &password);
            let jaas = Jaas::parse(&text).unwrap();
            prop_assert_eq!(jaas.get("password").map(str::to_owned), Some(format!("{password}x")));
            let jaas = Jaas::parse(&put_in(&format!("{PLAIN} required username=a password=$;"), &password)).unwrap();
            prop_assert_eq!(jaas.get("password"), Some(password.as_str()));
        }
    }
}
