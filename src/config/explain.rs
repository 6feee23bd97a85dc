//! [`Explanation`]: the value, origin and effect of each setting.

use std::fmt;

use super::{Becomes, ClientConfig, Origin, redacted, schema_registry_settings};

/// All settings that have a value, as returned by [`ProducerConfig::explain`](super::ProducerConfig::explain). `Display` writes a
/// table. Secrets are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    rows: Vec<Row>,
}

/// One setting of an [`Explanation`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    name: String,
    value: String,
    origin: String,
    librdkafka: Vec<(String, String)>,
    java_default: Option<&'static str>,
    librdkafka_default: Option<&'static str>,
    note: String,
}

impl Row {
    /// The setting's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value in force, or [`HIDDEN`](super::HIDDEN).
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The origin: `orders.toml:7`, `OTTLA_LINGER_MS`, `--set`, `code`, or `default`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The librdkafka properties that the setting becomes, with their values; empty if ottla implements the setting itself.
    pub fn librdkafka(&self) -> &[(String, String)] {
        &self.librdkafka
    }

    /// Java's default; `None` if it is null, and for settings of librdkafka and ottla.
    pub fn java_default(&self) -> Option<&'static str> {
        self.java_default
    }

    /// librdkafka's default of the first property; `None` if ottla implements the setting itself.
    pub fn librdkafka_default(&self) -> Option<&'static str> {
        self.librdkafka_default
    }

    /// Why the value differs from the one set or from the usual default; empty if it does not.
    pub fn note(&self) -> &str {
        &self.note
    }
}

impl Explanation {
    /// The rows: Java's settings by name, then librdkafka's, then ottla's.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

impl<'a> IntoIterator for &'a Explanation {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

pub(super) fn explain(config: &ClientConfig) -> Explanation {
    let conversion = config.convert();
    let mut rows = Vec::new();
    let known = config.kind.settings().map(|setting| setting.name());
    let passed = config.entries.keys().map(String::as_str).filter(|name| config.kind.setting(name).is_none());
    // Registry settings are shown only if there is a registry or they are set.
    let has_registry = config.get("schema.registry.url").is_some();
    let registry = schema_registry_settings().map(|setting| setting.name());
    let registry = registry.filter(|name| has_registry || config.get(name).is_some());
    for name in known.chain(registry).chain(passed) {
        let setting = config.kind.setting(name);
        let librdkafka: Vec<(String, String)> = conversion
            .properties
            .iter()
            .filter(|property| property.setting == name)
            .map(|property| (property.name.clone(), property.shown().to_owned()))
            .collect();
        let set = config.entries.get(name).map(|entry| &entry.value);
        let refused = setting.is_some_and(|setting| matches!(setting.becomes(), Becomes::Refused { .. }));
        let here = setting.is_some_and(|setting| setting.becomes() == Becomes::Here);
        // A default that becomes no property is not in force.
        let default = setting.and_then(|setting| setting.default()).filter(|_| !refused && (here || !librdkafka.is_empty()));
        if set.is_none() && default.is_none() && librdkafka.is_empty() {
            continue;
        }
        let adjusted = conversion.notes.iter().find(|(of, _)| *of == name).map(|(_, note)| *note);
        let value = match (set, adjusted, librdkafka.first()) {
            (None, Some(_), Some((_, value))) => value.as_str(),
            (Some(value), ..) => redacted(name, value),
            (None, ..) => default.unwrap_or_default(),
        };
        let turned_off = name == "enable.idempotence" && set.is_none() && conversion.derived(name) == Some("false");
        rows.push(Row {
            name: name.to_owned(),
            value: if turned_off { "false".to_owned() } else { value.to_owned() },
            origin: config.origin(name).map_or_else(|| "default".to_owned(), Origin::to_string),
            librdkafka,
            java_default: setting.and_then(|setting| setting.java_default()),
            librdkafka_default: setting.and_then(|setting| setting.librdkafka_default()),
            note: match (adjusted, turned_off) {
                (Some(note), _) => note.to_owned(),
                (None, true) => "turned off by acks or retries".to_owned(),
                (None, false) => conversion
                    .warnings
                    .iter()
                    .find(|warning| warning.setting() == name)
                    .map(|warning| warning.message().to_owned())
                    .unwrap_or_default(),
            },
        });
    }
    Explanation { rows }
}

/// The columns. Defaults are shown only if they differ from the value in force.
fn cells(row: &Row) -> [String; 7] {
    let librdkafka: Vec<String> = row.librdkafka.iter().map(|(name, value)| format!("{name}={}", value.escape_debug())).collect();
    let differs = |default: Option<&str>, value: &str| match default {
        Some(default) if !default.eq_ignore_ascii_case(value) => {
            (if default.is_empty() { "(empty)" } else { default }).to_owned()
        }
        _ => String::new(),
    };
    let became = row.librdkafka.first().map_or(row.value.as_str(), |(_, value)| value.as_str());
    [
        row.name.clone(),
        row.value.escape_debug().to_string(),
        row.origin.clone(),
        if librdkafka.is_empty() { "(ottla)".to_owned() } else { librdkafka.join(" ") },
        differs(row.java_default, &row.value),
        differs(row.librdkafka_default, became),
        row.note.clone(),
    ]
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head =
            ["SETTING", "VALUE", "FROM", "LIBRDKAFKA", "JAVA'S DEFAULT", "LIBRDKAFKA'S DEFAULT", "NOTE"].map(str::to_owned);
        let lines: Vec<[String; 7]> = std::iter::once(head).chain(self.rows.iter().map(cells)).collect();
        let mut widths = [0; 7];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                // One very long value must not widen the column for all rows.
                *width = (*width).max(cell.chars().count().min(60));
            }
        }
        for line in &lines {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(widths) {
                text.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::config;
    use super::*;

    fn row<'a>(explanation: &'a Explanation, name: &str) -> &'a Row {
        explanation.rows().iter().find(|row| row.name() == name).unwrap_or_else(|| panic!("{name} is not explained"))
    }

    #[test]
    fn rows_have_value_origin_and_properties() {
        let config = config(&[("linger.ms", "20")]).set_with_origin("acks", "all", Origin::Flag).unwrap();
        let explanation = config.explain();
        let linger = row(&explanation, "linger.ms");
        assert_eq!((linger.value(), linger.origin(), linger.note()), ("20", "code", ""));
        assert_eq!(linger.librdkafka(), [("queue.buffering.max.ms".to_owned(), "20".to_owned())]);
        assert_eq!((linger.java_default(), linger.librdkafka_default()), (Some("5"), Some("5")));
        assert_eq!(row(&explanation, "acks").origin(), "--set");
        let memory = row(&explanation, "buffer.memory");
        assert_eq!((memory.value(), memory.origin(), memory.librdkafka().len()), ("33554432", "default", 0));
        assert_eq!(row(&explanation, "request.timeout.ms").librdkafka().len(), 2);
        assert!(explanation.rows().iter().all(|row| row.name() != "metadata.max.idle.ms"), "an unsupported setting has no value");
    }

    #[test]
    fn disabled_idempotence_has_a_note() {
        let explanation = config(&[("acks", "1")]).explain();
        let row = row(&explanation, "enable.idempotence");
        assert_eq!((row.value(), row.note()), ("false", "turned off by acks or retries"));
    }

    #[test]
    fn the_table_is_aligned_and_shows_differing_defaults() {
        let text = config(&[("client.id", "two\nlines")]).explain().to_string();
        let lines: Vec<&str> = text.lines().collect();
        let column = lines[0].find("FROM").unwrap();
        for line in &lines[1..] {
            assert!(line.is_char_boundary(column) && line[..column].ends_with("  "), "{line}");
        }
        let size = lines.iter().find(|line| line.starts_with("batch.size ")).unwrap();
        assert_eq!(
            size.split_whitespace().collect::<Vec<_>>(),
            ["batch.size", "1000000", "default", "batch.size=1000000", "16384"]
        );
        assert!(text.contains(r"two\nlines"), "a value must stay on one line");
    }
}
