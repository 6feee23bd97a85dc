//! [`Encoders`]: the encoders of a run. [`Serializing`]: how the rows of an input are serialized.

use std::cell::OnceCell;

use crate::{
    encoder::Encoder,
    exit::Failure,
    input::{Format, Input},
    inputs::OpenInput,
    plan::Plan,
    record::RecordMapper,
    typed::AvroColumns,
};

/// The encoders of keys and values, and which of them apply to the rows of an input.
pub(crate) struct Encoders<'a> {
    plan: &'a Plan,
    /// Those of keys and of values. They are opened with the first rows that they apply to, if those of the configuration's format need none.
    opened: OnceCell<(Encoder, Encoder)>,
    unchanged: Encoder,
}

/// How rows are serialized.
pub(crate) struct Serializing<'a> {
    /// The encoders of keys and of values.
    pub(crate) encoders: (&'a Encoder, &'a Encoder),
    /// The format of the values.
    pub(crate) format: Format,
    /// Where the rows have the fields of the values, if these are made of the columns and not of JSON.
    pub(crate) columns: Option<AvroColumns>,
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
        Ok(Serializing { encoders: self.of(input)?, format, columns: None })
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
