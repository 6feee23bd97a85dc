//! Generates `docs/settings.md` and `docs/consumer-settings.md` from the tables of settings; the test fails if they are out of
//! date.

use super::{Becomes, ClientKind, Range, Setting, Unit, schema_registry_settings};
use crate::page::assert_page;

fn head(kind: ClientKind) -> String {
    let (title, other) = match kind {
        ClientKind::Producer => ("Producer settings", "for the consumer's see [consumer-settings.md](consumer-settings.md)"),
        ClientKind::Consumer => ("Consumer settings", "for the producer's see [settings.md](settings.md)"),
    };
    format!(
        "# {title}

All settings of the Java {} (kafka-clients 4.4) by name, and the librdkafka properties that are checked; {other}.
This page is generated from the table in `src/config/setting/`; the test `config::markdown` checks it.
",
        kind.noun()
    )
}

fn text(kind: ClientKind) -> String {
    let refused = |setting: &Setting| matches!(setting.becomes(), Becomes::Refused { .. });
    let mut text = head(kind);
    text.push_str("\n## Differing defaults\n\n| setting | Java | librdkafka | ottla |\n| --- | --- | --- | --- |\n");
    for setting in kind.settings().filter(|setting| setting.is_java()).filter(|setting| !refused(setting)) {
        let (java, own, here) = (setting.java_default(), setting.librdkafka_default(), setting.default());
        let is_set = |default: Option<&str>| default.is_some_and(|default| !default.is_empty());
        let spelled = |default: Option<&str>| match default.unwrap_or_default() {
            "all" => "-1".to_owned(),
            "largest" => "latest".to_owned(),
            default => default.to_ascii_lowercase(),
        };
        let differs = is_set(here) && (spelled(java) != spelled(here) || (is_set(own) && spelled(own) != spelled(here)));
        if differs && !setting.name().starts_with("compression.") {
            text.push_str(&format!("| `{}` | {} | {} | {} |\n", setting.name(), cell(java), cell(own), cell(here)));
        }
    }
    text.push_str("\n## Supported settings\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    for setting in kind.settings().filter(|setting| setting.is_java()).filter(|setting| !refused(setting)) {
        text.push_str(&row(setting));
    }
    text.push_str("\n## Unsupported settings\n\nSetting one of these is an error that names the alternative, unless the value is accepted.\n\n| setting | Java's default | alternative | accepted values |\n| --- | --- | --- | --- |\n");
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
    text.push_str("\n## librdkafka properties\n\n`librdkafka.NAME` sets any librdkafka property. These are checked:\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    for setting in kind.settings().filter(|setting| !setting.is_java() && !setting.is_own()) {
        text.push_str(&row(setting));
    }
    if kind.settings().any(Setting::is_own) {
        text.push_str("\n## ottla settings\n\n| setting | type | allowed | default | becomes in librdkafka | |\n| --- | --- | --- | --- | --- | --- |\n");
    }
    for setting in kind.settings().filter(|setting| setting.is_own()) {
        text.push_str(&row(setting));
    }
    if kind == ClientKind::Producer {
        text.push_str("\n## Schema registry settings\n\nThese have the names of Confluent's clients and are set together with the client's settings. The crate `ottla-schema-registry` uses them.\n\n| setting | type | allowed | default | | |\n| --- | --- | --- | --- | --- | --- |\n");
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
        Becomes::Refused { .. } => "not supported".to_owned(),
        Becomes::Here => "implemented by ottla".to_owned(),
    };
    let allowed = match setting.range() {
        Range::OneOf(words) | Range::OneOfAnyCase(words) => words.join(", "),
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
fn the_pages_of_settings_are_up_to_date() {
    for (kind, page) in [(ClientKind::Producer, "settings.md"), (ClientKind::Consumer, "consumer-settings.md")] {
        let wanted = text(kind);
        assert_page(page, &wanted);
        for setting in kind.settings() {
            assert!(wanted.contains(&format!("| `{}` |", setting.name())), "{} is missing", setting.name());
        }
    }
}
