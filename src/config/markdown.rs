//! The tables of settings as Markdown, from the tables themselves; `docs/settings.md` and `docs/consumer-settings.md` must be what
//! comes out.

use super::{Becomes, ClientKind, Range, Setting, Unit, schema_registry_settings};
use crate::page::assert_page;

fn head(kind: ClientKind) -> String {
    let (title, other) = match kind {
        ClientKind::Producer => ("Settings", "those of a consumer are in [consumer-settings.md](consumer-settings.md)"),
        ClientKind::Consumer => ("Settings of a consumer", "those of a producer are in [settings.md](settings.md)"),
    };
    format!(
        "# {title}

Every setting of the Java {} (kafka-clients 4.1), by its name, and librdkafka's own that are checked; {other}.
This page is made from the table in `src/config/setting/`; the test `config::markdown` holds the two equal.
",
        kind.noun()
    )
}

fn text(kind: ClientKind) -> String {
    let refused = |setting: &Setting| matches!(setting.becomes(), Becomes::Refused { .. });
    let mut text = head(kind);
    text.push_str("\n## Defaults that differ\n\n| setting | Java | librdkafka | here |\n| --- | --- | --- | --- |\n");
    for setting in kind.settings().filter(|setting| setting.is_java()).filter(|setting| !refused(setting)) {
        let (java, own, here) = (setting.java_default(), setting.librdkafka_default(), setting.default());
        let told = |default: Option<&str>| default.is_some_and(|default| !default.is_empty());
        let spelled = |default: Option<&str>| match default.unwrap_or_default() {
            "all" => "-1".to_owned(),
            "largest" => "latest".to_owned(),
            default => default.to_ascii_lowercase(),
        };
        let differs = told(here) && (spelled(java) != spelled(here) || (told(own) && spelled(own) != spelled(here)));
        if differs && !setting.name().starts_with("compression.") {
            text.push_str(&format!("| `{}` | {} | {} | {} |\n", setting.name(), cell(java), cell(own), cell(here)));
        }
    }
    text.push_str("\n## Settings that work\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    for setting in kind.settings().filter(|setting| setting.is_java()).filter(|setting| !refused(setting)) {
        text.push_str(&row(setting));
    }
    text.push_str("\n## Settings without an equal\n\nSetting one of these is an error that says what to do.\n\n| setting | Java's default | instead | accepted all the same |\n| --- | --- | --- | --- |\n");
    for setting in kind.settings().filter(|setting| setting.is_java()) {
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
    for setting in kind.settings().filter(|setting| !setting.is_java() && !setting.is_own()) {
        text.push_str(&row(setting));
    }
    if kind.settings().any(Setting::is_own) {
        text.push_str("\n## ottla's own\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    }
    for setting in kind.settings().filter(|setting| setting.is_own()) {
        text.push_str(&row(setting));
    }
    if kind == ClientKind::Producer {
        text.push_str("\n## A schema registry's\n\nThese stand beside a client's own, by the names that Confluent's clients have for them, and need the feature `schema-registry`.\n\n| setting | type | allowed | default | | |\n| --- | --- | --- | --- | --- | --- |\n");
        for setting in schema_registry_settings() {
            text.push_str(&row(setting));
        }
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
fn the_pages_of_settings_are_what_the_tables_say() {
    for (kind, page) in [(ClientKind::Producer, "settings.md"), (ClientKind::Consumer, "consumer-settings.md")] {
        let wanted = text(kind);
        assert_page(page, &wanted);
        for setting in kind.settings() {
            assert!(wanted.contains(&format!("| `{}` |", setting.name())), "{} is missing", setting.name());
        }
    }
}
