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

const TRANSACTIONS: &str = "
## Transaction calls

The flags of an error of `init_transactions`, `begin_transaction`, `send_offsets`, `commit` and `abort` are those of the call, which may differ
from its code's in the tables above. They are to be looked at in this order; a loop that does so ends for every code at every step.

| flag | what to do |
| --- | --- |
| fatal | build a new producer |
| abortable | abort, then begin another transaction |
| retriable | make the same call again: it goes on where this one stopped |
| none | fix the program: calls in the wrong order, or arguments that are not valid |

Where the flags differ from Java's:

| answer | Java | ottla |
| --- | --- | --- |
| `INVALID_PRODUCER_EPOCH` to a record | abortable | fatal: librdkafka cannot go on after it |
| `INVALID_PRODUCER_EPOCH`, `PRODUCER_FENCED`, to a producer whose transaction was open for `transaction.timeout.ms` or longer | as if it were fenced | `TransactionExpired`, fatal: the coordinator has most likely aborted the transaction, and there need not be another producer |
| any code that is not retriable, to `init_transactions` or `abort` | fatal at once | asked again until `max.block.ms` is over, then fatal |
| a code that neither knows what to do about, to `send_offsets` or `commit` | fatal | abortable; the abort is fatal if the coordinator has ended the transaction anyway |
| a record that cannot be serialized | thrown by `send`; the transaction goes on | fails the transaction, since a future may be dropped unread |
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
    text.push_str(TRANSACTIONS);
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
