//! [`Table`]: one [`Row`] for each hostile input.

use std::{fs, io::Write as _};

use crate::repository;

/// A hostile input, and the outcome of the records sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The input, as in the first column of the documentation's table.
    pub input: &'static str,
    /// Records accepted by `send`.
    pub accepted: usize,
    /// Records acknowledged by a broker.
    pub acknowledged: usize,
    /// Records reported as failed.
    pub failed: usize,
    /// Records without a report, and acknowledged records that are not in the log.
    pub lost: usize,
    /// The message that the user sees.
    pub told: String,
}

impl Row {
    /// An input that is rejected before any record is accepted.
    pub fn refused(input: &'static str, told: impl Into<String>) -> Self {
        Self { input, accepted: 0, acknowledged: 0, failed: 0, lost: 0, told: told.into() }
    }
}

/// The rows of one test.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Prints the rows, bypassing the test's output capture, and compares them with the documentation: it must have each input
    /// with its message (`…` matches any text). No row may have lost records.
    pub fn finish(self) {
        let page = fs::read_to_string(repository("docs/what-happens-when.md")).unwrap();
        let mut text = format!(
            "\n{:<48} {:>8} {:>12} {:>6} {:>4}  what the user sees\n",
            "HOSTILE INPUT", "accepted", "acknowledged", "failed", "lost"
        );
        for row in &self.0 {
            let told: String = row.told.replace('\n', " / ").chars().take(150).collect();
            let Row { input, accepted, acknowledged, failed, lost, .. } = row;
            text += &format!("{input:<48} {accepted:>8} {acknowledged:>12} {failed:>6} {lost:>4}  {told}\n");
        }
        // A single write, so that concurrent tests do not print in between.
        std::io::stdout().lock().write_all(text.as_bytes()).unwrap();
        let mut wrong = Vec::new();
        for row in self.0 {
            if row.lost > 0 || row.accepted != row.acknowledged + row.failed {
                wrong.push(format!("{}: not every record is accounted for: {row:?}", row.input));
            }
            match documented(&page, row.input) {
                None => wrong.push(format!("{}: missing in docs/what-happens-when.md: {}", row.input, row.told)),
                Some(message) if !matches(message, &row.told) => {
                    wrong.push(format!(
                        "{}: the message is\n  {}\nbut docs/what-happens-when.md has\n  {message}",
                        row.input, row.told
                    ));
                }
                Some(_) => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The documented message of an input: the last cell of its row, without backquotes.
fn documented<'p>(page: &'p str, input: &str) -> Option<&'p str> {
    let (_, section) = page.split_once("\n## Hostile input\n")?;
    let section = section.split("\n## ").next()?;
    section.lines().find_map(|line| {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (first, rest) = cells.split_once(" | ")?;
        (first == input).then(|| rest.rsplit_once(" | ").map_or(rest, |(_, last)| last).trim_matches('`'))
    })
}

/// Whether `text` consists of the parts of `pattern` in order, with any text at each `…`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let parts: Vec<_> = pattern.split('…').collect();
    let [first, between @ .., last] = &parts[..] else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    for part in between {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

#[test]
fn patterns_match_and_rows_are_found() {
    for (pattern, text, wanted) in [
        ("plain", "plain", true),
        ("plain", "plainer", false),
        ("a…", "abc", true),
        ("…b…d", "abcd", true),
        ("a…b…c", "axcbxc", true),
        ("a…b…c", "acc", false),
        ("ab…bc", "abc", false),
    ] {
        assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
    }
    let page = "x\n## Hostile input\n\n| input | records | told |\n| --- | --- | --- |\n| one | none | `say … so` |\n\n## More\n| two | x | `y` |\n";
    assert_eq!((documented(page, "one"), documented(page, "two")), (Some("say … so"), None));
}
