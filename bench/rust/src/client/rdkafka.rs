//! What the clients on rdkafka share.

use bench_workload::Arguments;
use rdkafka::ClientConfig;

pub(super) fn config(arguments: &Arguments) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &arguments.bootstrap)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", arguments.linger_ms.to_string())
        .set("batch.size", arguments.batch_bytes.to_string())
        .set("compression.type", arguments.compression.name());
    config
}

pub(super) fn version() -> String {
    format!("rdkafka 0.39 on librdkafka {}", rdkafka::util::get_rdkafka_version().1)
}
