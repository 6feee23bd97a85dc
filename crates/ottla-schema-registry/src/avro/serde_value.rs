//! [`SerdeValue`]: an owned value of serde's data model, kept until its schema is known.
//!
//! `apache_avro::Value` cannot be used, because it lacks the names of structs and the variants of enums, which choose the type of a union.

use serde::{Serialize, Serializer, ser};

use super::AvroError;

/// A value of serde's data model.
#[derive(Debug)]
pub(super) enum SerdeValue {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    Char(char),
    Str(String),
    Bytes(Vec<u8>),
    None,
    Some(Box<Self>),
    Unit,
    UnitStruct(&'static str),
    Newtype(&'static str, Box<Self>),
    Seq(Vec<Self>),
    Tuple(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Struct(&'static str, Vec<(&'static str, Self)>),
    UnitVariant(Variant),
    NewtypeVariant(Variant, Box<Self>),
    TupleVariant(Variant, Vec<Self>),
    StructVariant(Variant, Vec<(&'static str, Self)>),
}

/// The enum's name, the variant's index, the variant's name.
type Variant = (&'static str, u32, &'static str);

impl SerdeValue {
    pub(super) fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, AvroError> {
        value.serialize(ValueSerializer)
    }
}

impl Serialize for SerdeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ser::{SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleVariant};
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::I8(value) => serializer.serialize_i8(*value),
            Self::I16(value) => serializer.serialize_i16(*value),
            Self::I32(value) => serializer.serialize_i32(*value),
            Self::I64(value) => serializer.serialize_i64(*value),
            Self::U8(value) => serializer.serialize_u8(*value),
            Self::U16(value) => serializer.serialize_u16(*value),
            Self::U32(value) => serializer.serialize_u32(*value),
            Self::U64(value) => serializer.serialize_u64(*value),
            Self::F32(value) => serializer.serialize_f32(*value),
            Self::F64(value) => serializer.serialize_f64(*value),
            Self::Char(value) => serializer.serialize_char(*value),
            Self::Str(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::None => serializer.serialize_none(),
            Self::Some(value) => serializer.serialize_some(value),
            Self::Unit => serializer.serialize_unit(),
            Self::UnitStruct(name) => serializer.serialize_unit_struct(name),
            Self::Newtype(name, value) => serializer.serialize_newtype_struct(name, value),
            Self::Seq(values) => {
                let mut items = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| items.serialize_element(value))?;
                items.end()
            }
            Self::Tuple(values) => {
                let mut items = serializer.serialize_tuple(values.len())?;
                values.iter().try_for_each(|value| items.serialize_element(value))?;
                items.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
            Self::Struct(name, fields) => {
                let mut all = serializer.serialize_struct(name, fields.len())?;
                fields.iter().try_for_each(|(name, value)| all.serialize_field(name, value))?;
                all.end()
            }
            Self::UnitVariant((of, index, name)) => serializer.serialize_unit_variant(of, *index, name),
            Self::NewtypeVariant((of, index, name), value) => serializer.serialize_newtype_variant(of, *index, name, value),
            Self::TupleVariant((of, index, name), values) => {
                let mut items = serializer.serialize_tuple_variant(of, *index, name, values.len())?;
                values.iter().try_for_each(|value| items.serialize_field(value))?;
                items.end()
            }
            Self::StructVariant((of, index, name), fields) => {
                let mut all = serializer.serialize_struct_variant(of, *index, name, fields.len())?;
                fields.iter().try_for_each(|(name, value)| all.serialize_field(name, value))?;
                all.end()
            }
        }
    }
}

struct ValueSerializer;

/// The parts of a compound value so far, and the function that assembles them.
struct Parts<P> {
    parts: Vec<P>,
    key: Option<SerdeValue>,
    whole: Box<dyn FnOnce(Vec<P>) -> SerdeValue>,
}

fn parts<P>(len: Option<usize>, whole: impl FnOnce(Vec<P>) -> SerdeValue + 'static) -> Parts<P> {
    Parts { parts: Vec::with_capacity(len.unwrap_or(0).min(1024)), key: None, whole: Box::new(whole) }
}

macro_rules! scalars {
    ($($method:ident($type:ty) => $variant:ident;)*) => {$(
        fn $method(self, value: $type) -> Result<SerdeValue, AvroError> {
            Ok(SerdeValue::$variant(value.into()))
        }
    )*};
}

impl Serializer for ValueSerializer {
    type Ok = SerdeValue;
    type Error = AvroError;
    type SerializeSeq = Parts<SerdeValue>;
    type SerializeTuple = Parts<SerdeValue>;
    type SerializeTupleStruct = Parts<SerdeValue>;
    type SerializeTupleVariant = Parts<SerdeValue>;
    type SerializeMap = Parts<(SerdeValue, SerdeValue)>;
    type SerializeStruct = Parts<(&'static str, SerdeValue)>;
    type SerializeStructVariant = Parts<(&'static str, SerdeValue)>;

    /// The same as the encoder's.
    fn is_human_readable(&self) -> bool {
        false
    }

    scalars! {
        serialize_bool(bool) => Bool;
        serialize_i8(i8) => I8;
        serialize_i16(i16) => I16;
        serialize_i32(i32) => I32;
        serialize_i64(i64) => I64;
        serialize_u8(u8) => U8;
        serialize_u16(u16) => U16;
        serialize_u32(u32) => U32;
        serialize_u64(u64) => U64;
        serialize_f32(f32) => F32;
        serialize_f64(f64) => F64;
        serialize_char(char) => Char;
        serialize_str(&str) => Str;
        serialize_bytes(&[u8]) => Bytes;
    }

    fn serialize_none(self) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::Some(Box::new(value.serialize(self)?)))
    }

    fn serialize_unit(self) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::Unit)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::UnitStruct(name))
    }

    fn serialize_unit_variant(self, of: &'static str, index: u32, name: &'static str) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::UnitVariant((of, index, name)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::Newtype(name, Box::new(value.serialize(self)?)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        of: &'static str,
        index: u32,
        name: &'static str,
        value: &T,
    ) -> Result<SerdeValue, AvroError> {
        Ok(SerdeValue::NewtypeVariant((of, index, name), Box::new(value.serialize(self)?)))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<SerdeValue>, AvroError> {
        Ok(parts(len, SerdeValue::Seq))
    }

    fn serialize_tuple(self, len: usize) -> Result<Parts<SerdeValue>, AvroError> {
        Ok(parts(Some(len), SerdeValue::Tuple))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Parts<SerdeValue>, AvroError> {
        Ok(parts(Some(len), SerdeValue::Tuple))
    }

    fn serialize_tuple_variant(
        self,
        of: &'static str,
        index: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Parts<SerdeValue>, AvroError> {
        Ok(parts(Some(len), move |values| SerdeValue::TupleVariant((of, index, name), values)))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Parts<(SerdeValue, SerdeValue)>, AvroError> {
        Ok(parts(len, SerdeValue::Map))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, AvroError> {
        Ok(parts(Some(len), move |fields| SerdeValue::Struct(name, fields)))
    }

    fn serialize_struct_variant(
        self,
        of: &'static str,
        index: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, AvroError> {
        Ok(parts(Some(len), move |fields| SerdeValue::StructVariant((of, index, name), fields)))
    }
}

macro_rules! items {
    ($($of:ident::$put:ident),*) => {$(
        impl ser::$of for Parts<SerdeValue> {
            type Ok = SerdeValue;
            type Error = AvroError;

            fn $put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
                self.parts.push(value.serialize(ValueSerializer)?);
                Ok(())
            }

            fn end(self) -> Result<SerdeValue, AvroError> {
                Ok((self.whole)(self.parts))
            }
        }
    )*};
}

items!(SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field);
items!(SerializeTupleVariant::serialize_field);

macro_rules! fields {
    ($($of:ident),*) => {$(
        impl ser::$of for Parts<(&'static str, SerdeValue)> {
            type Ok = SerdeValue;
            type Error = AvroError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), AvroError> {
                self.parts.push((name, value.serialize(ValueSerializer)?));
                Ok(())
            }

            fn end(self) -> Result<SerdeValue, AvroError> {
                Ok((self.whole)(self.parts))
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Parts<(SerdeValue, SerdeValue)> {
    type Ok = SerdeValue;
    type Error = AvroError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), AvroError> {
        self.key = Some(key.serialize(ValueSerializer)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
        let key =
            self.key.take().ok_or_else(|| AvroError::new("the Serialize implementation of a map gave a value without a key"))?;
        self.parts.push((key, value.serialize(ValueSerializer)?));
        Ok(())
    }

    fn end(self) -> Result<SerdeValue, AvroError> {
        Ok((self.whole)(self.parts))
    }
}
