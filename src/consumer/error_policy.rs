//! Which errors are logged and which are returned to the program.

use super::TopicPartition;
use crate::{
    Error,
    native::{ConsumerClient, QueueError, code},
};

/// The codes that Java's `poll` throws as exceptions. Java logs the others and continues.
const THROWN: [i32; 19] = [
    code::SSL,
    code::AUTHENTICATION,
    code::AUTO_OFFSET_RESET,
    code::LOG_TRUNCATION,
    1,   // OFFSET_OUT_OF_RANGE
    17,  // INVALID_TOPIC_EXCEPTION
    23,  // INCONSISTENT_GROUP_PROTOCOL
    24,  // INVALID_GROUP_ID
    26,  // INVALID_SESSION_TIMEOUT
    29,  // TOPIC_AUTHORIZATION_FAILED
    30,  // GROUP_AUTHORIZATION_FAILED
    31,  // CLUSTER_AUTHORIZATION_FAILED
    33,  // UNSUPPORTED_SASL_MECHANISM
    34,  // ILLEGAL_SASL_STATE
    35,  // UNSUPPORTED_VERSION
    58,  // SASL_AUTHENTICATION_FAILED
    81,  // GROUP_MAX_SIZE_REACHED
    112, // UNSUPPORTED_ASSIGNOR
    128, // INVALID_REGULAR_EXPRESSION
];

/// What to do about an error from librdkafka's consumer queue.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Log it: librdkafka recovers from it.
    Log,
    /// Return it to the program, and continue.
    Report(Error),
    /// Return it to the program, and end.
    End(Error),
}

/// Decides as Java does, and by librdkafka if librdkafka gives up.
pub(super) fn decide(client: &ConsumerClient, error: &QueueError, text: &str) -> Verdict {
    if error.fatal || error.code == code::FATAL {
        let (code, cause) = client.fatal_error().unwrap_or_else(|| (error.code, text.to_owned()));
        return Verdict::End(Error::from_fatal(code, &cause, "the consumer failed"));
    }
    if THROWN.contains(&error.code) { Verdict::Report(error_of(error, text)) } else { Verdict::Log }
}

fn error_of(error: &QueueError, text: &str) -> Error {
    let context = match &error.partition {
        Some((topic, partition)) if *partition >= 0 => format!("topic {topic}, partition {partition}"),
        Some((topic, _)) => format!("topic {topic}"),
        None => "consuming".to_owned(),
    };
    Error::from_code(error.code, &context).with_source(text)
}

/// The error of a call for a partition that is not assigned (Java: `IllegalStateException`).
pub(super) fn not_assigned(partition: &TopicPartition) -> Error {
    let (topic, partition) = (partition.topic(), partition.partition());
    Error::from_code(code::STATE, &format!("topic {topic}, partition {partition}: not assigned to this consumer"))
}

/// The codes of a failed commit after the group has assigned the partitions to other members: `ILLEGAL_GENERATION`, `UNKNOWN_MEMBER_ID`,
/// `REBALANCE_IN_PROGRESS`, `FENCED_INSTANCE_ID`, `FENCED_MEMBER_EPOCH`, `STALE_MEMBER_EPOCH`, `_ASSIGNMENT_LOST`.
const LOST: [i32; 7] = [22, 25, 27, 82, 110, 113, code::ASSIGNMENT_LOST];

/// The error of a commit that failed with this code (Java: `CommitFailedException`, if the group has changed).
pub(super) fn commit_failed(code: i32, context: &str) -> Error {
    let error = Error::from_code(code, context);
    if LOST.contains(&code) { error.into_commit_failed() } else { error }
}

/// The error of a commit after these partitions were lost.
pub(super) fn commit_lost(group: &str, partitions: &[TopicPartition]) -> Error {
    let partitions: Vec<_> = partitions.iter().map(ToString::to_string).collect();
    let context = format!("group {group}: records of {} were lost before they were committed", partitions.join(", "));
    commit_failed(code::ASSIGNMENT_LOST, &context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn error_contains_the_partition() {
        let partition = Some(("orders".to_owned(), 3));
        let error = QueueError { code: 29, text: String::new(), fatal: false, partition };
        let error = error_of(&error, "Fetch from broker 1 failed");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Authorization, Some(29)));
        assert!(error.to_string().starts_with("topic orders, partition 3: "), "{error}");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "Fetch from broker 1 failed");
    }

    #[test]
    fn codes_are_sorted() {
        assert!(THROWN.is_sorted());
    }
}
