//! The names of the command's own settings.

use ottla::config::{Setting, schema_registry_settings};

use crate::{
    checkpoint::{self, CheckpointSettings},
    input::{INPUT_SETTINGS, InputSetting},
    record,
    suggestion::nearest,
    topic::{self, TopicSettings},
};

/// The valid names, without those of `input`, `record`, `topic`, `checkpoint` and `schema.registry`.
const NAMES: [&str; 10] = [
    "topic",
    "metrics.address",
    "key.serializer",
    "key.schema",
    "key.message",
    "key.unknown",
    "value.serializer",
    "value.schema",
    "value.message",
    "value.unknown",
];

/// The table of the input.
pub(super) const INPUT: &str = "input.";
/// The table of the registry's settings: `url` in it is `schema.registry.url`.
pub(super) const REGISTRY: &str = "schema.registry.";

/// Finds the registry setting for a name in the registry's table, where the prefix `schema.registry.` is optional.
pub(super) fn registry_setting(name: &str) -> Option<&'static str> {
    let settings = || schema_registry_settings().map(Setting::name);
    settings().find(|known| *known == name).or_else(|| settings().find(|known| name.strip_prefix(REGISTRY) == Some(known)))
}

/// Whether the command has a setting of this name.
pub(super) fn is_known(name: &str) -> bool {
    let is_of_registry = name.strip_prefix(REGISTRY).and_then(|_| registry_setting(name)).is_some();
    let is_of_input = name.strip_prefix(INPUT).and_then(InputSetting::of_name).is_some();
    let is_of_table = record::is_record_setting(name) || CheckpointSettings::has(name) || TopicSettings::has(name);
    is_of_registry || is_of_input || is_of_table || NAMES.contains(&name)
}

/// The error for an unknown name: suggests the most similar name, or lists the names of its table.
pub(super) fn unknown(name: &str) -> String {
    let of_registry = schema_registry_settings().map(|setting| match setting.name().strip_prefix(REGISTRY) {
        Some(_) => setting.name().to_owned(),
        None => format!("{REGISTRY}{}", setting.name()),
    });
    let of_input = INPUT_SETTINGS.iter().map(|setting| format!("{INPUT}{}", setting.name));
    let of_command =
        NAMES.iter().chain(&record::NAMES).chain(&checkpoint::NAMES).chain(&topic::NAMES).map(|known| (*known).to_owned());
    let known: Vec<String> = of_input.chain(of_command).chain(of_registry).collect();
    // All names of a table share its prefix, so only the rest is compared.
    let table = known
        .iter()
        .filter_map(|known| known.rfind('.').map(|dot| &known[..=dot]))
        .find(|table| name.strip_prefix(table).is_some_and(|rest| table == &REGISTRY || !rest.contains('.')));
    let table = if name.starts_with(REGISTRY) { Some(REGISTRY) } else { table };
    let candidates = known.iter().filter(|known| table.is_none_or(|table| known.starts_with(table)));
    let prefix = table.map_or(0, str::len);
    match (nearest(&name[prefix..], candidates.clone(), |known| &known[prefix..]), table) {
        (Some(nearest), _) => format!("unknown setting; did you mean {nearest}?"),
        (None, Some(table)) => {
            let names: Vec<&str> = candidates.map(|known| &known[prefix..]).collect();
            format!("unknown setting; [{}] accepts {}", table.trim_end_matches('.'), names.join(", "))
        }
        (None, None) => format!(
            "unknown setting; the command accepts {}, [input], [record], [topic] and [checkpoint]; client settings belong in [producer] and [consumer]",
            NAMES.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_similar_name_the_error_lists_the_names_of_the_table() {
        for name in ["input.timestamp", "input.offset"] {
            let error = unknown(name);
            assert!(error.starts_with("unknown setting; [input] accepts path, format, key, encoding, follow"), "{error}");
        }
        assert_eq!(unknown("value.subject"), "unknown setting; [value] accepts serializer, schema, message, unknown");
        assert_eq!(unknown("inptu.key"), "unknown setting; did you mean input.key?");
        assert_eq!(unknown("input.keys"), "unknown setting; did you mean input.key?");
    }
}
