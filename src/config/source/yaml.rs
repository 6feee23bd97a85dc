//! Reads YAML with the event parser of the crate `saphyr-parser`. Scalars stay as written: a password `0123` is not a number.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::{
    Broken,
    table::{MAX_DEPTH, Member, NOTHING, Node},
};

pub(super) fn parse(text: &str) -> (Vec<Member>, Vec<Broken>) {
    let mut events = Events { parser: Parser::new_from_str(text), depth: 0 };
    match events.document() {
        Ok(members) => (members, Vec::new()),
        Err(broken) => (Vec::new(), vec![broken]),
    }
}

struct Events<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    depth: usize,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Broken> {
        match self.parser.next() {
            Some(event) => event.map_err(|error| scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Vec<Member>, Broken> {
        let mut members = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(members.unwrap_or_default()),
                Event::MappingStart(..) if members.is_none() => members = Some(self.mapping()?),
                Event::Scalar(text, ScalarStyle::Plain, ..) if is_null(&text) && members.is_none() => members = Some(Vec::new()),
                Event::MappingStart(..) | Event::Scalar(..) if members.is_some() => {
                    return Err(broken(span, "has a second YAML document; only one is supported"));
                }
                Event::MappingStart(..) | Event::SequenceStart(..) | Event::Scalar(..) | Event::Alias(_) => {
                    return Err(broken(span, "must be a YAML mapping; write NAME: VALUE"));
                }
                _ => {}
            }
        }
    }

    fn mapping(&mut self) -> Result<Vec<Member>, Broken> {
        let mut members = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(members),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return Err(broken(span, "has a list, a mapping or an alias as a name")),
            };
            let value = self.next()?;
            members.push(Member { line: span.start.line(), name, node: self.node(value)? });
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span)) -> Result<Node, Broken> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(broken(span, "is nested deeper than 24 levels"));
        }
        let node = match event {
            Event::Scalar(text, style, ..) => match style {
                ScalarStyle::Plain if is_null(&text) => Node::Invalid(NOTHING),
                _ => Node::Text(text.into_owned().into()),
            },
            Event::MappingStart(..) => Node::Table(self.mapping()?),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Node::List(items),
                        event => items.push(self.node(event)?),
                    }
                }
            }
            Event::Alias(_) => Node::Invalid("is an alias, which is not supported; write the value instead"),
            _ => return Err(broken(span, "ends unexpectedly")),
        };
        self.depth -= 1;
        Ok(node)
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn broken(span: Span, what: &str) -> Broken {
    Broken { line: span.start.line().max(1), what: what.to_owned() }
}

/// The crate's message is about the grammar; the part that quotes a character is removed.
fn scan_error(error: &ScanError) -> Broken {
    let what = error.info().split('`').next().unwrap_or_default().trim_end_matches([':', ' ']);
    Broken { line: error.marker().line().max(1), what: format!("invalid YAML: {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientKind;

    fn pairs(text: &str) -> Vec<(usize, String, Result<String, &'static str>)> {
        let (pairs, broken) = super::super::table::settings(ClientKind::Producer, parse(text));
        assert_eq!(broken, []);
        pairs.into_iter().map(|pair| (pair.line, pair.name, pair.value.map(|value| value.expose().to_owned()))).collect()
    }

    #[test]
    fn scalars_stay_as_written() {
        let found = pairs("a: 0123\nb: 1e3\nc: 'x: y'\nd: |\n  one\n  two\ne: \"null\"\nf: !!str 5\n");
        let values: Vec<_> = found.iter().map(|(_, _, value)| value.as_deref()).collect();
        assert_eq!(values, [Ok("0123"), Ok("1e3"), Ok("x: y"), Ok("one\ntwo\n"), Ok("null"), Ok("5")]);
        assert_eq!(found.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [1, 2, 3, 4, 7, 8]);
    }

    #[test]
    fn nulls_aliases_and_empty_documents() {
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("# a comment\n---\n"), []);
        assert_eq!(pairs("a: ~")[0].2, Err(NOTHING));
        assert_eq!(pairs("a: &x 1\nb: *x")[1].2, Err("is an alias, which is not supported; write the value instead"));
    }

    #[test]
    fn errors_in_yaml_show_only_the_line() {
        for (text, line) in [
            ("a: 1\npassword: \"hunter2\nb: 2", 2),
            ("a: 1\n\tpassword: hunter2", 1),
            ("a: [hunter2", 1),
            ("- hunter2", 1),
            ("hunter2", 1),
            ("a: 1\n---\nb: hunter2", 3),
            ("a: @hunter2", 1),
        ] {
            let (members, broken) = parse(text);
            assert!(members.is_empty(), "{text}");
            assert!(broken[0].line >= line && broken[0].line <= line + 1, "{text}: {broken:?}");
            assert!(!broken[0].what.contains("hunter"), "{broken:?}");
        }
    }
}
