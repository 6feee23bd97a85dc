//! `ottla`: Kafka producing from the command line.

mod aligned_table;
mod args;
mod avro_names;
mod batch_size;
mod checkpoint;
mod configuration;
mod consume;
mod consumed;
mod dead_letter;
mod dead_letter_source;
mod decoder;
mod dry_run;
mod embedded;
mod encoder;
mod encoders;
mod encoding;
mod exit;
mod file_identity;
mod follow;
mod health;
mod input;
mod input_totals;
mod inputs;
mod interrupt;
mod job;
mod lock;
mod log;
mod message;
mod monitoring;
mod pace;
mod partition_totals;
mod perf;
mod pipeline;
mod plan;
mod produce;
mod progress;
mod record;
mod report;
mod row;
mod run_totals;
mod schema;
mod schema_source;
mod sender;
mod settings;
mod source;
mod suggestion;
mod topic;
mod transactions;
mod typed;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command};

// On Linux librdkafka allocates with malloc, which is mimalloc's as well.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::start();
    let ended = match arguments.command {
        Command::Produce(arguments) => produce::produce(&arguments),
        Command::Consume(arguments) => consume::consume(&arguments),
        Command::Perf(arguments) => perf::perf(&arguments),
        Command::Checkpoint(arguments) => checkpoint::run(&arguments),
        Command::Topic(arguments) => topic::run(&arguments),
        Command::Config(arguments) => configuration::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Health { address } => health::check(&address),
        Command::Completions { shell } => args::completions(shell),
        Command::Man { folder } => args::manual(&folder),
    };
    match ended {
        Ok(exit) => exit.code(),
        Err(failure) => failure.tell().code(),
    }
}
