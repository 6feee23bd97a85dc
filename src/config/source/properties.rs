//! Reads Java's `.properties` files like `java.util.Properties.load`.
//!
//! It does not use the crate `java-properties`, which drops a last line that ends in a backslash, rejects `\ud83d\ude00` (one
//! character in two escapes), fails on `\u` in a comment, and depends on regular expressions.

use std::{iter::Peekable, str::CharIndices};

use zeroize::Zeroizing;

use super::{Broken, Pair};
use crate::secret::Secret;

pub(super) fn parse(text: &str) -> (Vec<Pair>, Vec<Broken>) {
    let mut pairs = Vec::new();
    let mut broken = Vec::new();
    let mut lines = Lines { chars: text.char_indices().peekable(), text, line: 1 };
    while let Some((line, logical)) = lines.next() {
        let (name, value) = split(logical.expose());
        match (unescape(name), unescape(value)) {
            (Ok(name), Ok(value)) => pairs.push(Pair { line, name, value: Ok(value.into()), expanded: None, entries: None }),
            (Err(what), _) | (_, Err(what)) => broken.push(Broken { line, what: what.to_owned() }),
        }
    }
    (pairs, broken)
}

/// The logical lines: without comments and blank lines, and with lines that end in a backslash joined.
struct Lines<'a> {
    chars: Peekable<CharIndices<'a>>,
    text: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<(usize, Secret)> {
        loop {
            self.chars.peek()?;
            let first = self.line;
            let natural = self.natural().trim_start_matches(BLANKS);
            if natural.is_empty() || natural.starts_with(['#', '!']) {
                continue;
            }
            let mut parts = Vec::new();
            let mut last = natural;
            // With an odd number of backslashes at the end, the last one is not escaped and joins the next line.
            while (last.len() - last.trim_end_matches('\\').len()) % 2 == 1 {
                parts.push(&last[..last.len() - 1]);
                last = self.natural().trim_start_matches(BLANKS);
            }
            parts.push(last);
            return Some((first, parts.concat().into()));
        }
    }

    /// Reads up to the end of the line, which is `\n`, `\r` or both.
    fn natural(&mut self) -> &'a str {
        let start = self.chars.peek().map_or(self.text.len(), |(index, _)| *index);
        self.line += 1;
        for (index, c) in self.chars.by_ref() {
            if c == '\n' || c == '\r' {
                if c == '\r' {
                    self.chars.next_if(|(_, next)| *next == '\n');
                }
                return &self.text[start..index];
            }
        }
        &self.text[start..]
    }
}

const BLANKS: [char; 3] = [' ', '\t', '\u{c}'];

/// Splits a line at the first `=`, `:` or blank that is not escaped. Blanks and one sign separate name and value.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let ends = !escaped && (matches!(c, '=' | ':') || BLANKS.contains(c));
            escaped = *c == '\\' && !escaped;
            ends
        })
        .map_or(line.len(), |(index, _)| index);
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(BLANKS);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (name, value.trim_start_matches(BLANKS))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    // Java's characters are UTF-16 units, so two escapes may form one character.
    let mut units = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let mut unit = 0;
                    for _ in 0..4 {
                        let digit =
                            chars.next().and_then(|c| c.to_digit(16)).ok_or("has a \\u without four hexadecimal digits")?;
                        unit = unit << 4 | digit;
                    }
                    units.extend(u16::try_from(unit));
                    continue;
                }
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "has a \\u escape of an unpaired surrogate")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, names and values. The expected values are those of `java.util.Properties` in Java 17.
    fn parsed(text: &str) -> Vec<(usize, String, String)> {
        let (pairs, broken) = parse(text);
        assert_eq!(broken, []);
        pairs.into_iter().map(|pair| (pair.line, pair.name, pair.value.unwrap().expose().to_owned())).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut pairs = parsed(text);
        assert_eq!(pairs.len(), 1, "{text:?}");
        let (_, name, value) = pairs.remove(0);
        (name, value)
    }

    #[test]
    fn separators_and_escapes() {
        for (text, name, value) in [
            ("a=b", "a", "b"),
            ("a = b ", "a", "b "),
            ("  a\t:\tb", "a", "b"),
            ("a b c", "a", "b c"),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("a==b", "a", "=b"),
            ("a = : b", "a", ": b"),
            (r"a\ b\:c\=d = e", "a b:c=d", "e"),
            (r"a=\ b\tc\nd\\e\zf", "a", " b\tc\nd\\ezf"),
            (r"a=caf\u00e9 \ud83d\ude00", "a", "café \u{1f600}"),
            ("a=b\\", "a", "b"),
            ("a=b\\\\", "a", "b\\"),
            ("=b", "", "b"),
            ("a=x\\\n\\\ny", "a", "xy"),
            ("a\\\n  =5", "a", "5"),
            ("\\\n\\\na=1", "a", "1"),
        ] {
            assert_eq!(one(text), (name.to_owned(), value.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn lines_are_joined_and_counted() {
        let text = "# C:\\users \\\r\n!also\n\n  a = one, \\\n      two, \\\r\n\tthree\rb=2\n#c\\\nd=4\\\n#5\n \\\ne=6";
        assert_eq!(
            parsed(text),
            [
                (4, "a".to_owned(), "one, two, three".to_owned()),
                (7, "b".to_owned(), "2".to_owned()),
                (9, "d".to_owned(), "4#5".to_owned()),
                (11, "e".to_owned(), "6".to_owned()),
            ]
        );
    }

    #[test]
    fn errors_in_escapes_show_only_the_line() {
        let (pairs, broken) = parse("a=1\nb=hunter2\\u12\nc=\\ud83dhunter2\nd=2");
        assert_eq!(pairs.len(), 2);
        assert_eq!(broken.iter().map(|broken| broken.line).collect::<Vec<_>>(), [2, 3]);
        assert!(broken.iter().all(|broken| !broken.what.contains("hunter")));
    }
}
