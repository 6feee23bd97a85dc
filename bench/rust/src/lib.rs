//! The clients on librdkafka, by their names. `bin/client.rs` and `bin/client-jemalloc.rs` are the same program on two allocators.

mod client;

use anyhow::bail;
use bench_workload::{Arguments, Records};
use clap::Parser;

/// CLIENT WORKLOAD [OPTION]...
#[derive(Debug, Parser)]
struct Command {
    client: String,
    #[command(flatten)]
    arguments: Arguments,
}

pub fn main() -> anyhow::Result<()> {
    let Command { client, arguments } = Command::parse();
    let records = Records::new(&arguments)?;
    match client.as_str() {
        "ottla-future" => client::ottla_future::run(&arguments, &records),
        "ottla-batch" => client::ottla_batch::run(&arguments, &records),
        "ottla-callback" => client::ottla_callback::run(&arguments, &records),
        "c-loop" => client::c_loop::run(&arguments, &records),
        "rdkafka-future" => client::rdkafka_future::run(&arguments, &records),
        "rdkafka-threaded" => client::rdkafka_threaded::run(&arguments, &records),
        other => bail!("{other}: not one of ottla-future, ottla-batch, ottla-callback, c-loop, rdkafka-future, rdkafka-threaded"),
    }
}
