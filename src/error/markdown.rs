//! Generates `docs/errors.md` from the tables of codes.

use super::{
    broker_codes,
    code::{Meaning, of_batch},
    librdkafka_codes,
};
use crate::page::assert_page;

const HEAD: &str = "# Errors

Each row is an error code and what `Error` returns for it: the kind, whether sending again may succeed (`is_retriable`), whether the
transaction must be aborted (`is_abortable`), whether the producer can send no more (`is_fatal`), the Java client's exception, and what to
do (`advice`). A code that is not listed keeps its number. Its kind is `Broker` if it is positive and `Client` if it is negative; it is
neither retriable nor fatal.

This page is generated from the tables in `src/error/`; the test `error::markdown` compares them.
";

const BATCHES: &str = "
## Rejected batches

A broker accepts or rejects a whole batch. This table applies if it rejects a batch of several records and does not name the invalid
ones. If it names them (KIP-467), the other records fail with `_INVALID_DIFFERENT_RECORD`. ottla does not resend the records of
a rejected batch. (Java splits a batch that is too large and resends it.) librdkafka may already have sent later records of the partition, so
resending would change the order.
";

const TRANSACTIONS: &str = "
## Transaction calls

An error of `init_transactions`, `begin_transaction`, `send_offsets`, `commit` or `abort` has flags of its own, which may differ from those of
its code in the tables above. Check them in this order; a loop that does so terminates for every code at every step.

| flag | what to do |
| --- | --- |
| fatal | build a new producer |
| abortable | abort, then begin another transaction |
| retriable | make the same call again: it continues where this one stopped |
| none | fix the program: calls in the wrong order, or invalid arguments |

Differences from Java:

| error | Java | ottla |
| --- | --- | --- |
| `INVALID_PRODUCER_EPOCH` for a record | abortable | fatal: librdkafka cannot continue after it |
| `INVALID_PRODUCER_EPOCH` or `PRODUCER_FENCED` after the transaction was open for `transaction.timeout.ms` or longer | like any fenced producer | `TransactionExpired`, fatal: the coordinator has most likely aborted the transaction, even without another producer |
| any code that is not retriable, from `init_transactions` or `abort` | fatal at once | retried until `max.block.ms` is over, then fatal |
| a code that neither client handles, from `send_offsets` or `commit` | fatal | abortable; the abort is fatal if the coordinator has already ended the transaction |
| a record that cannot be serialized | thrown by `send`; the transaction continues | fails the transaction, because a future may be dropped unread |
";

const COLUMNS: &str = "| code | name | kind | retriable | abortable | fatal | Java exception | what to do |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

fn text() -> String {
    let mut text = HEAD.to_owned();
    for (title, codes) in [("Broker codes", broker_codes::CODES), ("librdkafka codes", librdkafka_codes::CODES)] {
        text.push_str(&format!("\n## {title}\n\n{COLUMNS}"));
        codes.iter().filter(|meaning| meaning.code != 0).for_each(|meaning| text.push_str(&row(meaning)));
    }
    text.push_str(&format!("{BATCHES}\n{COLUMNS}"));
    broker_codes::CODES.iter().filter_map(|meaning| of_batch(meaning.code)).for_each(|meaning| text.push_str(&row(&meaning)));
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
fn errors_page_is_up_to_date() {
    assert_page("errors.md", &text());
}
