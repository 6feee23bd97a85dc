//! `ottla perf`: sends records at a rate or as fast as possible, and reports throughput and latency.

mod arguments;
mod comparison;
mod keys;
mod latencies;
mod load;
mod measurement;
mod outcome;
mod page;
mod page_file;
mod payload;
mod schedule;
mod series;
mod transactions;

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use serde::Serialize;

pub(crate) use self::arguments::PerfArguments;
use self::{
    comparison::Comparison,
    load::{Running, Target},
    outcome::Outcome,
    page_file::PageFile,
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

/// An error means that the first run ended before its first record, and that nothing was printed.
fn run(arguments: &PerfArguments) -> Result<Exit, Failure> {
    arguments.check()?;
    let running = Running::new(Interrupt::listen()?);
    let mut payloads = Payloads::new(arguments)?;
    let load = arguments.load();
    if let [a, b] = &arguments.compare[..] {
        let targets = [Target::read(arguments, Some(a))?, Target::read(arguments, Some(b))?];
        let page = PageFile::open(arguments)?;
        let comparison = compare(&targets, arguments, &mut payloads, &running)?;
        tell_end(comparison.broken.as_ref().map(|(_, run)| run));
        return Ok(show(&comparison, comparison.exit(), arguments.json, page, || page::of_comparison(&comparison, &load)));
    }
    let target = Target::read(arguments, None)?;
    let page = PageFile::open(arguments)?;
    let outcome = target.measure(arguments, &mut payloads, &running)?;
    tell_end(Some(&outcome));
    Ok(show(&outcome, outcome.exit(), arguments.json, page, || page::of_run(&outcome, &load)))
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

/// Prints the figures and writes the page. An error is printed here: after the figures no JSON object with an error may follow.
fn show<F: Serialize + Display>(
    figures: &F,
    exit: Exit,
    is_json: bool,
    page: Option<PageFile>,
    html: impl FnOnce() -> String,
) -> Exit {
    let printed = print(figures, figures, is_json).map(drop);
    let written = page.map_or(Ok(()), |page| page.write(&html()));
    let failed = [printed, written].into_iter().filter_map(Result::err).map(Failure::tell);
    failed.fold(exit, |exit, failed| if exit == Exit::Done { failed } else { exit })
}

fn print(json: &impl Serialize, text: &impl Display, is_json: bool) -> Result<Exit, Failure> {
    let text =
        if is_json { serde_json::to_string(json).map_err(|error| Failure::new(Exit::Failed, error))? } else { text.to_string() };
    written(writeln!(io::stdout(), "{text}"))
}
