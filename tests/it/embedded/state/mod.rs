//! A state machine: random steps on real producers and the embedded broker, held against a model.
//!
//! A case is a list of steps from a seed ([`step`]); [`machine`] runs it; [`ledger`] knows what was sent and heard. After every step and
//! at the end: each record has one report; a commit is `Ok` only if all of its transaction is acknowledged; what is acknowledged is in
//! the log, in order; `buffer.memory` is kept and free at the end; no step is stuck. A case that fails is shrunk and printed with its seed.
//!
//! `OTTLA_TEST_STATE_SECONDS` (20) is shared by the profiles, `OTTLA_TEST_STATE_SEED` is the first case's seed, `OTTLA_TEST_STATE_ONLY`
//! names profiles (`Memory,Inline`), `OTTLA_TEST_STATE_PATIENCE` is how many seconds a step may take (60), `OTTLA_TEST_STATE_SHRINK` how many
//! the search for a smaller case may (120); with `OTTLA_TEST_STATE_TRACE` every step is printed as it begins. `make state SECONDS=n` runs it for longer.

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
fn every_way_to_send_reports_each_record_once() {
    search(Profile::Sending);
}

#[test]
fn a_small_buffer_serves_its_waiters_in_order() {
    search(Profile::Memory);
}

#[test]
fn nobody_waits_for_a_batch_that_lingers() {
    search(Profile::Linger);
}

#[test]
fn deferred_serializers_hold_up_their_topic_only_while_they_wait() {
    search(Profile::Deferred);
}

#[test]
fn user_code_that_panics_or_sends_costs_its_record_only() {
    search(Profile::UserCode);
}

#[test]
fn values_whose_drop_panics_cost_their_record_only() {
    search(Profile::Bombs);
}

#[test]
fn callbacks_that_block_do_not_hold_up_an_end_with_a_timeout() {
    search(Profile::Blocking);
}

#[test]
fn wakers_that_run_their_task_deadlock_nothing() {
    search(Profile::Inline);
}

#[test]
fn brokers_that_fail_cost_no_report() {
    search(Profile::Faults);
}

#[test]
fn transactions_are_committed_whole() {
    search(Profile::Transaction);
}

#[test]
fn transactions_end_when_errors_are_followed() {
    search(Profile::TransactionFaults);
}

#[test]
fn producers_end_in_every_state() {
    search(Profile::Ending);
}
