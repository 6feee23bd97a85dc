//! Authentication with a Kafka of `scripts/kafka up --secure`: one cluster for all cases, which run in parallel, and a table of the results.

mod entry;
mod refusal;
mod rotation;
mod tokens;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use ottla_test_support::{
    chain,
    secured::{self, Secured},
};

/// A case: its test and expected result. It fails by a panic, and returns the text for the table.
struct Case {
    name: String,
    run: Box<dyn FnOnce(&Secured) -> String + Send>,
}

impl Case {
    fn new(name: impl Into<String>, run: impl FnOnce(&Secured) -> String + Send + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// How many cases run at the same time; most of them wait.
const AT_ONCE: usize = 12;

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn valid_logins_succeed_and_invalid_ones_fail() {
    let secured = Secured::start();
    // The long ones first.
    let cases = [rotation::cases(), tokens::cases(), refusal::cases(), entry::cases()];
    let mut cases: Vec<Case> = cases.into_iter().flatten().collect();
    cases.reverse();
    let count = cases.len();
    let (queue, rows) = (Mutex::new(cases), Mutex::new(Vec::new()));
    thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().pop() else { return };
                    let begun = Instant::now();
                    let outcome = catch_unwind(AssertUnwindSafe(|| (case.run)(&secured)));
                    rows.lock().unwrap().push((case.name, outcome.map_err(|panic| message(&*panic)), begun.elapsed()));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    assert_eq!(rows.len(), count);
    println!("{:55} {:7} {:>7}  error, or what was seen", "case", "outcome", "seconds");
    for (name, outcome, time) in &rows {
        let (word, text) = match outcome {
            Ok(text) => ("as it should", text),
            Err(text) => ("FAILED", text),
        };
        println!("{name:55} {word:12} {:>7.1}  {text}", time.as_secs_f64());
    }
    let failed: Vec<_> =
        rows.iter().filter_map(|(name, outcome, _)| Some(format!("{name}: {}", outcome.as_ref().err()?))).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic without a message".to_owned())
}

/// The longest time until the error of a rejected login.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
