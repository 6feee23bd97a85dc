//! stub
#![allow(missing_docs, dead_code)]
use crate::serialize::SerializerName;
use std::time::Duration;
#[derive(Debug, Clone, Default)]
pub struct ProducerConfig(pub Vec<(String,String)>);
#[derive(Debug)]
pub struct ConfigError(());
impl From<ConfigError> for crate::Error { fn from(_: ConfigError) -> Self { Self::new(crate::ErrorKind::Config, "x") } }
impl ProducerConfig { pub fn new() -> Self { Self::default() }
 pub fn set(mut self, k: &str, v: &str) -> Result<Self, ConfigError> { self.0.push((k.into(), v.into())); Ok(self) }
 pub fn warnings(&self) -> Vec<String> { vec![] }
 pub(crate) fn resolve(&self) -> Result<Resolved, ConfigError> {
   let mut native: Vec<(String,String)> = vec![("queue.buffering.max.messages","0"),("queue.buffering.max.kbytes","2147483647"),("enable.idempotence","true"),("linger.ms","5")].into_iter().map(|(a,b)|(a.to_string(),b.to_string())).collect();
   let mut r = (32<<20, Duration::from_secs(60), 1048576);
   for (k,v) in &self.0 { match k.as_str() { "buffer.memory" => r.0 = v.parse().unwrap(), "max.block.ms" => r.1 = Duration::from_millis(v.parse().unwrap()), _ => native.push((k.clone(), v.clone())) } }
   Ok(Resolved { native, client_id: "p".into(), bootstrap_servers: "x".into(), buffer_memory: r.0, max_block: r.1, max_request_size: r.2, sticky_bytes: 16384, ignore_keys: false, key_serializer: None, value_serializer: None, partitioner: PartitionerName::BuiltIn, secrets: vec![] }) }
}
#[derive(Debug, Clone, Copy)]
pub(crate) enum PartitionerName { BuiltIn, RoundRobin, Native(&'static str) }
pub(crate) struct Resolved { pub native: Vec<(String,String)>, pub client_id: String, pub bootstrap_servers: String, pub buffer_memory: usize, pub max_block: Duration, pub max_request_size: usize, pub sticky_bytes: usize, pub ignore_keys: bool, pub key_serializer: Option<SerializerName>, pub value_serializer: Option<SerializerName>, pub partitioner: PartitionerName, pub secrets: Vec<String> }
