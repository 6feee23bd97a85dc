//! [`NewTopic`]: the description of a topic to create.

use std::ffi::CString;

#[cfg(doc)]
use crate::Producer;
use crate::{Error, ErrorKind, native::TopicSpecification};

/// A topic to create, for [`Producer::create_topic`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to Producer::create_topic"]
pub struct NewTopic {
    name: String,
    partitions: Option<u32>,
    replication_factor: Option<u16>,
    configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic with this name, and otherwise the brokers' defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), partitions: None, replication_factor: None, configs: Vec::new() }
    }

    /// Sets the number of partitions. Defaults to the brokers' `num.partitions`.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Sets the number of replicas of each partition. Defaults to the brokers' `default.replication.factor`.
    pub fn replication_factor(mut self, replication_factor: u16) -> Self {
        self.replication_factor = Some(replication_factor);
        self
    }

    /// Sets a configuration of the topic, such as `retention.ms` or `min.insync.replicas`, by Kafka's name.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.push((name.into(), value.into()));
        self
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn specification(&self) -> Result<TopicSpecification, Error> {
        let invalid = |what: String| Error::new(ErrorKind::InvalidArgument, format!("topic {:?}: {what}", self.name));
        let text = |text: &str| {
            CString::new(text).map_err(|error| invalid(format!("{text:?} must not contain a NUL")).with_source(error))
        };
        let partitions = match self.partitions {
            None => -1,
            Some(0) => return Err(invalid("0 partitions: must be at least 1".to_owned())),
            Some(partitions) => {
                i32::try_from(partitions).map_err(|_| invalid(format!("{partitions} partitions are too many")))?
            }
        };
        let replication_factor = match self.replication_factor {
            None => -1,
            Some(0) => return Err(invalid("a replication factor of 0: must be at least 1".to_owned())),
            Some(replicas) => replicas.into(),
        };
        let settings = self.configs.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect::<Result<_, Error>>()?;
        Ok(TopicSpecification { name: text(&self.name)?, partitions, replication_factor, settings })
    }
}
