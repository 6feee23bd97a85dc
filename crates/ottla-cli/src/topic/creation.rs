//! [`create_topics`]: creates the topics of a run that are absent, and reports how the others differ from `[topic]`.

use ottla::{Error, ErrorKind, Producer, producer::TopicConfig};

use super::{description::TopicDescription, settings::TopicSettings};
use crate::{
    exit::{Failure, chain},
    message,
    record::TopicRule,
};

/// Checks that each topic of the run is known before the first record, if they are to be created.
///
/// # Errors
/// A topic may be any that matches a pattern.
pub(crate) fn check_creation(settings: &TopicSettings, rule: Option<&TopicRule>) -> Result<(), Failure> {
    let pattern = rule.filter(|_| settings.create).and_then(|rule| rule.patterns().first());
    pattern.map_or(Ok(()), |pattern| {
        let message = format!("the topics of the pattern {pattern} in record.topics are not known; list each topic by its name");
        Err(settings.failure("topic.create", &message))
    })
}

/// Creates each topic that is absent, if `[topic]` says so, and waits until its partitions accept records. Reports how existing topics differ;
/// they are not changed.
///
/// # Errors
/// A topic cannot be created, or the brokers do not answer.
pub(crate) async fn create_topics(
    producer: &Producer<[u8], [u8]>,
    settings: &TopicSettings,
    topics: &[&String],
) -> Result<(), Failure> {
    for topic in topics.iter().filter(|_| settings.describes()) {
        let found = match TopicDescription::request_configs(producer, topic).await? {
            // A request for the metadata of a topic that does not exist may create it with the brokers' defaults. Brokers that cannot describe
            // configurations are not asked: an embedded one does not answer.
            Some(Err(error))
                if settings.create
                    && error.kind() == ErrorKind::Authorization
                    && create_unseen(producer, settings, topic).await? =>
            {
                continue;
            }
            Some(configs) => TopicDescription::of_configs(producer, topic, configs).await?,
            None => None,
        };
        match found {
            Some(found) => differences(settings, &found).iter().for_each(message::tell),
            None if settings.create => create(producer, settings, topic).await?,
            // The request for its metadata reports it.
            None => {}
        }
    }
    Ok(())
}

async fn create(producer: &Producer<[u8], [u8]>, settings: &TopicSettings, topic: &str) -> Result<(), Failure> {
    match producer.create_topic(settings.new_topic(topic)).await {
        Ok(()) => report_created(producer, topic).await,
        // Another run has created it.
        Err(error) if exists(&error) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

/// Creates a topic that may exist. Returns whether it did not.
///
/// # Errors
/// As for [`create_topics`].
async fn create_unseen(producer: &Producer<[u8], [u8]>, settings: &TopicSettings, topic: &str) -> Result<bool, Failure> {
    match producer.create_topic(settings.new_topic(topic)).await {
        Ok(()) => report_created(producer, topic).await.map(|()| true),
        Err(error) if exists(&error) => Ok(false),
        // Then a request for the metadata does not create it either.
        Err(error) if error.kind() == ErrorKind::Authorization => Ok(false),
        Err(error) => Err(refused(error)),
    }
}

async fn report_created(producer: &Producer<[u8], [u8]>, topic: &str) -> Result<(), Failure> {
    let partitions = producer.partitions_for(topic).await?;
    let replicas = partitions.first().map_or(0, |partition| partition.replicas().len());
    message::tell(format_args!(
        "the topic {topic} is created: {} {}, {replicas} {}",
        partitions.len(),
        if partitions.len() == 1 { "partition" } else { "partitions" },
        if replicas == 1 { "replica" } else { "replicas" },
    ));
    Ok(())
}

fn exists(error: &Error) -> bool {
    error.name() == Some("TOPIC_ALREADY_EXISTS")
}

fn refused(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::Broker => Failure::usage(format!("{}; correct [topic], or create the topic yourself", chain(&error))),
        _ => error.into(),
    }
}

/// How a topic differs from the settings, a line for each difference.
fn differences(settings: &TopicSettings, found: &TopicDescription) -> Vec<String> {
    let topic = &found.topic;
    let mut lines = Vec::new();
    let mut differ = |name: &str, is: &str, wanted: &str| {
        lines.push(format!("warning: topic {topic}: {name} is {is}, and [topic] has {wanted}; an existing topic is not changed"));
    };
    let partitions = found.partitions.len();
    if let Some(wanted) = settings.partitions.filter(|wanted| usize::try_from(*wanted) != Ok(partitions)) {
        differ("partitions", &partitions.to_string(), &wanted.to_string());
    }
    let replication = found.replication();
    if let Some(wanted) = settings.replication.filter(|wanted| replication != [usize::from(*wanted)]) {
        let is: Vec<String> = replication.iter().map(ToString::to_string).collect();
        differ("replication", &is.join(" and "), &wanted.to_string());
    }
    match &found.configs {
        Ok(configs) => {
            for (name, wanted) in &settings.configs {
                let is = configs.iter().find(|config| config.name() == name).map(TopicConfig::value);
                match is {
                    Some(Some(is)) if is == wanted => {}
                    Some(Some(is)) => differ(name, is, wanted),
                    Some(None) => differ(name, "not reported", wanted),
                    None => differ(name, "unknown to the brokers", wanted),
                }
            }
        }
        Err(reason) if !settings.configs.is_empty() => {
            lines.push(format!("warning: topic {topic}: its configurations are not compared with [topic]: {reason}"));
        }
        Err(_) => {}
    }
    lines
}
