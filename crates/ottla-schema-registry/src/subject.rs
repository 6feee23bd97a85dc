//! [`SubjectNameStrategy`]: the subject that a schema is registered under.

use std::{fmt, str::FromStr};

use ottla::serialize::BoxError;

/// Chooses the subject of a key's or a value's schema: Confluent's `SubjectNameStrategy`.
pub trait SubjectNameStrategy: Send + Sync + 'static {
    /// Returns the subject for a topic's key (`is_key`) or value. `record` is the full name of the record type. It is `None` for a schema
    /// without a name, such as Avro's `"string"`, and if the schema is not known before the lookup.
    ///
    /// # Errors
    /// Any error; the record is then not sent.
    fn subject(&self, topic: &str, is_key: bool, record: Option<&str>) -> Result<String, BoxError>;
}

/// Confluent's three strategies, with the names that `key.subject.name.strategy` and `value.subject.name.strategy` accept: the
/// Java class with or without its package, in any case.
///
/// ```
/// use ottla_schema_registry::{StrategyName, SubjectNameStrategy};
///
/// let strategy: StrategyName = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy".parse()?;
/// assert_eq!(strategy.subject("orders", false, Some("shop.Order"))?, "orders-shop.Order");
/// assert_eq!(StrategyName::Topic.subject("orders", true, None)?, "orders-key");
/// # Ok::<(), ottla::serialize::BoxError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StrategyName {
    /// `TopicNameStrategy`: the topic, followed by `-key` or `-value`.
    #[default]
    Topic,
    /// `RecordNameStrategy`: the full name of the record type.
    Record,
    /// `TopicRecordNameStrategy`: the topic, a hyphen and the full name of the record type.
    TopicRecord,
}

const PACKAGE: &str = "io.confluent.kafka.serializers.subject.";

impl StrategyName {
    fn class(self) -> &'static str {
        match self {
            Self::Topic => "TopicNameStrategy",
            Self::Record => "RecordNameStrategy",
            Self::TopicRecord => "TopicRecordNameStrategy",
        }
    }
}

impl SubjectNameStrategy for StrategyName {
    fn subject(&self, topic: &str, is_key: bool, record: Option<&str>) -> Result<String, BoxError> {
        match (self, record) {
            (Self::Topic, _) if is_key => Ok(format!("{topic}-key")),
            (Self::Topic, _) => Ok(format!("{topic}-value")),
            (Self::Record, Some(record)) => Ok(record.to_owned()),
            (Self::TopicRecord, Some(record)) => Ok(format!("{topic}-{record}")),
            (_, None) => Err(format!("{self} requires a schema with a record name, and the schema has none").into()),
        }
    }
}

/// The class, without its package.
impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.class())
    }
}

impl FromStr for StrategyName {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let class = name.strip_prefix(PACKAGE).unwrap_or(name);
        [Self::Topic, Self::Record, Self::TopicRecord]
            .into_iter()
            .find(|strategy| strategy.class().eq_ignore_ascii_case(class))
            .ok_or(UnknownStrategy(()))
    }
}

/// The error for an unknown name of a subject name strategy. It lists the known names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStrategy(());

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "must be one of TopicNameStrategy, RecordNameStrategy, TopicRecordNameStrategy; pass any other to the serializer in code",
        )
    }
}

impl std::error::Error for UnknownStrategy {}
