//! [`Template`]: a text with fields of the row, such as `{origin}-{dest}`.

use std::fmt;

use super::fields::{FieldFault, RowFields};

/// A text with fields of the row. `{name}` is a field, `{{` and `}}` are braces. A text without fields is a constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field {
        name: String,
        /// The index in the list of the configuration's fields.
        index: usize,
    },
}

impl Template {
    /// A constant.
    pub(super) fn from_text(text: &str) -> Self {
        Self { pieces: vec![Piece::Text(text.to_owned())] }
    }

    /// Parses a template. Its fields have no index yet: see [`set_indexes`](Self::set_indexes).
    ///
    /// # Errors
    /// A brace without its counterpart, or a field without a name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(brace) = rest.find(['{', '}']) {
            literal.push_str(&rest[..brace]);
            let position = text.len() - rest.len() + brace + 1;
            let after = &rest[brace + 1..];
            let is_opening = rest[brace..].starts_with('{');
            let double = if is_opening { '{' } else { '}' };
            if let Some(after) = after.strip_prefix(double) {
                literal.push(double);
                rest = after;
                continue;
            }
            if !is_opening {
                return Err(format!("has a `}}` without `{{` at byte {position}; write }}}} for a brace"));
            }
            let Some(end) = after.find(['{', '}']).filter(|&end| after[end..].starts_with('}')) else {
                return Err(format!("has an unclosed `{{` at byte {position}; write {{{{ for a brace"));
            };
            if end == 0 {
                return Err(format!("has a field without a name at byte {position}; write the field's name between the braces"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field { name: after[..end].to_owned(), index: 0 });
            rest = &after[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// Sets the index of each field. `index_of` returns the index of a name.
    pub(super) fn set_indexes(&mut self, mut index_of: impl FnMut(&str) -> usize) {
        for piece in &mut self.pieces {
            if let Piece::Field { name, index } = piece {
                *index = index_of(name);
            }
        }
    }

    /// The text of a template without fields.
    pub(super) fn constant(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The name of the first field.
    pub(super) fn first_field(&self) -> Option<&str> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Field { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Whether the template is one field and nothing else.
    pub(super) fn is_field(&self) -> bool {
        matches!(self.pieces[..], [Piece::Field { .. }])
    }

    /// Writes the text for a row to `text`, which is cleared before. Returns whether there is one: a template that is only a field
    /// is null if the field is.
    ///
    /// # Errors
    /// A field is missing, has no text, or is null beside other text.
    pub(super) fn write(&self, row: &RowFields<'_>, text: &mut Vec<u8>) -> Result<bool, FieldFault> {
        text.clear();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.extend_from_slice(literal.as_bytes()),
                Piece::Field { index, .. } => {
                    if !row.append(*index, text)? {
                        return if self.is_field() { Ok(false) } else { Err(FieldFault::new(*index, "is null")) };
                    }
                }
            }
        }
        Ok(true)
    }

    /// As [`write`](Self::write), but a template that is only a field accepts any JSON, which it writes unchanged unless it is a
    /// string.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub(super) fn write_raw(&self, row: &RowFields<'_>, text: &mut Vec<u8>) -> Result<bool, FieldFault> {
        if let [Piece::Field { index, .. }] = self.pieces[..] {
            if let Some(json) = row.json(index).filter(|json| json.starts_with(['{', '['])) {
                text.clear();
                text.extend_from_slice(json.as_bytes());
                return Ok(true);
            }
        }
        self.write(row, text)
    }
}

/// Writes the template as it is written in a configuration.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Field { name, .. } => write!(f, "{{{name}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Columns;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn field(name: &str) -> Piece {
        Piece::Field { name: name.to_owned(), index: 0 }
    }

    #[test]
    fn templates_have_texts_and_fields() {
        for (template, pieces) in [
            ("", vec![]),
            ("plain", vec![text("plain")]),
            ("{a}", vec![field("a")]),
            ("{a}-{b c}{a}", vec![field("a"), text("-"), field("b c"), field("a")]),
            ("{{{a}}}é", vec![text("{"), field("a"), text("}é")]),
            ("}}{{", vec![text("}{")]),
            ("{/a~1b/0}", vec![field("/a~1b/0")]),
        ] {
            assert_eq!(Template::parse(template), Ok(Template { pieces }), "{template}");
            assert_eq!(Template::parse(template).unwrap().to_string(), template);
        }
    }

    #[test]
    fn errors_name_the_position_and_the_remedy() {
        for (template, wanted) in [
            ("ab{c", "has an unclosed `{` at byte 3; write {{ for a brace"),
            ("{a{b}}", "has an unclosed `{` at byte 1; write {{ for a brace"),
            ("a}b", "has a `}` without `{` at byte 2; write }} for a brace"),
            ("{}", "has a field without a name at byte 1; write the field's name between the braces"),
        ] {
            assert_eq!(Template::parse(template), Err(wanted.to_owned()), "{template}");
        }
    }

    #[test]
    fn only_a_template_of_one_field_can_be_null() {
        let names = ["a", "b"];
        let [one, two, none] = ["{a}", "{a}-{b}", "x"].map(|text| {
            let mut template = Template::parse(text).unwrap();
            template.set_indexes(|name| names.iter().position(|known| *known == name).unwrap());
            template
        });
        assert!(one.is_field() && !two.is_field());
        assert_eq!((two.first_field(), none.constant(), one.constant()), (Some("a"), Some("x"), None));
        let nulls = [Some(b"NA".to_vec()), Some(b"NA".to_vec())];
        let row = |texts, ends| RowFields::Columns {
            columns: Columns { texts, ends, gap: 0, nulls: &nulls, quoted: &[], null_fields: &[] },
            indexes: &[0, 1],
        };
        let mut text = b"left over".to_vec();
        assert_eq!(two.write(&row(b"1NA2", &[1, 4]), &mut text), Ok(true));
        assert_eq!(text, b"1-NA2");
        assert_eq!(two.write(&row(b"1NA", &[1, 3]), &mut text), Err(FieldFault::new(1, "is null")));
        assert_eq!(one.write(&row(b"NA1", &[2, 3]), &mut text), Ok(false));
        assert_eq!(none.write(&RowFields::Line, &mut text), Ok(true));
        assert_eq!(text, b"x");
    }
}
