//! `ottla checkpoint`: shows and resets the checkpoints of a configuration.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use futures::executor::block_on;
use indicatif::HumanCount;
use ottla::ProducerRecord;
use serde_json::json;

use super::{
    canonical_of_absent, check,
    checkpoints::canonical,
    file_position::Positions,
    file_store::FileStore,
    settings::CheckpointPlace,
    topic_store::{PARTITION, TopicStore},
};
use crate::{
    aligned_table::aligned,
    args::{CheckpointArguments, CheckpointCommand, ReportFormat},
    exit::{Exit, Failure, written},
    interrupt::Interrupt,
    produce::build,
    settings::{Client, Settings},
};

/// How long closing the producer may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a subcommand.
pub(crate) fn run(arguments: &CheckpointArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        CheckpointCommand::Show { settings, report } => show(&Settings::load(settings)?, *report),
        CheckpointCommand::Reset { settings, input } => reset(&Settings::load(settings)?, input),
    }
}

/// Where the checkpoints of the configuration are.
fn place(settings: &Settings) -> Result<CheckpointPlace, Failure> {
    check(&settings.job.checkpoint, &settings.producer, settings.job.topic.as_deref().unwrap_or_default(), None)?;
    let file = settings.job.checkpoint.config().display();
    settings
        .job
        .checkpoint
        .place()
        .ok_or_else(|| Failure::usage(format!("{file}: no checkpoints; set `file` or `topic` in [checkpoint]")))
}

fn store(settings: &Settings, topic: String) -> TopicStore {
    TopicStore::new(topic, settings.producer.get("transactional.id").unwrap_or_default().to_owned())
}

fn show(settings: &Settings, report: ReportFormat) -> Result<Exit, Failure> {
    let place = place(settings)?;
    let positions = match &place {
        CheckpointPlace::File(path) => FileStore::read(path).map_err(Failure::usage)?,
        CheckpointPlace::Topic(topic) => {
            settings.check(Client::Producer)?;
            store(settings, topic.clone()).read(&settings.consumer)?
        }
    };
    let text = match report {
        ReportFormat::Text => table(&place, &positions),
        ReportFormat::Json => {
            let (kind, name) = match &place {
                CheckpointPlace::File(path) => ("file", path.display().to_string()),
                CheckpointPlace::Topic(topic) => ("topic", topic.clone()),
            };
            format!("{}\n", json!({ kind: name, "inputs": positions }))
        }
    };
    written(io::stdout().lock().write_all(text.as_bytes()))
}

/// The positions as a table.
fn table(place: &CheckpointPlace, positions: &Positions) -> String {
    let place = match place {
        CheckpointPlace::File(path) => format!("checkpoint file {}", path.display()),
        CheckpointPlace::Topic(topic) => format!("checkpoint topic {topic}"),
    };
    if positions.is_empty() {
        return format!("{place}: no checkpoints\n");
    }
    let mut rows = vec![["INPUT", "LINE", "BYTE", "TOPIC"].map(str::to_owned)];
    rows.extend(positions.iter().map(|(input, position)| {
        let [line, byte] = [position.line, position.offset].map(|count| HumanCount(count).to_string());
        let input = position.path().map_or_else(|| input.clone(), |path| format!("{path} (complete)"));
        [input, line, byte, position.topic().to_owned()]
    }));
    format!("{place}\n{}", aligned(&rows).trim_start())
}

fn reset(settings: &Settings, inputs: &[PathBuf]) -> Result<Exit, Failure> {
    match place(settings)? {
        CheckpointPlace::File(path) => {
            if !path.exists() {
                return told(&[], &Positions::new());
            }
            let (mut store, mut positions) = FileStore::open(&path).map_err(Failure::usage)?;
            let before = positions.clone();
            let chosen = chosen(&positions, inputs)?;
            positions.retain(|input, _| !chosen.contains(input));
            store.write(&positions).map_err(|error| Failure::new(Exit::Failed, error))?;
            told(&chosen, &before)
        }
        CheckpointPlace::Topic(topic) => {
            let interrupt = Interrupt::listen()?;
            settings.check(Client::Producer)?;
            let store = store(settings, topic.clone());
            let producer = build(&settings.producer)?;
            block_on(producer.init_transactions())?;
            block_on(store.prepare(&producer))?;
            let positions = store.load(&producer, &settings.consumer, &interrupt)?;
            let chosen = chosen(&positions, inputs)?;
            let transaction = block_on(producer.begin_transaction())?;
            for input in &chosen {
                let (key, _) = store.record(input, None)?;
                drop(block_on(transaction.send(ProducerRecord::to(&*topic).key(&*key).partition(PARTITION)))?);
            }
            block_on(transaction.commit())?;
            let _ = producer.blocking().close(CLOSE_TIMEOUT);
            told(&chosen, &positions)
        }
    }
}

/// The inputs to reset: those that are named, or all.
fn chosen(positions: &Positions, inputs: &[PathBuf]) -> Result<Vec<String>, Failure> {
    if inputs.is_empty() {
        return Ok(positions.keys().cloned().collect());
    }
    let find = |input: &PathBuf| {
        // A file that is gone is found by the path in the checkpoint.
        let path = canonical(input).unwrap_or_else(|_| input.display().to_string());
        let is_one = |key: &str| key == path || canonical_of_absent(input).is_ok_and(|link| link == key);
        let of_path = positions.iter().filter(|(key, position)| is_one(position.path().unwrap_or(key)));
        let found: Vec<String> = of_path.map(|(key, _)| key.clone()).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let known: Vec<&str> = positions.iter().map(|(key, position)| position.path().unwrap_or(key)).collect();
        let known = if known.is_empty() { "there are none".to_owned() } else { format!("those are of {}", known.join(", ")) };
        Err(Failure::usage(format!("{}: has no checkpoint; {known}", input.display())))
    };
    Ok(inputs.iter().map(find).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Prints what was reset.
fn told(inputs: &[String], before: &Positions) -> Result<Exit, Failure> {
    let mut text = String::new();
    for input in inputs {
        let line = before.get(input).map_or(1, |position| position.line);
        let input = before.get(input).and_then(|position| position.path()).unwrap_or(input);
        text.push_str(&format!("{input}: reset; it was at line {}\n", HumanCount(line)));
    }
    if text.is_empty() {
        text.push_str("no checkpoints\n");
    }
    written(io::stdout().lock().write_all(text.as_bytes()))
}
