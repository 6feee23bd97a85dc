//! [`Decoder`]: keys and values as what their schemas in the registry say.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ottla::{
    Deserializer,
    serialize::{
        BoxError, DeserializeContext,
        registry::{
            FrameError, GenericAvro, JsonSchema, Protobuf, SchemaRegistry, SchemaType, WireId, prost_reflect::DynamicMessage,
        },
    },
};
use serde_json::{
    Value as Json,
    value::{RawValue, to_raw_value},
};

use crate::{avro_names::parsed, typed::AvroJson};

/// A key or a value.
#[derive(Debug)]
pub(crate) enum Decoded {
    Null,
    /// It was not written with a schema registry, or there is none.
    Bytes(Vec<u8>),
    /// What its schema says it is.
    Typed(Box<RawValue>),
}

/// Reads what has the id of a schema by that, and leaves everything else as it is. Without a registry that is all.
#[derive(Clone)]
pub(crate) struct Decoder(Option<Arc<Formats>>);

struct Formats {
    registry: SchemaRegistry,
    avro: GenericAvro,
    protobuf: Protobuf<DynamicMessage>,
    json: JsonSchema<Json>,
    kinds: Mutex<HashMap<WireId, Kind>>,
}

/// How what was written with a schema is read.
#[derive(Clone)]
enum Kind {
    Avro(Arc<AvroJson>),
    Protobuf,
    Json,
}

impl Decoder {
    pub(crate) fn new(registry: Option<SchemaRegistry>) -> Self {
        Self(registry.map(|registry| {
            let (avro, protobuf) = (GenericAvro::from_registry(&registry), Protobuf::dynamic(&registry));
            let json = JsonSchema::from_registry(&registry);
            Arc::new(Formats { registry, avro, protobuf, json, kinds: Mutex::default() })
        }))
    }
}

impl Deserializer<Decoded> for Decoder {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<Decoded, BoxError> {
        let Some(bytes) = data else { return Ok(Decoded::Null) };
        let id = match (&self.0, WireId::read(bytes, context.headers, context.is_key)) {
            (None, _) | (_, Err(FrameError::Magic { .. } | FrameError::Truncated { .. })) => {
                return Ok(Decoded::Bytes(bytes.to_vec()));
            }
            (Some(formats), id) => (formats, id?),
        };
        let (formats, id) = id;
        Ok(Decoded::Typed(match formats.kind(id)? {
            Kind::Avro(json) => RawValue::from_string(json.of(&formats.avro.deserialize(data, context)?))?,
            Kind::Protobuf => to_raw_value(&formats.protobuf.deserialize(data, context)?)?,
            Kind::Json => to_raw_value(&formats.json.deserialize(data, context)?)?,
        }))
    }
}

impl Formats {
    fn kind(&self, id: WireId) -> Result<Kind, BoxError> {
        if let Some(known) = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(known.clone());
        }
        let registered = match id {
            WireId::Id(id) => self.registry.by_id(id),
            WireId::Guid(guid) => self.registry.by_guid(guid),
        };
        let registered = registered.wait()?;
        let schema = registered.schema();
        let kind = match schema.schema_type() {
            SchemaType::Protobuf => Kind::Protobuf,
            SchemaType::Json => Kind::Json,
            _ => {
                let uses = self.registry.uses(schema).wait()?;
                let (schema, names) = parsed(schema.text(), uses.iter().map(|(_, used)| used.schema().text()))?;
                Kind::Avro(Arc::new(AvroJson::new(schema, names)))
            }
        };
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(id, kind.clone());
        Ok(kind)
    }
}
