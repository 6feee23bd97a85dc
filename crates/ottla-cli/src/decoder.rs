//! [`Decoder`]: decodes keys and values by their schemas in the registry.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use ottla::{
    Deserializer,
    serialize::{BoxError, DeserializeContext},
};
use ottla_schema_registry::{
    GenericAvro, JsonSchema, Protobuf, RegistryError, SchemaRegistry, SchemaType, WireFormatError, WireId,
    prost_reflect::DynamicMessage,
};
use serde_json::{
    Value as Json,
    value::{RawValue, to_raw_value},
};

use crate::{avro_names::parsed, lock::lock, typed::AvroJson};

/// A key or a value.
#[derive(Debug)]
pub(crate) enum Decoded {
    Null,
    /// Not written with a schema registry, or no registry is configured.
    Bytes(Vec<u8>),
    /// Decoded by its schema.
    Typed(Box<RawValue>),
}

/// Decodes data that carries a schema id and leaves all other data as bytes. Without a registry all data stays bytes.
#[derive(Clone)]
pub(crate) struct Decoder(Option<Arc<Formats>>);

struct Formats {
    registry: SchemaRegistry,
    avro: GenericAvro,
    protobuf: Protobuf<DynamicMessage>,
    json: JsonSchema<Json>,
    kinds: Mutex<HashMap<WireId, Kind>>,
}

/// The format of data with a schema.
#[derive(Clone)]
enum Kind {
    Avro(Arc<AvroJson>),
    Protobuf,
    Json,
}

impl Decoded {
    /// The bytes; the JSON if they were decoded. `None` is null.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Null => None,
            Self::Bytes(bytes) => Some(bytes),
            Self::Typed(json) => Some(json.get().as_bytes()),
        }
    }
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
            (None, _) | (_, Err(WireFormatError::Magic { .. } | WireFormatError::Truncated { .. })) => {
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
        if let Some(known) = lock(&self.kinds).get(&id) {
            return Ok(known.clone());
        }
        let registered = match id {
            WireId::Id(id) => self.registry.by_id(id),
            WireId::Guid(guid) => self.registry.by_guid(guid),
        };
        let registered = registered.wait().map_err(RegistryError::into_box)?;
        let schema = registered.schema();
        let kind = match schema.schema_type() {
            SchemaType::Protobuf => Kind::Protobuf,
            SchemaType::Json => Kind::Json,
            _ => {
                let uses = self.registry.uses(schema).wait().map_err(RegistryError::into_box)?;
                let (schema, names) = parsed(schema.text(), uses.iter().map(|(_, used)| used.schema().text()))?;
                Kind::Avro(Arc::new(AvroJson::new(schema, names)))
            }
        };
        lock(&self.kinds).insert(id, kind.clone());
        Ok(kind)
    }
}
