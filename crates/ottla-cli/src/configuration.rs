//! `ottla config`: checks and explains configuration files, without a broker.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    args::{ConfigArguments, ConfigCommand},
    exit::{Exit, Failure, written},
    plan::Plan,
    settings::{Client, Settings},
};

/// Runs a subcommand.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        ConfigCommand::Check { files, strict } => check(files, *strict),
        ConfigCommand::Explain { file, set } => explain(file, set),
    }
}

/// Prints that each file is good, or all its errors. The environment is applied as in a run, and the input that a file describes
/// is checked as `produce` does before it connects.
fn check(files: &[PathBuf], is_strict: bool) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for file in files {
        let checked = Settings::read(Some(file), &[]).and_then(|mut settings| {
            settings.is_strict = is_strict;
            check_clients(&settings)?;
            if settings.clients.contains(&Client::Producer) { Plan::check(settings, file) } else { Ok(()) }
        });
        match checked {
            Ok(()) => drop(written(writeln!(io::stdout(), "{}: good", file.display()))?),
            Err(failure) => exit = failure.tell(),
        }
    }
    Ok(exit)
}

/// Prints every setting, also if they conflict: an explanation is most useful then.
fn explain(file: &Path, set: &[String]) -> Result<Exit, Failure> {
    let settings = Settings::read(Some(file), set)?;
    let mut text = String::new();
    for client in &settings.clients {
        let (table, explanation) = match client {
            Client::Producer => ("producer", settings.producer.explain()),
            Client::Consumer => ("consumer", settings.consumer.explain()),
        };
        if settings.clients.len() > 1 {
            text.push_str(&format!("{}[{table}]\n", if text.is_empty() { "" } else { "\n" }));
        }
        text.push_str(&explanation.to_string());
    }
    if settings.clients.contains(&Client::Producer) {
        text.push_str(&settings.job.explain_input(file));
        text.push_str(&settings.job.record.explain());
        text.push_str(&settings.job.new_topic.explain());
        text.push_str(&settings.job.checkpoint.explain());
    }
    let exit = written(write!(io::stdout(), "{text}"))?;
    check_clients(&settings)?;
    Ok(exit)
}

fn check_clients(settings: &Settings) -> Result<(), Failure> {
    settings.clients.iter().try_for_each(|client| settings.check(*client))
}
