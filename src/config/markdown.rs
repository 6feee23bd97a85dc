//! The table of settings as Markdown, from the table itself; `docs/settings.md` must be what comes out.

use super::{Becomes, Range, Setting, Unit, schema_registry_settings, settings};
use crate::page::assert_page;

const HEAD: &str = "# Settings

Every setting of the Java producer (kafka-clients 4.1), by its name, and librdkafka's own that are checked.
This page is made from the table in `src/config/setting/`; the test `config::markdown` holds the two equal.
";

fn text() -> String {
    let java = |setting: &&Setting| setting.is_java();
    let refused = |setting: &&Setting| matches!(setting.becomes(), Becomes::Refused { .. });
    let mut text = HEAD.to_owned();
    text.push_str("\n## Defaults that differ\n\n| setting | Java | librdkafka | here |\n| --- | --- | --- | --- |\n");
    for setting in settings().filter(java).filter(|setting| !refused(setting)) {
        let (java, own, here) = (setting.java_default(), setting.librdkafka_default(), setting.default());
        let told = |default: Option<&str>| default.is_some_and(|default| !default.is_empty());
        let spelled = |default: Option<&str>| default.unwrap_or_default().to_ascii_lowercase().replace("all", "-1");
        let differs = told(here) && (spelled(java) != spelled(here) || (told(own) && spelled(own) != spelled(here)));
        if differs && !setting.name().ends_with(".level") {
            text.push_str(&format!("| `{}` | {} | {} | {} |\n", setting.name(), cell(java), cell(own), cell(here)));
        }
    }
    text.push_str("\n## Settings that work\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    for setting in settings().filter(java).filter(|setting| !refused(setting)) {
        text.push_str(&row(setting));
    }
    text.push_str("\n## Settings without an equal\n\nSetting one of these is an error that says what to do.\n\n| setting | Java's default | instead | accepted all the same |\n| --- | --- | --- | --- |\n");
    for setting in settings().filter(java) {
        if let Becomes::Refused { instead, accepted } = setting.becomes() {
            let accepted: Vec<String> = accepted.iter().map(|value| cell(Some(value))).collect();
            text.push_str(&format!(
                "| `{}` | {} | {instead} | {} |\n",
                setting.name(),
                cell(setting.java_default()),
                accepted.join(", ")
            ));
        }
    }
    text.push_str("\n## librdkafka's own\n\n`librdkafka.NAME` passes any property of librdkafka's through. These are checked:\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    for setting in settings().filter(|setting| !setting.is_java()) {
        text.push_str(&row(setting));
    }
    text.push_str("\n## A schema registry's\n\nThese stand beside a client's own, by the names that Confluent's clients have for them, and need the feature `schema-registry`.\n\n| setting | type | allowed | default | | |\n| --- | --- | --- | --- | --- | --- |\n");
    for setting in schema_registry_settings() {
        text.push_str(&row(setting));
    }
    text
}

fn row(setting: &Setting) -> String {
    let unit = match setting.unit() {
        Unit::None => String::new(),
        unit => format!(", {}", unit.symbol()),
    };
    let secret = if setting.is_secret() { ", secret" } else { "" };
    let default = setting.default().or(setting.librdkafka_default().filter(|_| !setting.is_java()));
    let becomes = match setting.becomes() {
        Becomes::Properties(properties) => {
            properties.iter().map(|property| format!("`{property}`")).collect::<Vec<_>>().join(", ")
        }
        Becomes::Refused { .. } => "refused".to_owned(),
        Becomes::Here => "done here".to_owned(),
    };
    let allowed = match setting.range() {
        Range::OneOf(words) | Range::OneOfAnyCase(words) => words.join(", "),
        Range::NonNull => String::new(),
        range => range.to_string(),
    };
    format!(
        "| `{}` | {}{unit}{secret} | {allowed} | {} | {becomes} | {} |\n",
        setting.name(),
        setting.kind().name(),
        cell(default),
        [setting.doc(), setting.note()].join(" ").trim()
    )
}

fn cell(default: Option<&str>) -> String {
    match default {
        None => String::new(),
        Some("") => "(empty)".to_owned(),
        Some(default) => format!("`{default}`"),
    }
}

#[test]
fn the_page_of_settings_is_what_the_table_says() {
    let wanted = text();
    assert_page("settings.md", &wanted);
    for setting in settings() {
        assert!(wanted.contains(&format!("| `{}` |", setting.name())), "{} is missing", setting.name());
    }
}
