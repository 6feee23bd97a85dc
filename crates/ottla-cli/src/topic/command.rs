//! `ottla topic`: describes topics.

use std::io::{self, Write as _};

use futures::{
    executor::block_on,
    future::{Either, select},
};

use super::description::TopicDescription;
use crate::{
    args::{TopicArguments, TopicCommand},
    exit::{Exit, Failure, written},
    interrupt::Interrupt,
    produce::build,
    settings::{Client, Settings},
};

/// Runs a subcommand.
pub(crate) fn run(arguments: &TopicArguments) -> Result<Exit, Failure> {
    let TopicCommand::Describe { settings, topic, json } = &arguments.command;
    let place = settings.place();
    let settings = Settings::load(settings)?;
    settings.check(Client::Producer)?;
    let topics = match topic {
        Some(topic) => vec![topic.clone()],
        None => topics(&settings),
    };
    if topics.is_empty() {
        return Err(Failure::usage(format!("no topic: pass --topic, or set `topic` in {}", place.display())));
    }
    let interrupt = Interrupt::listen()?;
    let producer = build(&settings.producer)?;
    for topic in &topics {
        let requested = std::pin::pin!(TopicDescription::request(&producer, topic));
        let found = match block_on(select(requested, interrupt.pressed())) {
            Either::Left((found, _)) => found?,
            Either::Right(_) => return Ok(Exit::Interrupted),
        };
        let found = found.ok_or_else(|| Failure::usage(format!("topic {topic}: does not exist")))?;
        let text = if *json { format!("{}\n", found.json()) } else { found.text() };
        written(io::stdout().lock().write_all(text.as_bytes()))?;
    }
    Ok(Exit::Done)
}

/// The topics of the configuration that are known: one, or those that data may address by name.
fn topics(settings: &Settings) -> Vec<String> {
    let record = &settings.job.record;
    match record.topic_rule() {
        Some(rule) => rule.names().to_vec(),
        None => settings.job.topic.clone().or_else(|| record.constant_topic().map(str::to_owned)).into_iter().collect(),
    }
}
