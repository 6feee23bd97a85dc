//! Configuration.
/// Settings of a producer.
#[derive(Debug)]
pub struct ProducerConfig(());
/// All that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigError(());
