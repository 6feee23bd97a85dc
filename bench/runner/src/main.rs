//! Runs every client under every load, interleaved: for every load, for every round, every client once, in an order that moves on by
//! one with the round, so that none always comes first or after the same other one.

mod broker;
mod launch;
mod machine;
mod publish;
mod values;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use bench_figures::{CLIENTS, LOADS, Load, Machine, Measurement, client, load};
use clap::Parser;

use crate::{broker::Broker, launch::Launch};

/// Runs every client under every load, interleaved, and writes tables and plots
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Loads by name, separated by commas [default: all]
    #[arg(long, value_delimiter = ',')]
    loads: Vec<String>,
    /// Clients by name, separated by commas [default: all]
    #[arg(long, value_delimiter = ',')]
    clients: Vec<String>,
    /// Rounds of every client under every load, after a shorter warm-up round that is not counted [default: 5, with --quick 3]
    #[arg(long)]
    rounds: Option<usize>,
    /// Records per run, if throughput is measured [default: that of the load]
    #[arg(long)]
    records: Option<usize>,
    /// Run only the main loads and clients, in under three minutes
    #[arg(long)]
    quick: bool,
    /// The JSON file to write; --publish writes tables and plots beside it, otherwise the tables are printed
    #[arg(long)]
    out: PathBuf,
    /// Write latest.md and the plots beside OUT, and the main figures into this page
    #[arg(long, value_name = "PAGE")]
    publish: Option<PathBuf>,
    /// Run nothing: read OUT and write its tables and plots
    #[arg(long)]
    render: bool,
    /// The broker
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", default_value = "localhost:9092")]
    bootstrap: String,
    /// The folder that scripts/bench built: CLIENT, a program, or CLIENT.missing, a text with the reason
    #[arg(long)]
    built: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let machine_file = arguments.out.with_extension("machine.json");
    let (machine, measurements) = if arguments.render {
        let read = |path: &PathBuf| fs::read(path).with_context(|| format!("{}", path.display()));
        (serde_json::from_slice(&read(&machine_file)?)?, serde_json::from_slice(&read(&arguments.out)?)?)
    } else {
        let (machine, measurements) = run(&arguments)?;
        fs::write(&machine_file, serde_json::to_string_pretty(&machine)? + "\n")?;
        fs::write(&arguments.out, publish::list(&measurements)?).with_context(|| format!("{}", arguments.out.display()))?;
        (machine, measurements)
    };
    publish::publish(&machine, &measurements, &arguments.out, arguments.publish.as_deref())
}

fn run(arguments: &Arguments) -> Result<(Machine, Vec<Measurement>)> {
    let loads = chosen(&arguments.loads, if arguments.quick { &load::QUICK } else { &[] }, &LOADS.map(|load| load.name), "load")?;
    let clients = chosen(&arguments.clients, if arguments.quick { &client::QUICK } else { &[] }, &CLIENTS, "client")?;
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 5 });
    ensure!(rounds > 0, "--rounds 0");
    let values = values::file(&arguments.built)?;
    let broker = Broker::connect(&arguments.bootstrap)?;
    let mut machine = Machine { rounds, ..machine::describe() };
    let mut measurements = Vec::new();
    for load in loads.iter().filter_map(|name| Load::named(name)) {
        let launch = Launch { load, records: arguments.records, built: &arguments.built, values: &values };
        let start = Instant::now();
        run_load(&launch, &clients, rounds, &broker, &mut measurements, &mut machine.versions)?;
        eprintln!("{:20} took {:.0} s", load.name, start.elapsed().as_secs_f64());
        // Keeps the results so far if the rest fails.
        fs::write(&arguments.out, publish::list(&measurements)?).with_context(|| format!("{}", arguments.out.display()))?;
    }
    Ok((machine, measurements))
}

/// The requested names, in the order of the list.
fn chosen(asked: &[String], quick: &[&str], all: &[&'static str], what: &str) -> Result<Vec<&'static str>> {
    for name in asked {
        ensure!(all.contains(&name.as_str()), "{name}: not a {what}; there are {}", all.join(", "));
    }
    let wanted = |name: &&&'static str| match (asked, quick) {
        ([], []) => true,
        ([], quick) => quick.contains(*name),
        (asked, _) => asked.iter().any(|one| one == **name),
    };
    Ok(all.iter().filter(wanted).copied().collect())
}

fn run_load(
    launch: &Launch<'_>,
    clients: &[&'static str],
    rounds: usize,
    broker: &Broker,
    measurements: &mut Vec<Measurement>,
    versions: &mut BTreeMap<String, String>,
) -> Result<()> {
    let load = &launch.load;
    let mut there = Vec::new();
    for &client in clients.iter().filter(|client| load.clients.contains(client)) {
        match launch.missing(client) {
            None => there.push(client),
            Some(why) => {
                eprintln!("{:20} {:22} missing: {why}", load.name, client);
                measurements.push(Measurement {
                    load: load.name.into(),
                    client: client.into(),
                    missing: Some(why),
                    ..Measurement::default()
                });
            }
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    let kept = if load.keeps_topics() { Some(broker.create(load)?) } else { None };
    for round in 0..=rounds {
        for turn in 0..there.len() {
            let client = there[(turn + round) % there.len()];
            let fresh = if kept.is_none() { Some(broker.create(load)?) } else { None };
            let Some(topics) = kept.as_ref().or(fresh.as_ref()) else { continue };
            let (measurement, version) = launch.run(client, round, broker, topics);
            if let Some(topics) = &fresh {
                broker.delete(topics)?;
            }
            // Round 0 warms up the broker and the machine's caches.
            let what = if round == 0 { "warm-up".to_owned() } else { format!("round {round}") };
            eprintln!("{:20} {:22} {what:8} {}", load.name, client, launch::summary(&measurement));
            if round > 0 {
                measurements.push(measurement);
            }
            if let Some(version) = version {
                versions.insert(client.into(), version);
            }
        }
    }
    if let Some(topics) = &kept {
        broker.delete(topics)?;
    }
    Ok(())
}
