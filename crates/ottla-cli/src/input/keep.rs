//! [`Keep`]: what a record of the format `record` keeps.

use std::str::FromStr;

/// What a record of the format `record` keeps, beside its key, value, headers and timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Whether it goes to the topic that it was read from.
    pub(crate) topic: bool,
    /// Whether it goes to the partition that it was read from.
    pub(crate) partition: bool,
}

impl Default for Keep {
    fn default() -> Self {
        Self { topic: false, partition: true }
    }
}

impl FromStr for Keep {
    type Err = String;

    /// Parses a list that is separated by commas.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let none = Self { topic: false, partition: false };
        if list == "none" {
            return Ok(none);
        }
        list.split(',').map(str::trim).try_fold(none, |keep, part| match part {
            "topic" if !keep.topic => Ok(Self { topic: true, ..keep }),
            "partition" if !keep.partition => Ok(Self { partition: true, ..keep }),
            _ => Err("must be `partition`, `topic`, a list of both, or `none`".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_each_part_once() {
        for (list, topic, partition) in
            [("none", false, false), ("topic", true, false), ("partition", false, true), ("partition, topic", true, true)]
        {
            assert_eq!(list.parse(), Ok(Keep { topic, partition }), "{list}");
        }
        for list in ["", "topic,topic", "none,topic", "timestamp", "topic,"] {
            assert!(list.parse::<Keep>().is_err(), "{list}");
        }
    }
}
