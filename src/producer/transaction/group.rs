//! [`ConsumerGroupMetadata`]: the consumer group whose offsets a transaction commits.

use std::ffi::CString;

use crate::{
    Error,
    native::{GroupMember, code},
};

/// A consumer group and the member that commits: Java's `ConsumerGroupMetadata` (KIP-447).
///
/// With generation and member id, brokers reject the offsets of a consumer that has lost its partitions. With the group id alone, they accept
/// offsets from any producer, which is sufficient for a single program with its own `transactional.id`.
///
/// ```
/// use ottla::ConsumerGroupMetadata;
///
/// let alone = ConsumerGroupMetadata::new("billing");
/// let member = ConsumerGroupMetadata::new("billing").generation_id(3).member_id("billing-1-9f6c");
/// assert_eq!((alone.group_id(), member != alone), ("billing", true));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupMetadata {
    group_id: String,
    generation_id: i32,
    member_id: String,
    group_instance_id: Option<String>,
}

impl ConsumerGroupMetadata {
    /// Creates metadata with a `group.id` and without a member.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self { group_id: group_id.into(), generation_id: -1, member_id: String::new(), group_instance_id: None }
    }

    /// The current membership of a consumer of the crate `rdkafka`; `None` without a `group.id`.
    ///
    /// Call it after polling the records, since a rebalance changes the membership.
    #[cfg(feature = "rdkafka")]
    pub fn from_rdkafka<C: rdkafka::consumer::ConsumerContext>(consumer: &impl rdkafka::consumer::Consumer<C>) -> Option<Self> {
        crate::native::membership(consumer).map(Into::into)
    }

    /// Sets the generation of the group in which the partitions were assigned. Defaults to -1, for none.
    #[must_use]
    pub fn generation_id(mut self, generation_id: i32) -> Self {
        self.generation_id = generation_id;
        self
    }

    /// Sets the member id that the group coordinator assigned. Defaults to an empty string, for none.
    #[must_use]
    pub fn member_id(mut self, member_id: impl Into<String>) -> Self {
        self.member_id = member_id.into();
        self
    }

    /// Sets the consumer's `group.instance.id` (KIP-345). Defaults to none.
    #[must_use]
    pub fn group_instance_id(mut self, group_instance_id: impl Into<String>) -> Self {
        self.group_instance_id = Some(group_instance_id.into());
        self
    }

    /// The group id.
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// Converts to C strings.
    pub(crate) fn to_native(&self) -> Result<GroupMember, Error> {
        let native = |what: &str, text: &str| {
            let invalid = |_| Error::from_code(code::INVALID_ARG, &format!("the {what} {text:?} must not contain NUL"));
            CString::new(text).map_err(|nul| invalid(nul).not_abortable())
        };
        Ok(GroupMember {
            group_id: native("group id", &self.group_id)?,
            generation_id: self.generation_id,
            member_id: native("member id", &self.member_id)?,
            group_instance_id: self.group_instance_id.as_deref().map(|id| native("group instance id", id)).transpose()?,
        })
    }
}

#[cfg(any(feature = "consumer", feature = "rdkafka"))]
impl From<GroupMember> for ConsumerGroupMetadata {
    fn from(member: GroupMember) -> Self {
        let text = |text: CString| String::from_utf8_lossy(text.as_bytes()).into_owned();
        Self {
            group_id: text(member.group_id),
            generation_id: member.generation_id,
            member_id: text(member.member_id),
            group_instance_id: member.group_instance_id.map(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn all_fields_are_converted() {
        let group = ConsumerGroupMetadata::new("g").generation_id(7).member_id("m").group_instance_id("i");
        let native = group.to_native().unwrap();
        let wanted = (c"g".to_owned(), 7, c"m".to_owned(), Some(c"i".to_owned()));
        assert_eq!((native.group_id, native.generation_id, native.member_id, native.group_instance_id), wanted);
        let alone = ConsumerGroupMetadata::new("g").to_native().unwrap();
        assert_eq!((alone.generation_id, alone.member_id, alone.group_instance_id), (-1, c"".to_owned(), None));
    }

    #[test]
    fn nul_is_rejected() {
        let group = ConsumerGroupMetadata::new("g").member_id("a\0b");
        assert_eq!(group.to_native().unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
