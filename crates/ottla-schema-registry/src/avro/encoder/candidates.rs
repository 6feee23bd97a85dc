//! [`Candidates`]: fields of an unknown record of a union.

use serde::Serialize;

use super::{AvroError, Encoder, Node, Plan, length};
use crate::{
    avro::{branches::Branches, plan::Record},
    zigzag,
};

/// The records of a union, each with the fields encoded for it. Writes the record that has all fields and needs the fewest defaults. Two such
/// records are an error.
pub(in crate::avro) struct Candidates<'p, 'b> {
    plan: &'p Plan,
    buffer: &'b mut Vec<u8>,
    records: Vec<Candidate<'p>>,
    /// The encoded name of the field whose value comes next.
    key: Vec<u8>,
}

struct Candidate<'p> {
    branch: usize,
    record: &'p Record,
    fields: Vec<(usize, Vec<u8>)>,
    error: Option<AvroError>,
}

impl<'p, 'b> Candidates<'p, 'b> {
    pub(super) fn new(plan: &'p Plan, branches: Branches<'p>, buffer: &'b mut Vec<u8>) -> Self {
        let records = branches.nodes().filter_map(|(branch, node)| match node {
            Node::Record(record) => Some(Candidate { branch, record, fields: Vec::new(), error: None }),
            _ => None,
        });
        Self { plan, buffer, records: records.collect(), key: Vec::new() }
    }

    pub(super) fn put_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), AvroError> {
        self.key.clear();
        key.serialize(Encoder::new(self.plan, &Node::String, &mut self.key))
    }

    pub(super) fn put_value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let key = std::mem::take(&mut self.key);
        let name = key.get(length(&key)..).unwrap_or_default();
        self.put(std::str::from_utf8(name).unwrap_or_default(), value);
    }

    pub(super) fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        for candidate in self.records.iter_mut().filter(|candidate| candidate.error.is_none()) {
            candidate.error = candidate.put(self.plan, name, value).err();
        }
    }

    pub(super) fn finish(self) -> Result<(), AvroError> {
        let names = || self.records.iter().map(|it| it.record.name.short()).collect::<Vec<_>>().join(" or ");
        let mut fitting: Vec<_> = self.records.iter().filter_map(|it| Some((it.defaults()?, it))).collect();
        fitting.sort_by_key(|(defaults, _)| *defaults);
        let best = match *fitting {
            [] => return Err(AvroError::new(format!("the value does not match any record of the union: {}", names()))),
            [(first, _), (second, _), ..] if first == second => {
                return Err(AvroError::new(format!(
                    "the value matches several records of the union, {}: use a struct or an enum variant with the record's name",
                    names()
                )));
            }
            [(_, best), ..] => best,
        };
        zigzag::put(i64::try_from(best.branch).unwrap_or(i64::MAX), self.buffer);
        for (place, field) in best.record.fields.iter().enumerate() {
            let given = best.fields.iter().find(|(given, _)| *given == place).map(|(_, bytes)| bytes);
            self.buffer.extend_from_slice(given.or(field.default.as_ref()).map_or(&[][..], Vec::as_slice));
        }
        Ok(())
    }
}

impl Candidate<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, plan: &Plan, name: &str, value: &T) -> Result<(), AvroError> {
        let found = self.record.place(name).and_then(|place| Some((place, self.record.fields.get(place)?)));
        let (place, field) = found.ok_or_else(|| AvroError::new("unknown field"))?;
        if self.fields.iter().any(|(given, _)| *given == place) {
            return Err(AvroError::new("duplicate field"));
        }
        let mut bytes = Vec::new();
        value.serialize(Encoder::new(plan, plan.node(field.node), &mut bytes))?;
        self.fields.push((place, bytes));
        Ok(())
    }

    /// The number of fields that the value lacks; `None` if the value does not match the record.
    fn defaults(&self) -> Option<usize> {
        if self.error.is_some() {
            return None;
        }
        let mut missing = (0..self.record.fields.len()).filter(|place| !self.fields.iter().any(|(given, _)| given == place));
        let count = missing.clone().count();
        missing.all(|place| self.record.fields.get(place).is_some_and(|field| field.default.is_some())).then_some(count)
    }
}
