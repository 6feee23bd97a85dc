//! [`Encoder`]: whatever serde can serialize, in Avro's binary encoding, as a [`Plan`] says (Avro specification: "Binary Encoding").

use serde::{Serialize, Serializer, ser};

use super::{
    AvroError,
    plan::{Node, Plan, Record},
};

/// Writes one value of one type.
pub(super) struct Encoder<'p, 'b> {
    plan: &'p Plan,
    node: &'p Node,
    buffer: &'b mut Vec<u8>,
}

/// Appends a number: zigzag, seven bits a byte, the lowest first.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the encoding is of bits")]
pub(super) fn put_long(number: i64, buffer: &mut Vec<u8>) {
    let mut bits = ((number << 1) ^ (number >> 63)) as u64;
    while bits >= 0x80 {
        buffer.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    buffer.push(bits as u8);
}

/// Appends bytes, behind their number.
pub(super) fn put_bytes(bytes: &[u8], buffer: &mut Vec<u8>) {
    put_long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), buffer);
    buffer.extend_from_slice(bytes);
}

/// How many bytes the number takes that stands first.
pub(super) fn length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1)
}

impl<'p, 'b> Encoder<'p, 'b> {
    pub(super) fn new(plan: &'p Plan, node: &'p Node, buffer: &'b mut Vec<u8>) -> Self {
        Self { plan, node, buffer }
    }

    /// The type to write as: the node itself, or the type of the union that fits best. `rank` says how well one fits, 0 the best.
    fn choose(&mut self, what: &str, rank: impl Fn(&Node) -> Option<u8>) -> Result<&'p Node, AvroError> {
        let Node::Union(branches) = self.node else {
            return match rank(self.node) {
                Some(_) => Ok(self.node),
                None => Err(AvroError::new(format!("expected {}, got {what}", self.node.kind()))),
            };
        };
        let ranked = branches.iter().enumerate().filter_map(|(index, place)| {
            let node = self.plan.node(*place);
            Some((rank(node)?, index, node))
        });
        match ranked.min_by_key(|(rank, index, _)| (*rank, *index)) {
            Some((_, index, node)) => {
                self.put_branch(index);
                Ok(node)
            }
            None => {
                let kinds: Vec<String> = branches.iter().map(|place| self.plan.node(*place).kind()).collect();
                Err(AvroError::new(format!("expected {}, got {what}", kinds.join(" or "))))
            }
        }
    }

    fn put_branch(&mut self, index: usize) {
        put_long(i64::try_from(index).unwrap_or(i64::MAX), self.buffer);
    }

    /// The type at this place of the union: that of an enum's variant with data.
    fn branch(mut self, index: u32, variant: &str) -> Result<Self, AvroError> {
        let Node::Union(branches) = self.node else {
            return Err(AvroError::new(format!("expected {}, got the variant {variant} of an enum", self.node.kind())));
        };
        let place = branches.get(index as usize).ok_or_else(|| {
            AvroError::new(format!("the variant {variant} is number {index}, and the union has {} types", branches.len()))
        })?;
        self.put_branch(index as usize);
        self.node = self.plan.node(*place);
        Ok(self)
    }

    fn integer(mut self, number: i64, is_small: bool) -> Result<(), AvroError> {
        let fits = i32::try_from(number).is_ok();
        let what = if fits { "a whole number" } else { "a whole number beyond an int" };
        let node = self.choose(what, |node| match node {
            Node::Int if fits => Some(u8::from(!is_small)),
            Node::Long => Some(u8::from(is_small)),
            Node::Double => Some(2),
            Node::Float => Some(3),
            _ => None,
        })?;
        match node {
            #[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
            Node::Double => self.buffer.extend_from_slice(&(number as f64).to_le_bytes()),
            #[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
            Node::Float => self.buffer.extend_from_slice(&(number as f32).to_le_bytes()),
            _ => put_long(number, self.buffer),
        }
        Ok(())
    }

    /// Items in a row: an array, or bytes that a type gives one by one.
    fn items(mut self, len: Option<usize>) -> Result<Items<'p, 'b>, AvroError> {
        let node = self.choose("a sequence", |node| match node {
            Node::Array(_) => Some(0),
            Node::Bytes => Some(1),
            Node::Fixed(_) | Node::Decimal { .. } => Some(2),
            _ => None,
        })?;
        let Self { plan, buffer, .. } = self;
        let items = match node {
            Node::Array(items) => match len {
                Some(0) => Kind::Counted { items: plan.node(*items), announced: 0 },
                Some(announced) => {
                    put_long(i64::try_from(announced).unwrap_or(i64::MAX), buffer);
                    Kind::Counted { items: plan.node(*items), announced }
                }
                None => Kind::Gathered { items: plan.node(*items), bytes: Vec::new() },
            },
            node => Kind::Bytes { node, bytes: Vec::new() },
        };
        Ok(Items { plan, buffer, kind: items, count: 0 })
    }

    fn fields(mut self, name: Option<&str>, len: Option<usize>) -> Result<Fields<'p, 'b>, AvroError> {
        let what = if name.is_some() { "a struct" } else { "a map" };
        let node = self.choose(what, |node| match (node, name) {
            (Node::Record(record), Some(name)) if record.name == name => Some(0),
            (Node::Map(_), None) => Some(0),
            (Node::Record(_), _) => Some(1),
            (Node::Map(_), Some(_)) => Some(2),
            _ => None,
        })?;
        let Self { plan, buffer, .. } = self;
        Ok(match node {
            Node::Record(record) => {
                Fields::Record { fields: InOrder { plan, record, buffer, next: 0, early: Vec::new() }, key: None }
            }
            Node::Map(values) => {
                let (values, bytes) = (plan.node(*values), Vec::with_capacity(len.unwrap_or(0).min(64) * 8));
                Fields::Map { plan, values, buffer, bytes, count: 0 }
            }
            node => return Err(AvroError::new(format!("expected {}, got {what}", node.kind()))),
        })
    }
}

impl<'p, 'b> Serializer for Encoder<'p, 'b> {
    type Ok = ();
    type Error = AvroError;
    type SerializeSeq = Items<'p, 'b>;
    type SerializeTuple = Items<'p, 'b>;
    type SerializeTupleStruct = Items<'p, 'b>;
    type SerializeTupleVariant = Items<'p, 'b>;
    type SerializeMap = Fields<'p, 'b>;
    type SerializeStruct = Fields<'p, 'b>;
    type SerializeStructVariant = Fields<'p, 'b>;

    /// As `apache-avro` reads it back.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(mut self, value: bool) -> Result<(), AvroError> {
        self.choose("a boolean", |node| matches!(node, Node::Boolean).then_some(0))?;
        self.buffer.push(u8::from(value));
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_i16(self, value: i16) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_i32(self, value: i32) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_i64(self, value: i64) -> Result<(), AvroError> {
        self.integer(value, false)
    }

    fn serialize_u8(self, value: u8) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_u16(self, value: u16) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_u32(self, value: u32) -> Result<(), AvroError> {
        self.integer(value.into(), false)
    }

    fn serialize_u64(self, value: u64) -> Result<(), AvroError> {
        let value = i64::try_from(value)
            .map_err(|_| AvroError::new(format!("expected {}, got a number beyond a long", self.node.kind())))?;
        self.integer(value, false)
    }

    fn serialize_f32(mut self, value: f32) -> Result<(), AvroError> {
        match self.choose("a number with a fraction", |node| floating(node, true))? {
            Node::Double => self.buffer.extend_from_slice(&f64::from(value).to_le_bytes()),
            _ => self.buffer.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the schema asks for the smaller of the two")]
    fn serialize_f64(mut self, value: f64) -> Result<(), AvroError> {
        match self.choose("a number with a fraction", |node| floating(node, false))? {
            Node::Float => self.buffer.extend_from_slice(&(value as f32).to_le_bytes()),
            _ => self.buffer.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), AvroError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), AvroError> {
        let symbol = |symbols: &[String]| symbols.iter().position(|symbol| symbol == value);
        let node = self.choose("a string", |node| match node {
            Node::String => Some(0),
            Node::Enum(symbols) => symbol(symbols).map(|_| 1),
            Node::Uuid => Some(2),
            Node::Decimal { scale, .. } => unscaled(value, *scale).map(|_| 3),
            _ => None,
        })?;
        match node {
            Node::Enum(symbols) => self.put_branch(symbol(symbols).unwrap_or_default()),
            Node::Decimal { scale, .. } => {
                let number = unscaled(value, *scale).unwrap_or_default();
                put_decimal(node, &number.to_be_bytes(), self.buffer)?;
            }
            _ => put_bytes(value.as_bytes(), self.buffer),
        }
        Ok(())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), AvroError> {
        let what = format!("{} bytes", value.len());
        let node = self.choose(&what, |node| match node {
            Node::Bytes => Some(0),
            Node::Fixed(size) if *size == value.len() => Some(1),
            Node::Decimal { .. } => Some(2),
            Node::Uuid if value.len() == 16 => Some(3),
            _ => None,
        })?;
        match (node, <[u8; 16]>::try_from(value)) {
            (Node::Fixed(_), _) => self.buffer.extend_from_slice(value),
            (Node::Decimal { .. }, _) => put_decimal(node, value, self.buffer)?,
            (Node::Uuid, Ok(uuid)) => {
                let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                put_bytes(uuid::Uuid::from_bytes(uuid).hyphenated().encode_lower(&mut text).as_bytes(), self.buffer);
            }
            _ => put_bytes(value, self.buffer),
        }
        Ok(())
    }

    fn serialize_none(mut self) -> Result<(), AvroError> {
        self.choose("null", |node| matches!(node, Node::Null).then_some(0)).map(|_| ())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), AvroError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), AvroError> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), AvroError> {
        self.serialize_none()
    }

    fn serialize_unit_variant(mut self, _: &'static str, index: u32, variant: &'static str) -> Result<(), AvroError> {
        if let Node::Union(branches) = self.node {
            // An enum that stands for the union itself: its variant without data is the null.
            let place = branches.get(index as usize).map(|place| self.plan.node(*place));
            let has_symbol = branches.iter().any(|place| matches!(self.plan.node(*place), Node::Enum(_) | Node::String));
            if matches!(place, Some(Node::Null)) && !has_symbol {
                self.put_branch(index as usize);
                return Ok(());
            }
        }
        let symbol = |symbols: &[String]| symbols.iter().position(|symbol| symbol == variant);
        let what = format!("the variant {variant} of an enum");
        let node = self.choose(&what, |node| match node {
            Node::Enum(symbols) => symbol(symbols).map(|_| 0),
            Node::String => Some(1),
            _ => None,
        })?;
        match node {
            Node::Enum(symbols) => self.put_branch(symbol(symbols).unwrap_or_default()),
            _ => put_bytes(variant.as_bytes(), self.buffer),
        }
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), AvroError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), AvroError> {
        value.serialize(self.branch(index, variant)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, AvroError> {
        self.items(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, AvroError> {
        self.items(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, AvroError> {
        self.items(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, AvroError> {
        self.branch(index, variant)?.items(Some(len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, AvroError> {
        self.fields(None, len)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, AvroError> {
        self.fields(Some(name), Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, AvroError> {
        self.branch(index, variant)?.fields(Some(variant), Some(len))
    }
}

fn floating(node: &Node, is_single: bool) -> Option<u8> {
    match node {
        Node::Float => Some(u8::from(!is_single)),
        Node::Double => Some(u8::from(is_single)),
        _ => None,
    }
}

/// The number without its point: `12.5` of scale 2 is 1250. `None` if the text is no such number, or has digits beyond the scale.
fn unscaled(text: &str, scale: usize) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    if !digits(unsigned) || !digits(fraction) || (unsigned.is_empty() && fraction.is_empty()) {
        return None;
    }
    let (fraction, surplus) = fraction.split_at(fraction.len().min(scale));
    if surplus.bytes().any(|digit| digit != b'0') {
        return None;
    }
    // No i128 has more digits.
    let missing = scale.checked_sub(fraction.len()).filter(|missing| *missing < 40)?;
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

/// Appends a number in two's complement, in as few bytes as hold it or in the type's fixed number of them.
fn put_decimal(node: &Node, big_endian: &[u8], buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    let sign = if big_endian.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    // A leading byte goes if the next one has the sign as well.
    let surplus = big_endian
        .windows(2)
        .take_while(|pair| matches!(pair, [first, next] if *first == sign && (next ^ sign) & 0x80 == 0))
        .count();
    let least = big_endian.get(surplus..).unwrap_or_default();
    match node {
        Node::Decimal { size: Some(size), .. } => {
            let missing = size.checked_sub(least.len()).ok_or_else(|| {
                AvroError::new(format!("expected {}, got a number that takes more than {size} bytes", node.kind()))
            })?;
            buffer.resize(buffer.len() + missing, sign);
            buffer.extend_from_slice(least);
        }
        _ => put_bytes(if least.is_empty() { &[0] } else { least }, buffer),
    }
    Ok(())
}

/// The items of an array, or bytes one by one.
pub(super) struct Items<'p, 'b> {
    plan: &'p Plan,
    buffer: &'b mut Vec<u8>,
    kind: Kind<'p>,
    count: usize,
}

enum Kind<'p> {
    /// Their number stands already.
    Counted {
        items: &'p Node,
        announced: usize,
    },
    /// Their number is known at the end.
    Gathered {
        items: &'p Node,
        bytes: Vec<u8>,
    },
    Bytes {
        node: &'p Node,
        bytes: Vec<u8>,
    },
}

impl Items<'_, '_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
        self.count += 1;
        match &mut self.kind {
            Kind::Counted { items, .. } => value.serialize(Encoder::new(self.plan, items, self.buffer)),
            Kind::Gathered { items, bytes } => value.serialize(Encoder::new(self.plan, items, bytes)),
            Kind::Bytes { node, bytes } => {
                let mut number = Vec::new();
                value.serialize(Encoder::new(self.plan, &Node::Int, &mut number))?;
                // Zigzag: twice the byte, in one or two bytes of seven bits.
                let bits = number.iter().rev().fold(0_u32, |bits, byte| (bits << 7) | u32::from(byte & 0x7f));
                let byte = u8::try_from(bits / 2).ok().filter(|_| bits % 2 == 0);
                bytes
                    .push(byte.ok_or_else(|| AvroError::new(format!("expected {}, got a number that is no byte", node.kind())))?);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), AvroError> {
        match self.kind {
            Kind::Counted { announced, .. } if announced != self.count => {
                return Err(AvroError::new(format!("a sequence of {announced} items has {}", self.count)));
            }
            Kind::Counted { .. } => self.buffer.push(0),
            Kind::Gathered { bytes, .. } => {
                if self.count > 0 {
                    put_long(i64::try_from(self.count).unwrap_or(i64::MAX), self.buffer);
                    self.buffer.extend_from_slice(&bytes);
                }
                self.buffer.push(0);
            }
            Kind::Bytes { node, bytes } => return Encoder::new(self.plan, node, self.buffer).serialize_bytes(&bytes),
        }
        Ok(())
    }
}

macro_rules! items {
    ($($of:ident::$put:ident),*) => {$(
        impl ser::$of for Items<'_, '_> {
            type Ok = ();
            type Error = AvroError;

            fn $put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
                self.put(value)
            }

            fn end(self) -> Result<(), AvroError> {
                self.finish()
            }
        }
    )*};
}

items!(SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field);
items!(SerializeTupleVariant::serialize_field);

/// The fields of a record, or the entries of a map.
pub(super) enum Fields<'p, 'b> {
    Record { fields: InOrder<'p, 'b>, key: Option<String> },
    Map { plan: &'p Plan, values: &'p Node, buffer: &'b mut Vec<u8>, bytes: Vec<u8>, count: i64 },
}

/// A record's fields, in the schema's order whatever the value's is.
pub(super) struct InOrder<'p, 'b> {
    plan: &'p Plan,
    record: &'p Record,
    buffer: &'b mut Vec<u8>,
    next: usize,
    /// Those that came before their turn.
    early: Vec<(usize, Vec<u8>)>,
}

impl InOrder<'_, '_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), AvroError> {
        let is_next = self.record.fields.get(self.next).is_some_and(|field| field.name == name);
        let place = if is_next { Some(self.next) } else { self.record.place(name) };
        let field = place.and_then(|place| Some((place, self.record.fields.get(place)?)));
        let Some((place, field)) = field else {
            return Err(AvroError::new(format!("the schema's record {} has no such field", self.record.name)).at(name));
        };
        let node = self.plan.node(field.node);
        if place == self.next {
            value.serialize(Encoder::new(self.plan, node, self.buffer)).map_err(|error| error.at(name))?;
            self.next += 1;
            while let Some(index) = self.early.iter().position(|(place, _)| *place == self.next) {
                let (_, bytes) = self.early.swap_remove(index);
                self.buffer.extend_from_slice(&bytes);
                self.next += 1;
            }
            return Ok(());
        }
        if place < self.next || self.early.iter().any(|(early, _)| *early == place) {
            return Err(AvroError::new("the value has it twice").at(name));
        }
        let mut bytes = Vec::new();
        value.serialize(Encoder::new(self.plan, node, &mut bytes)).map_err(|error| error.at(name))?;
        self.early.push((place, bytes));
        Ok(())
    }

    /// Fills in what the value does not have.
    fn finish(self) -> Result<(), AvroError> {
        for (place, field) in self.record.fields.iter().enumerate().skip(self.next) {
            let early = self.early.iter().find(|(early, _)| *early == place).map(|(_, bytes)| bytes);
            let bytes = early.or(field.default.as_ref()).ok_or_else(|| {
                AvroError::new(format!("the value lacks it, and the schema's record {} has no default for it", self.record.name))
                    .at(&field.name)
            })?;
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Fields<'_, '_> {
    fn finish(self) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, .. } => fields.finish(),
            Self::Map { buffer, bytes, count, .. } => {
                if count > 0 {
                    put_long(count, buffer);
                    buffer.extend_from_slice(&bytes);
                }
                buffer.push(0);
                Ok(())
            }
        }
    }

    fn put_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, .. } => fields.put(name, value),
            Self::Map { plan, values, bytes, count, .. } => {
                put_bytes(name.as_bytes(), bytes);
                *count += 1;
                value.serialize(Encoder::new(plan, values, bytes)).map_err(|error| error.at("a map's value"))
            }
        }
    }
}

impl ser::SerializeMap for Fields<'_, '_> {
    type Ok = ();
    type Error = AvroError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, key: name } => {
                let mut bytes = Vec::new();
                key.serialize(Encoder::new(fields.plan, &Node::String, &mut bytes))?;
                let text = bytes.get(length(&bytes)..).unwrap_or_default();
                *name = Some(String::from_utf8_lossy(text).into_owned());
                Ok(())
            }
            Self::Map { plan, bytes, count, .. } => {
                *count += 1;
                key.serialize(Encoder::new(plan, &Node::String, bytes)).map_err(|error| error.at("a map's key"))
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, key } => fields.put(&key.take().unwrap_or_default(), value),
            Self::Map { plan, values, bytes, .. } => {
                value.serialize(Encoder::new(plan, values, bytes)).map_err(|error| error.at("a map's value"))
            }
        }
    }

    fn end(self) -> Result<(), AvroError> {
        self.finish()
    }
}

macro_rules! fields {
    ($($of:ident),*) => {$(
        impl ser::$of for Fields<'_, '_> {
            type Ok = ();
            type Error = AvroError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), AvroError> {
                self.put_field(name, value)
            }

            fn end(self) -> Result<(), AvroError> {
                self.finish()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
