//! [`Broker`]: makes and deletes topics, and asks how many records are in them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bench_figures::Load;
use futures::executor::block_on;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Broker {
    bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    consumer: BaseConsumer,
}

/// Topics of a load that are there, every partition with a leader.
pub(crate) struct Topics {
    /// What a client is given as `--topic`.
    pub(crate) base: String,
    names: Vec<String>,
    partitions: usize,
}

impl Broker {
    pub(crate) fn connect(bootstrap: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        let admin = config.create()?;
        let consumer: BaseConsumer = config.set("group.id", "bench").set("allow.auto.create.topics", "false").create()?;
        consumer.fetch_metadata(None, TIMEOUT).with_context(|| format!("no broker at {bootstrap}"))?;
        Ok(Self { bootstrap: bootstrap.to_owned(), admin, consumer })
    }

    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(crate) fn create(&self, load: &Load) -> Result<Topics> {
        let base = format!("bench-{}-{:08x}", load.name, fastrand::u32(..));
        let names: Vec<String> = match load.topics {
            1 => vec![base.clone()],
            _ => (0..load.topics).map(|number| format!("{base}-{number}")).collect(),
        };
        let partitions = i32::try_from(load.partitions)?;
        // A thousand at a time are more than the controller takes in one go.
        for names in names.chunks(100) {
            let new: Vec<_> = names.iter().map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(1))).collect();
            let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
            for result in block_on(self.admin.create_topics(&new, &options))? {
                result.map_err(|(topic, code)| anyhow!("topic {topic} was not created: {code}"))?;
            }
        }
        let topics = Topics { base, names, partitions: load.partitions };
        let end = Instant::now() + TIMEOUT;
        while !self.have_leaders(&topics)? {
            ensure!(Instant::now() < end, "topic {} has no leaders after {TIMEOUT:?}", topics.base);
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(topics)
    }

    fn have_leaders(&self, topics: &Topics) -> Result<bool> {
        let metadata = match topics.names.as_slice() {
            [one] => self.consumer.fetch_metadata(Some(one), TIMEOUT)?,
            _ => self.consumer.fetch_metadata(None, TIMEOUT)?,
        };
        let ready = metadata.topics().iter().filter(|topic| topic.name().starts_with(&topics.base)).filter(|topic| {
            topic.partitions().len() == topics.partitions && topic.partitions().iter().all(|partition| partition.leader() >= 0)
        });
        Ok(ready.count() == topics.names.len())
    }

    pub(crate) fn delete(&self, topics: &Topics) -> Result<()> {
        for names in topics.names.chunks(100) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
            for result in block_on(self.admin.delete_topics(&names, &options))? {
                result.map_err(|(topic, code)| anyhow!("topic {topic} was not deleted: {code}"))?;
            }
        }
        Ok(())
    }

    /// The end, once it is at least `wanted`: the coordinator writes the markers of a transaction after it has answered the commit.
    pub(crate) fn end_at_least(&self, topics: &Topics, wanted: u64) -> Result<u64> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let end = self.end(topics)?;
            if end >= wanted || Instant::now() > until {
                return Ok(end);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The sum of the end offsets: how many records and transaction markers there are, since none of these topics loses records.
    pub(crate) fn end(&self, topics: &Topics) -> Result<u64> {
        let end = Instant::now() + TIMEOUT;
        loop {
            match self.try_end(topics) {
                // A leader that the controller has named may not know it yet.
                Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(50)),
                result => return result,
            }
        }
    }

    fn try_end(&self, topics: &Topics) -> Result<u64> {
        let mut list = TopicPartitionList::new();
        for topic in &topics.names {
            for partition in 0..topics.partitions {
                list.add_partition_offset(topic, i32::try_from(partition)?, Offset::End)?;
            }
        }
        let mut sum = 0;
        for element in self.consumer.offsets_for_times(list, TIMEOUT)?.elements() {
            element.error()?;
            let offset = element.offset();
            let Offset::Offset(end) = offset else {
                return Err(anyhow!("{}-{}: its end is {offset:?}", element.topic(), element.partition()));
            };
            sum += u64::try_from(end)?;
        }
        Ok(sum)
    }
}
