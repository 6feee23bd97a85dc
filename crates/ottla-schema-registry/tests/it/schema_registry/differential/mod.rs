//! Random schemas and values: ottla against `apache_avro` and Python's libraries, in both directions, and schema resolution. The short form
//! needs only Rust; the long form is `make interop`.

mod change;
mod exchange;
mod messages;
mod python;
mod rules;
mod schema;

use std::{env, io::Cursor};

use apache_avro::types::Value;
use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{BoxError, DeserializeContext, SerializeContext},
};
use ottla_schema_registry::{GenericAvro, Schema, SchemaRegistry, SchemaType, apache_avro, testing::EmbeddedRegistry};
use ottla_test_support::chain;

use self::schema::{Generator, Limits, Type};
use super::{avro_json::plain, start_registry};

/// A schema, a value, a changed schema, and the value after resolution.
struct Case {
    seed: u64,
    written: Type,
    value: Value,
    read: Type,
    expected: Option<Value>,
}

impl Case {
    fn new(seed: u64, limits: Limits) -> Self {
        let mut generator = Generator::new(seed, limits);
        // A schema of bytes has no length prefix in Confluent's format.
        let written = std::iter::repeat_with(|| generator.root()).find(|kind| kind.base() != "bytes").unwrap();
        let value = generator.value(&written);
        let (read, change) = generator.changed(&written);
        let expected = change.of(&value);
        Self { seed, written, value, read, expected }
    }
}

struct Registry {
    registry: SchemaRegistry,
    _embedded: EmbeddedRegistry,
}

impl Registry {
    fn start() -> Self {
        let (embedded, registry) = start_registry();
        Self { registry, _embedded: embedded }
    }

    fn codec(&self, kind: &Type) -> GenericAvro {
        GenericAvro::with_schema(&self.registry, Schema::new(SchemaType::Avro, kind.json().to_string()))
    }

    fn write(&self, seed: u64, kind: &Type, value: &Value) -> Result<Vec<u8>, BoxError> {
        let (mut headers, mut data) = (Headers::new(), Vec::new());
        let topic = seed.to_string();
        self.codec(kind).serialize(value, &mut SerializeContext::new(&topic, &mut headers, false), &mut data)?;
        Ok(data)
    }
}

fn read(codec: &GenericAvro, data: &[u8]) -> Result<Value, BoxError> {
    codec.deserialize(Some(data), &DeserializeContext::new("t", &Headers::new(), false))
}

fn first_seed() -> u64 {
    env::var("OTTLA_TEST_SEED").map_or(1, |seed| seed.parse().unwrap())
}

#[test]
fn random_values_round_trip_and_resolve_to_changed_schemas() {
    let registry = Registry::start();
    let (mut refused, first) = (0, first_seed());
    for seed in first..first + 600 {
        let Case { seed, written, value, read: now, expected } = Case::new(seed, Limits::None);
        let about = || format!("OTTLA_TEST_SEED={seed}\nwriter {}\nreader {}\nvalue {value:?}", written.json(), now.json());
        let data = registry.write(seed, &written, &value).unwrap_or_else(|error| panic!("{}\n{}", chain(&*error), about()));

        // With the same schema, and with the registered one.
        for codec in [registry.codec(&written), GenericAvro::from_registry(&registry.registry)] {
            let same = read(&codec, &data).unwrap_or_else(|error| panic!("{}\n{}", chain(&*error), about()));
            assert_eq!(same, value, "{}", about());
        }
        // apache_avro reads it, and ottla reads what apache_avro writes.
        let parsed = apache_avro::Schema::parse_str(&written.json().to_string()).unwrap();
        let mut rest = Cursor::new(&data[5..]);
        let theirs =
            apache_avro::from_avro_datum(&parsed, &mut rest, None).unwrap_or_else(|error| panic!("{error}\n{}", about()));
        assert_eq!((plain(theirs), rest.position()), (plain(value.clone()), data.len() as u64 - 5), "{}", about());
        let theirs = apache_avro::to_avro_datum(&parsed, value.clone()).unwrap_or_else(|error| panic!("{error}\n{}", about()));
        let ours = read(&registry.codec(&written), &[&data[..5], &theirs].concat());
        assert_eq!(ours.unwrap_or_else(|error| panic!("{}\n{}", chain(&*error), about())), value, "{}", about());

        // With the changed schema.
        match (read(&registry.codec(&now), &data), expected) {
            (Ok(read), Some(expected)) => assert_eq!(read, expected, "{}", about()),
            (Err(_), None) => refused += 1,
            (Ok(read), None) => panic!("read as {read:?}\n{}", about()),
            (Err(error), Some(expected)) => panic!("{}\nexpected {expected:?}\n{}", chain(&*error), about()),
        }
    }
    assert!((20..300).contains(&refused), "{refused} values cannot be resolved to the changed schema");
}
