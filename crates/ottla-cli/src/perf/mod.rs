//! `ottla perf`: sends records at a rate or as fast as possible, and reports throughput and latency.

mod arguments;
mod comparison;
mod keys;
mod latencies;
mod load;
mod measurement;
mod outcome;
mod page;
mod payload;
mod schedule;
mod series;
mod transactions;

use std::{
    fmt::Display,
    fs,
    io::{self, Write as _},
};

use serde::Serialize;

pub(crate) use self::arguments::PerfArguments;
use self::{
    comparison::Comparison,
    load::{Running, Target},
    outcome::Outcome,
    payload::Payloads,
};
use crate::{
    exit::{Exit, Failure, written},
    interrupt::Interrupt,
    message,
};

/// Runs the command.
pub(crate) fn perf(arguments: &PerfArguments) -> Result<Exit, Failure> {
    let ended = run(arguments);
    if let (Err(failure), true) = (&ended, arguments.json) {
        print(&serde_json::json!({ "error": failure.text() }), &"", true)?;
    }
    ended
}

/// An error means that the first run ended before its first record.
fn run(arguments: &PerfArguments) -> Result<Exit, Failure> {
    arguments.check()?;
    let running = Running::new(Interrupt::listen()?);
    let mut payloads = Payloads::new(arguments)?;
    // Before the measurement, so that a path that cannot be written loses no figures.
    if let Some(path) = &arguments.html {
        fs::write(path, "").map_err(|error| cannot_write(arguments, &error))?;
    }
    let load = arguments.load();
    if let [a, b] = &arguments.compare[..] {
        let targets = [Target::read(arguments, Some(a))?, Target::read(arguments, Some(b))?];
        let comparison = compare(&targets, arguments, &mut payloads, &running)?;
        tell_end(comparison.broken.as_ref().map(|(_, run)| run));
        print(&comparison, &comparison, arguments.json)?;
        write_page(arguments, || page::of_comparison(&comparison, &load))?;
        return Ok(comparison.exit());
    }
    let outcome = Target::read(arguments, None)?.measure(arguments, &mut payloads, &running)?;
    tell_end(Some(&outcome));
    print(&outcome, &outcome, arguments.json)?;
    write_page(arguments, || page::of_run(&outcome, &load))?;
    Ok(outcome.exit())
}

/// Runs both configurations in each round.
fn compare(
    targets: &[Target; 2],
    arguments: &PerfArguments,
    payloads: &mut Payloads,
    running: &Running,
) -> Result<Comparison, Failure> {
    let mut comparison = Comparison::new();
    for round in 0..arguments.rounds() {
        let mut runs = [None, None];
        for side in Comparison::order(round) {
            let run = targets[side].measure(arguments, payloads, running);
            let run = match run {
                Ok(run) if run.ended.is_none() => run,
                Ok(run) => {
                    comparison.broken = Some((side, run));
                    return Ok(comparison);
                }
                // The figures of the earlier rounds are not lost.
                Err(failure) if comparison.rounds.is_empty() => return Err(failure),
                Err(failure) => {
                    comparison.broken = Some((side, targets[side].unstarted(failure.text(), &running.interrupt)));
                    return Ok(comparison);
                }
            };
            let letter = ["A", "B"][side];
            message::tell(format_args!("round {}, {letter}: {run}", round + 1));
            runs[side] = Some(run);
        }
        if let [Some(a), Some(b)] = runs {
            comparison.rounds.push([a, b]);
        }
    }
    Ok(comparison)
}

/// Prints why a run ended early.
fn tell_end(run: Option<&Outcome>) {
    if let Some(reason) = run.filter(|run| !run.is_interrupted).and_then(|run| run.ended.as_ref()) {
        message::tell(format_args!("stopped sending: {reason}"));
    }
}

fn print(json: &impl Serialize, text: &impl Display, is_json: bool) -> Result<Exit, Failure> {
    let text =
        if is_json { serde_json::to_string(json).map_err(|error| Failure::new(Exit::Failed, error))? } else { text.to_string() };
    written(writeln!(io::stdout(), "{text}"))
}

fn write_page(arguments: &PerfArguments, page: impl FnOnce() -> String) -> Result<(), Failure> {
    match &arguments.html {
        Some(path) => fs::write(path, page()).map_err(|error| cannot_write(arguments, &error)),
        None => Ok(()),
    }
}

fn cannot_write(arguments: &PerfArguments, error: &io::Error) -> Failure {
    let path = arguments.html.as_deref().unwrap_or_else(|| "-".as_ref()).display();
    Failure::new(Exit::Failed, format!("--html {path}: cannot be written: {error}"))
}
