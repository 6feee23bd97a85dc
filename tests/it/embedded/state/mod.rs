//! A state machine: random steps on real producers with the embedded broker, compared with a model.
//!
//! A case is a list of steps from a seed ([`step`]); [`machine`] runs it; [`ledger`] has the sent records and their reports. The invariants
//! after each step and at the end: each record has one report; a commit is `Ok` only if all records of its transaction are acknowledged;
//! acknowledged records are in the log, in order; `buffer.memory` is respected, and free at the end; no step hangs. A failing case is shrunk
//! and printed with its seed.
//!
//! `OTTLA_TEST_STATE_SECONDS` (20) is the time for all profiles, `OTTLA_TEST_STATE_SEED` the seed of the first case, `OTTLA_TEST_STATE_ONLY`
//! selects profiles (`Memory,Inline`), `OTTLA_TEST_STATE_PATIENCE` is the timeout of a step in seconds (60), `OTTLA_TEST_STATE_SHRINK` the time
//! for shrinking in seconds (120). With `OTTLA_TEST_STATE_TRACE` each step is printed when it starts. `make state SECONDS=n` runs longer.

mod conformance;
mod ending;
mod inline;
mod ledger;
mod machine;
mod profile;
mod search;
mod sending;
mod step;
mod transaction;
mod user_code;

use self::{profile::Profile, search::search};

#[test]
fn all_ways_to_send_report_each_record_once() {
    search(Profile::Sending);
}

#[test]
fn small_buffer_serves_waiting_senders_in_order() {
    search(Profile::Memory);
}

#[test]
fn no_sender_waits_for_a_lingering_batch() {
    search(Profile::Linger);
}

#[test]
fn deferred_serializers_delay_their_topic_only_while_they_wait() {
    search(Profile::Deferred);
}

#[test]
fn user_code_that_panics_or_sends_affects_its_record_only() {
    search(Profile::UserCode);
}

#[test]
fn values_that_panic_in_drop_affect_their_record_only() {
    search(Profile::Bombs);
}

#[test]
fn blocked_callbacks_do_not_delay_an_end_with_a_timeout() {
    search(Profile::Blocking);
}

#[test]
fn wakers_that_run_their_task_do_not_deadlock() {
    search(Profile::Inline);
}

#[test]
fn failing_brokers_lose_no_report() {
    search(Profile::Faults);
}

#[test]
fn transactions_are_committed_completely() {
    search(Profile::Transaction);
}

#[test]
fn transactions_end_if_error_flags_are_followed() {
    search(Profile::TransactionFaults);
}

#[test]
fn producers_end_in_every_state() {
    search(Profile::Ending);
}
