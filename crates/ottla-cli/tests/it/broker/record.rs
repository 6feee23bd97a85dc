//! The table `[record]` against a real Kafka broker.

use ottla::testing::{NewTopic, TestTopics};
use ottla_test_support::broker::{bootstrap_servers, config};

use crate::flights::Flights;

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn flights_have_key_timestamp_headers_topic_and_typed_values_of_their_row() {
    let flights = Flights::read(&format!("record-{}", std::process::id()));
    let topics = TestTopics::connect(config()).unwrap();
    for topic in flights.topics() {
        // The records have timestamps of 2013, which is longer ago than the default retention time.
        topics.create(NewTopic::new(topic).partitions(3).replication_factor(1).config("retention.ms", "-1")).unwrap();
    }
    flights.produce_and_compare(&bootstrap_servers());
}
