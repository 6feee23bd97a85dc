//! The vectors, with a registry in the process.

use ottla::{
    Headers, Serializer,
    serialize::{DeserializeContext, Deserializer, SerializeContext},
};
use ottla_schema_registry::{
    GenericAvro, JsonSchema, Protobuf, SchemaRegistry, SchemaRegistryConfig, SchemaType, compile_proto, testing::EmbeddedRegistry,
};

use super::{
    Vector,
    avro_json::{avro, plain},
    vectors,
};

/// A new, empty registry.
fn registry(vector: &Vector) -> (EmbeddedRegistry, SchemaRegistry) {
    let embedded = EmbeddedRegistry::start().unwrap();
    let class = if vector.header.is_some() { "HeaderSchemaIdSerializer" } else { "PrefixSchemaIdSerializer" };
    let config = SchemaRegistryConfig::from_pairs([
        ("schema.registry.url", embedded.url()),
        ("key.schema.id.serializer", class),
        ("value.schema.id.serializer", class),
    ]);
    (embedded, SchemaRegistry::new(&config.unwrap()).unwrap())
}

/// Writes the value, compares bytes, id and header with those of Python, and reads Python's bytes.
fn both_ways<T>(vector: &Vector, registry: &SchemaRegistry, codec: &(impl Serializer<T> + Deserializer<T>), value: &T) -> T {
    let (mut headers, mut buffer) = (Headers::new(), b"before".to_vec());
    let mut context = SerializeContext::new(&vector.topic, &mut headers, vector.is_key());
    codec.serialize(value, &mut context, &mut buffer).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
    assert_eq!(&buffer[b"before".len()..], vector.bytes, "{}", vector.name);
    let registered = registry.latest(&vector.subject).wait().unwrap();
    assert_eq!(registered.id(), Some(vector.id), "{}", vector.name);
    if let Some(header) = &vector.header {
        // The registry assigns its own GUIDs.
        let expected = [&header[..1], registered.guid().unwrap().as_bytes(), &header[17..]].concat();
        let written = headers.last("__value_schema_id").unwrap();
        assert_eq!(written.value(), Some(&*expected), "{}", vector.name);
    }
    let context = DeserializeContext::new(&vector.topic, &headers, vector.is_key());
    codec.deserialize(Some(&vector.bytes), &context).unwrap_or_else(|error| panic!("{}: {error}", vector.name))
}

fn of(format: SchemaType) -> impl Iterator<Item = Vector> {
    vectors().into_iter().filter(move |vector| vector.format == format)
}

#[test]
fn avro_vectors_match() {
    for vector in of(SchemaType::Avro) {
        let (_embedded, registry) = registry(&vector);
        let codec = GenericAvro::with_schema(&registry, vector.registered_schema(&registry));
        let value = avro(&vector);
        assert_eq!(plain(both_ways(&vector, &registry, &codec, &value)), value, "{}", vector.name);
    }
}

#[test]
fn protobuf_vectors_match() {
    for vector in of(SchemaType::Protobuf) {
        let value = vector.protobuf();
        for serialized in [true, false] {
            let (_embedded, registry) = registry(&vector);
            let codec = Protobuf::dynamic(&registry).serialized(serialized);
            let read = both_ways(&vector, &registry, &codec, &value);
            assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&value).unwrap(), "{}", vector.name);
            let registered = registry.latest(&vector.subject).wait().unwrap();
            let text = registered.schema().text();
            if serialized {
                assert_eq!(Some(text), vector.registered.as_deref(), "{}", vector.name);
            }
            // Both forms compile to the file that protoc created.
            let compiled = |text| {
                let name = vector.file.as_deref().unwrap();
                let pool = compile_proto(vector.referred().into_iter().chain([(name, text)])).unwrap();
                let mut file = pool.get_file_by_name(name).unwrap().file_descriptor_proto().clone();
                file.source_code_info = None;
                file
            };
            assert_eq!(compiled(text), compiled(vector.registered.as_deref().unwrap()), "{}\n{text}", vector.name);
        }
    }
}

#[test]
fn json_vectors_match() {
    for vector in of(SchemaType::Json) {
        let (_embedded, registry) = registry(&vector);
        let codec = JsonSchema::with_schema(&registry, vector.registered_schema(&registry));
        assert_eq!(both_ways(&vector, &registry, &codec, &vector.value), vector.value, "{}", vector.name);
    }
}
