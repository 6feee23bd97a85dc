//! `ottla config`: checks and explains configuration files, without a broker.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    args::{ConfigArguments, ConfigCommand},
    exit::{Exit, Failure, written},
    settings::Settings,
};

/// Runs a subcommand.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        ConfigCommand::Check { files } => check(files),
        ConfigCommand::Explain { file, set } => explain(file, set),
    }
}

/// Says of each file that it is good, or all that is wrong with it, with the environment over it as when it is used.
fn check(files: &[PathBuf]) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for file in files {
        match Settings::read(file, &[]).and_then(|settings| settings.check()) {
            Ok(()) => drop(written(writeln!(io::stdout(), "{}: good", file.display()))?),
            Err(failure) => exit = failure.tell(),
        }
    }
    Ok(exit)
}

/// Shows every setting, also when they do not fit together: that is when one wants to see them.
fn explain(file: &Path, set: &[String]) -> Result<Exit, Failure> {
    let settings = Settings::read(file, set)?;
    let exit = written(write!(io::stdout(), "{}", settings.producer.explain()))?;
    settings.check()?;
    Ok(exit)
}
