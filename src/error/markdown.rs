//! The tables of codes as Markdown, from the tables themselves; `docs/errors.md` must be what comes out.

use super::{
    broker,
    code::{Meaning, of_batch},
    librdkafka,
};
use crate::page::assert_page;

const HEAD: &str = "# Errors

What `Error` says of each code: its kind, whether sending again may succeed (`is_retriable`), whether the transaction can be aborted
(`is_abortable`) or the producer is at its end (`is_fatal`), the exception that the Java client has in its place, and what to do. A code
that is not listed keeps its number; it is `Broker` above zero and `Client` below, and neither retriable nor fatal.
This page is made from the tables in `src/error/`; the test `error::markdown` holds the two equal.
";

const BATCHES: &str = "
## Refused batches

A broker answers for a batch, not for a record. Where a batch had several records and the broker did not name the ones that it refused it
for, each of the codes below means this. Where it did name them (KIP-467), the others fail with `_INVALID_DIFFERENT_RECORD`. ottla does
not send the records of a refused batch again by itself, as Java does with one that is too large: librdkafka may have sent later records of
the partition by then, so that their order would change.
";

const COLUMNS: &str = "| code | name | kind | retriable | abortable | fatal | Java's exception | what to do |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

fn text() -> String {
    let mut text = HEAD.to_owned();
    for (title, codes) in [("Brokers' codes", broker::CODES), ("librdkafka's own codes", librdkafka::CODES)] {
        text.push_str(&format!("\n## {title}\n\n{COLUMNS}"));
        codes.iter().filter(|meaning| meaning.code != 0).for_each(|meaning| text.push_str(&row(meaning)));
    }
    text.push_str(&format!("{BATCHES}\n{COLUMNS}"));
    broker::CODES.iter().filter_map(|meaning| of_batch(meaning.code)).for_each(|meaning| text.push_str(&row(&meaning)));
    text
}

fn row(meaning: &Meaning) -> String {
    let yes = |flag: bool| if flag { "yes" } else { "" };
    format!(
        "| {} | `{}` | `{}` | {} | {} | {} | {} | {} |\n",
        meaning.code,
        meaning.name,
        meaning.kind,
        yes(meaning.retriable),
        yes(meaning.abortable),
        yes(meaning.fatal),
        meaning.java.map(|java| format!("`{java}`")).unwrap_or_default(),
        meaning.advice.unwrap_or_default()
    )
}

#[test]
fn the_page_of_errors_is_what_the_tables_say() {
    assert_page("errors.md", &text());
}
