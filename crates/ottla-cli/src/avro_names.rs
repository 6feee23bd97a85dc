//! An Avro schema with its named types resolved.

use std::collections::HashMap;

use apache_avro::{
    Error, Schema,
    schema::{Name, ResolvedSchema},
};

/// Parses a schema and returns it with all named types. `uses` are the texts of the schemas that it references.
pub(crate) fn parsed<'a>(text: &str, uses: impl IntoIterator<Item = &'a str>) -> Result<(Schema, HashMap<Name, Schema>), Error> {
    let (schema, used) = Schema::parse_str_with_list(text, uses)?;
    let all: Vec<&Schema> = std::iter::once(&schema).chain(&used).collect();
    let resolved = ResolvedSchema::try_from(all)?;
    let names = resolved.get_names().iter().map(|(name, schema)| (name.clone(), (*schema).clone())).collect();
    Ok((schema, names))
}
