//! [`Encoders`]: the encoders of a run. [`Serializing`]: how the rows of an input are serialized.

use std::cell::OnceCell;

use ottla::Headers;

use crate::{
    encoder::{Encoder, Place},
    encoding::{Part, Unfit},
    exit::Failure,
    input::{Format, Input},
    inputs::OpenInput,
    plan::Plan,
    record::{Parts, RecordMapper},
    row::Columns,
    typed::AvroColumns,
};

/// The encoders of keys and values, and which of them apply to the rows of an input.
pub(crate) struct Encoders<'a> {
    plan: &'a Plan,
    /// Those of keys and of values. They are opened with the first rows that they apply to, if those of the configuration's format need none.
    opened: OnceCell<(Encoder, Encoder)>,
    unchanged: Encoder,
}

/// The bytes of a record's key and value; `None` is null.
type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// How rows are serialized.
pub(crate) struct Serializing<'a> {
    /// The encoders of keys and of values.
    encoders: (&'a Encoder, &'a Encoder),
    /// The format of the values.
    format: Format,
    /// Where the rows have the fields of the values, if these are made of the columns and not of JSON.
    columns: Option<AvroColumns>,
    /// The field that keys come from, unless the parts of a record name another one.
    key_field: Option<&'a str>,
}

impl Serializing<'_> {
    /// Serializes the key and the value of a record to this topic: each is its text, in its buffer, or null. `columns` are those of a CSV row.
    ///
    /// # Errors
    /// A text does not match its encoding.
    pub(crate) fn encode<'a>(
        &self,
        parts: &Parts<'a>,
        topic: &str,
        columns: Option<Columns<'_>>,
        headers: &mut Headers,
        (key_buffer, value_buffer): &'a mut (Vec<u8>, Vec<u8>),
    ) -> Result<KeyAndValue<'a>, Unfit> {
        let (key_encoder, value_encoder) = self.encoders;
        let place = |part| Place { part, topic, format: self.format };
        let key = match parts.key.map(|text| key_encoder.encode(place(Part::Key), text, headers, key_buffer)) {
            None => None,
            Some(Ok(key)) => key,
            Some(Err(unfit)) => {
                let key_field = parts.key_field.or(self.key_field).map(str::to_owned);
                return Err(Unfit { field: unfit.field.or(key_field), ..unfit });
            }
        };
        let columns = self.columns.as_ref().zip(columns);
        let value = parts.value.map(|text| match columns {
            None => value_encoder.encode(place(Part::Value), text, headers, value_buffer),
            Some(columns) => value_encoder.encode_columns(place(Part::Value), columns, text, headers, value_buffer),
        });
        Ok((key, value.transpose()?.flatten()))
    }
}

impl<'a> Encoders<'a> {
    /// Creates the encoders. Requests their schemas from the registry.
    ///
    /// # Errors
    /// A schema is missing or cannot be used, or the registry does not answer.
    pub(crate) fn open(plan: &'a Plan) -> Result<Self, Failure> {
        let encoders = Self { plan, opened: OnceCell::new(), unchanged: Encoder::AsIs };
        if !plan.may_need_no_encoders() {
            encoders.opened()?;
        }
        Ok(encoders)
    }

    /// How the rows that follow are serialized.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn serializing(&self, input: &Input) -> Result<Serializing<'_>, Failure> {
        let format = self.plan.format_of_values(input.row_format());
        Ok(Serializing { encoders: self.of(input)?, format, columns: None, key_field: self.plan.input.key.as_deref() })
    }

    /// How the rows that follow are serialized. If their values are made of the columns, the input makes no JSON of its rows from now on.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn serializing_rows(&self, opened: &mut OpenInput) -> Result<Serializing<'_>, Failure> {
        let mut serializing = self.serializing(&opened.input)?;
        if opened.mapper.as_ref().is_none_or(RecordMapper::keeps_values) {
            let columns = opened.input.columns();
            serializing.columns = columns.and_then(|names| serializing.encoders.1.columns(&names));
        }
        if serializing.columns.is_some() {
            opened.input.build_no_objects();
        }
        Ok(serializing)
    }

    fn of(&self, input: &Input) -> Result<(&Encoder, &Encoder), Failure> {
        let (is_key_serialized, is_value_serialized) = self.plan.serialized_parts(input);
        if !is_key_serialized && !is_value_serialized {
            return Ok((&self.unchanged, &self.unchanged));
        }
        let (key, value) = self.opened()?;
        Ok((if is_key_serialized { key } else { &self.unchanged }, if is_value_serialized { value } else { &self.unchanged }))
    }

    fn opened(&self) -> Result<&(Encoder, Encoder), Failure> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.plan.encoders()?;
        Ok(self.opened.get_or_init(|| opened))
    }
}
