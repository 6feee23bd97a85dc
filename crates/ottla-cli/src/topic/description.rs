//! [`TopicDescription`]: what the brokers report of a topic.

use ottla::{
    Error, ErrorKind, Producer,
    producer::{PartitionInfo, TopicConfig},
};
use serde_json::{Value, json};

use crate::{
    aligned_table::aligned,
    exit::{Failure, chain},
};

/// Shown for a value that the brokers do not report.
const HIDDEN: &str = "[hidden]";

/// What the brokers report of a topic.
pub(super) struct TopicDescription {
    pub(super) topic: String,
    pub(super) partitions: Vec<PartitionInfo>,
    /// The configurations, or why they are not known.
    pub(super) configs: Result<Vec<TopicConfig>, String>,
}

impl TopicDescription {
    /// Requests the configurations, or why they are not known; `None` if the topic does not exist, which is not known either without them.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub(super) async fn request_configs<V: ?Sized + 'static>(
        producer: &Producer<[u8], V>,
        topic: &str,
    ) -> Result<Option<Result<Vec<TopicConfig>, Error>>, Failure> {
        match producer.topic_configs(topic).await {
            Ok(configs) => Ok(Some(Ok(configs))),
            Err(error) => match error.kind() {
                ErrorKind::UnknownTopicOrPartition => Ok(None),
                // An embedded or old broker, or no permission to describe the configurations.
                ErrorKind::Client | ErrorKind::Authorization => Ok(Some(Err(error))),
                _ => Err(error.into()),
            },
        }
    }

    /// Requests the description; `None` if the topic does not exist. A topic that does not exist is not created, unless the brokers do not
    /// report configurations and create topics on a request for metadata.
    ///
    /// # Errors
    /// The brokers do not answer, or do not allow the request.
    pub(super) async fn request<V: ?Sized + 'static>(producer: &Producer<[u8], V>, topic: &str) -> Result<Option<Self>, Failure> {
        match Self::request_configs(producer, topic).await? {
            Some(configs) => Self::of_configs(producer, topic, configs).await,
            None => Ok(None),
        }
    }

    /// Requests the rest of the description.
    ///
    /// # Errors
    /// As for [`request`](Self::request).
    pub(super) async fn of_configs<V: ?Sized + 'static>(
        producer: &Producer<[u8], V>,
        topic: &str,
        configs: Result<Vec<TopicConfig>, Error>,
    ) -> Result<Option<Self>, Failure> {
        let configs = configs.map_err(|error| chain(&error));
        match producer.partitions_for(topic).await {
            Ok(partitions) => Ok(Some(Self { topic: topic.to_owned(), partitions, configs })),
            Err(error) if error.kind() == ErrorKind::UnknownTopicOrPartition => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The numbers of replicas that the partitions have, each once.
    pub(super) fn replication(&self) -> Vec<usize> {
        let mut found: Vec<usize> = self.partitions.iter().map(|partition| partition.replicas().len()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The configurations that the topic sets itself.
    fn own_configs(&self) -> Option<impl Iterator<Item = (&str, &str)>> {
        let own = self.configs.as_ref().ok()?.iter().filter(|config| config.is_set_on_topic());
        Some(own.map(|config| (config.name(), config.value().unwrap_or(HIDDEN))))
    }

    /// The description as text.
    pub(super) fn text(&self) -> String {
        let (count, replication) = (self.partitions.len(), self.replication());
        let noun = if count == 1 { "partition" } else { "partitions" };
        let replication: Vec<String> = replication.iter().map(ToString::to_string).collect();
        let mut text = format!("topic {}: {count} {noun}, replication factor {}\n", self.topic, replication.join(" and "));
        let mut rows = vec![["PARTITION", "LEADER", "REPLICAS", "IN SYNC"].map(str::to_owned)];
        let list = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        rows.extend(self.partitions.iter().map(|partition| {
            let leader = partition.leader().map_or_else(|| "none".to_owned(), |leader| leader.to_string());
            [partition.partition().to_string(), leader, list(partition.replicas()), list(partition.in_sync_replicas())]
        }));
        text.push_str(aligned(&rows).trim_start());
        match (self.own_configs(), &self.configs) {
            (Some(own), _) => {
                let mut rows = vec![["CONFIGURATION", "VALUE"].map(str::to_owned)];
                rows.extend(own.map(|(name, value)| [name.to_owned(), value.to_owned()]));
                if rows.len() == 1 {
                    text.push_str("all configurations are the defaults\n");
                } else {
                    text.push_str(&aligned(&rows));
                }
            }
            (None, Err(reason)) => text.push_str(&format!("the configurations are not known: {reason}\n")),
            (None, Ok(_)) => {}
        }
        text
    }

    /// The description as JSON. `configs` is null if the configurations are not known.
    pub(super) fn json(&self) -> Value {
        let partitions: Vec<Value> = self
            .partitions
            .iter()
            .map(|partition| {
                json!({
                    "partition": partition.partition(),
                    "leader": partition.leader(),
                    "replicas": partition.replicas(),
                    "in_sync_replicas": partition.in_sync_replicas(),
                })
            })
            .collect();
        let configs = self.own_configs().map(|own| own.map(|(name, value)| (name.to_owned(), json!(value))).collect());
        let configs = configs.map_or(Value::Null, Value::Object);
        json!({ "topic": self.topic, "partitions": partitions, "configs": configs })
    }
}
