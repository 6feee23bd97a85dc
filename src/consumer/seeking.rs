//! [`Seek`]: seeks in partitions that librdkafka has not started yet.

use std::time::Instant;

use super::{TopicPartition, polling::Polling, topic_partition::native_list};
use crate::{Error, deadline::Deadline, native::code};

/// The sender of a seek's result.
type Reply = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// A pending seek.
pub(super) struct Seek {
    to: Vec<Target>,
    deadline: Deadline,
    reply: Reply,
}

/// A partition, the offset that the program wants, which may be a logical one, and librdkafka's.
type Target = (TopicPartition, i64, i64);

impl Polling {
    /// Seeks these partitions, and sends the result to `reply`.
    pub(super) fn seek(&mut self, to: Vec<(TopicPartition, i64)>, reply: Reply) {
        let targets = self
            .check_assigned(to.iter().map(|(partition, _)| partition))
            .and_then(|()| self.membership.starting.targets(&self.membership.client, &to));
        let targets = match targets {
            Ok(targets) => targets,
            Err(error) => return reply(Err(error)),
        };
        let to = to.into_iter().zip(targets).map(|((partition, offset), target)| (partition, offset, target)).collect();
        self.seeks.push(Seek { to, deadline: Deadline::after(self.state.api_timeout), reply });
        self.retry_seeks();
    }

    pub(super) fn retry_seeks(&mut self) {
        for Seek { to, deadline, reply } in std::mem::take(&mut self.seeks) {
            match self.seek_now(to) {
                Ok(left) if left.is_empty() => reply(Ok(())),
                Ok(left) if !deadline.is_over(Instant::now()) => {
                    self.seeks.push(Seek { to: left, deadline, reply });
                }
                Ok(left) => {
                    let partition = left.first().map(|(partition, ..)| partition.to_string()).unwrap_or_default();
                    let context = format!("seek in {partition}: librdkafka has not started the partition");
                    reply(Err(Error::from_code(code::TIMED_OUT, &context)));
                }
                Err(error) => reply(Err(error)),
            }
        }
    }

    /// Seeks, and returns the partitions that librdkafka has not started yet. Records that were read ahead are dropped only in partitions where
    /// librdkafka has moved; the others continue as if there had been no seek.
    fn seek_now(&self, to: Vec<Target>) -> Result<Vec<Target>, Error> {
        self.check_assigned(to.iter().map(|(partition, ..)| partition))?;
        let targets: Vec<_> = to.iter().map(|(partition, _, target)| (partition.clone(), *target)).collect();
        let mut list = native_list(&targets)?;
        let elements = match self.membership.client.seek(&mut list, self.state.api_timeout) {
            Ok(elements) => elements,
            Err(code::TIMED_OUT) => return Ok(to),
            Err(code) => return Err(Error::from_code(code, "seek")),
        };
        let (mut left, mut failed) = (Vec::new(), None);
        for ((partition, offset, target), element) in to.into_iter().zip(elements) {
            match element.code {
                code::NO_ERROR => self.state.intake.reposition(&partition, (offset >= 0).then_some(offset)),
                code if code::NOT_STARTED.contains(&code) => left.push((partition, offset, target)),
                code => failed = failed.or_else(|| Some(Error::from_code(code, &format!("seek in {partition}")))),
            }
        }
        failed.map_or(Ok(left), Err)
    }
}
