//! Protobuf: a record's payload after its schema id: the message indexes and the message.

use std::sync::LazyLock;

use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{BoxError, DeserializeContext, SerializeContext},
};
use ottla_schema_registry::{
    Protobuf, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType,
    prost_reflect::{DynamicMessage, ReflectMessage as _},
    testing::EmbeddedRegistry,
};

const SCHEMA: &str = r#"syntax = "proto3";
    package shop;
    message Order {
        message Item {
            message Part { string name = 1; }
            string sku = 1;
            repeated Part parts = 2;
            bytes picture = 3;
        }
        enum State { NEW = 0; PAID = 1; }
        string id = 1;
        repeated Item items = 2;
        map<string, Item> by_sku = 3;
        State state = 4;
        repeated sint64 counts = 5;
        oneof how { double card = 6; bool cash = 7; }
        optional fixed32 number = 8;
        Order before = 9;
    }
    message Note { repeated string lines = 1; }"#;

struct Registered {
    id: i32,
    protobuf: Protobuf<DynamicMessage>,
    _embedded: EmbeddedRegistry,
}

static REGISTERED: LazyLock<Registered> = LazyLock::new(|| {
    let embedded = EmbeddedRegistry::start().expect("a registry");
    let config = SchemaRegistryConfig::new().set("schema.registry.url", embedded.url()).expect("its URL");
    let registry = SchemaRegistry::new(&config).expect("its client");
    let registered = registry.register("t-value", &Schema::new(SchemaType::Protobuf, SCHEMA)).wait().expect("a schema");
    Registered { id: registered.id().expect("an id"), protobuf: Protobuf::dynamic(&registry), _embedded: embedded }
});

/// Reads the bytes; a message that is written and read again is equal.
pub(crate) fn run(data: &[u8]) {
    let registered = &*REGISTERED;
    let framed = [&[0][..], &registered.id.to_be_bytes(), data].concat();
    let Ok(message) = read(&framed) else { return };
    let written = write(&message);
    let again = read(&written).expect("what was written is read");
    assert_eq!(again.descriptor().full_name(), message.descriptor().full_name());
    // The entries of a map have no order. `Debug` of a recursive message does not terminate.
    let sorted = |mut bytes: Vec<u8>| {
        bytes.sort_unstable();
        bytes
    };
    assert_eq!(sorted(write(&again)), sorted(written), "{data:?} is read as another message");
}

fn read(framed: &[u8]) -> Result<DynamicMessage, BoxError> {
    let headers = Headers::new();
    REGISTERED.protobuf.deserialize(Some(framed), &DeserializeContext::new("t", &headers, false))
}

fn write(message: &DynamicMessage) -> Vec<u8> {
    let (mut headers, mut written) = (Headers::new(), Vec::new());
    let made = REGISTERED.protobuf.serialize(message, &mut SerializeContext::new("t", &mut headers, false), &mut written);
    assert!(made.is_ok(), "{made:?}");
    written
}
