//! Metrics through the `metrics` crate.

use ::metrics::{Label, counter, describe_counter, describe_gauge, gauge};

use super::{MetricKind, Metrics};

impl Metrics {
    /// Passes all values to the recorder of the [`metrics`](https://docs.rs/metrics) crate: counters as absolute values, gauges as gauges, with
    /// the names of [`to_prometheus`](Self::to_prometheus). Without a recorder nothing happens.
    ///
    /// Call it from a timer or before each read of the recorder; nothing else calls it.
    ///
    /// ```
    /// # use ottla::{Producer, ProducerConfig};
    /// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
    /// let producer: Producer<str, str> = Producer::builder(config).build()?;
    /// producer.metrics().publish();
    /// # Ok::<(), ottla::Error>(())
    /// ```
    pub fn publish(&self) {
        for metric in self {
            let name = metric.exposed_name();
            let labels: Vec<Label> = metric.exposed_tags().map(|(name, value)| Label::new(name, value.to_owned())).collect();
            match metric.kind() {
                MetricKind::Counter => {
                    describe_counter!(name.clone(), metric.description());
                    counter!(name, labels).absolute(whole(metric.value()));
                }
                MetricKind::Gauge => {
                    describe_gauge!(name.clone(), metric.description());
                    gauge!(name, labels).set(metric.value());
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count is an integer and not negative")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ::metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
    };

    use super::*;
    use crate::metrics::{Metric, catalog};

    /// Records the calls that it gets.
    #[derive(Debug, Default, Clone)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Notes {
        fn add(&self, note: String) {
            self.0.lock().unwrap().push(note);
        }
    }

    /// One metric of the recorder.
    struct Noted(Notes, String);

    impl CounterFn for Noted {
        fn increment(&self, value: u64) {
            self.0.add(format!("{} += {value}", self.1));
        }
        fn absolute(&self, value: u64) {
            self.0.add(format!("{} = {value}", self.1));
        }
    }

    impl GaugeFn for Noted {
        fn increment(&self, value: f64) {
            self.0.add(format!("{} += {value}", self.1));
        }
        fn decrement(&self, value: f64) {
            self.0.add(format!("{} -= {value}", self.1));
        }
        fn set(&self, value: f64) {
            self.0.add(format!("{} := {value}", self.1));
        }
    }

    fn named(key: &Key) -> String {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        format!("{}[{}]", key.name(), labels.join(","))
    }

    impl Recorder for Notes {
        fn describe_counter(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
            self.add(format!("{}: {description}", key.as_str()));
        }
        fn describe_gauge(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
            self.add(format!("{}: {description}", key.as_str()));
        }
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::new(Noted(self.clone(), named(key))))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::new(Noted(self.clone(), named(key))))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn publish_passes_values_and_labels_to_the_recorder() {
        let metrics = Metrics(vec![
            Metric::new(&catalog::TOPIC_BYTE_TOTAL, vec![("client-id", "me".to_owned()), ("topic", "a".to_owned())], 7.0),
            Metric::new(&catalog::BATCH_SIZE_AVG, vec![("client-id", "me".to_owned())], 0.5),
        ]);
        let notes = Notes::default();
        with_local_recorder(&notes, || metrics.publish());
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                format!("kafka_producer_topic_byte_total: {}", catalog::TOPIC_BYTE_TOTAL.description),
                "kafka_producer_topic_byte_total[client_id=me,topic=a] = 7".to_owned(),
                format!("kafka_producer_batch_size_avg: {}", catalog::BATCH_SIZE_AVG.description),
                "kafka_producer_batch_size_avg[client_id=me] := 0.5".to_owned(),
            ]
        );
    }
}
