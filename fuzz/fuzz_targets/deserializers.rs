//! Runs `src/deserializers.rs` with libFuzzer, and the deserializer of UUIDs, whose feature the ordinary tests do not enable.
#![no_main]

#[path = "../src/deserializers.rs"]
mod deserializers;

use ottla::{
    Deserializer as _, Headers,
    serialize::{DeserializeContext, UuidText},
};
use ottla_schema_registry::Uuid;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    deserializers::run(data);
    uuid(data);
});

fn uuid(data: &[u8]) {
    let headers = Headers::new();
    let context = DeserializeContext::new("t", &headers, false);
    let id: Result<Uuid, _> = UuidText.deserialize(Some(data), &context);
    if let Ok(id) = id {
        assert_eq!(UuidText.deserialize(Some(id.to_string().as_bytes()), &context).ok(), Some(id));
    }
}
