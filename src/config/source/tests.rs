//! Tests of the sources: files, environment, placeholders.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::config::ProducerConfig;

fn from_file(path: &Path) -> Result<ProducerConfig, ConfigError> {
    ProducerConfig::from_file(path)
}

fn from_str(text: &str, format: Format) -> Result<ProducerConfig, ConfigError> {
    ProducerConfig::from_str(text, format)
}

fn problems(text: &str, format: Format) -> String {
    from_str(text, format).unwrap_err().to_string()
}

#[test]
fn one_configuration_in_four_formats() {
    let toml = "[producer]\nbootstrap.servers = [\"a:1\", \"b:2\"]\nacks = -1\nlinger.ms = 0x14\n\"enable.idempotence\" = true\n\
                [producer.librdkafka]\nstatistics.interval.ms = 1_000\n[input]\nwhatever = 1\n";
    let yaml = "producer:\n  bootstrap:\n    servers: [a:1, 'b:2']\n  acks: -1\n  linger.ms: 20\n  enable.idempotence: true\n  \
                librdkafka.statistics.interval.ms: 1000\ninput: {whatever: 1}\n";
    let json = r#"{"producer": {"bootstrap.servers": ["a:1", "b:2"], "acks": -1, "linger": {"ms": 20},
        "enable.idempotence": true, "librdkafka": {"statistics.interval.ms": 1000}}, "input": {"whatever": 1}}"#;
    let properties = "bootstrap.servers=a:1, b:2\nacks = -1\nlinger.ms: 20\nenable.idempotence true\n\
                      librdkafka.statistics.interval.ms=1000\n";
    for (text, format) in [(toml, Format::Toml), (yaml, Format::Yaml), (json, Format::Json), (properties, Format::Properties)] {
        let config = from_str(text, format).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        for (name, wanted) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("acks", "-1"),
            ("linger.ms", "20"),
            ("enable.idempotence", "true"),
            ("librdkafka.statistics.interval.ms", "1000"),
        ] {
            assert_eq!(config.get(name), Some(wanted), "{format:?}: {name}");
        }
    }
}

#[test]
fn errors_have_line_and_name() {
    let wanted = "line 2: liger.ms: unknown setting; did you mean linger.ms?\n\
                  line 3: acks: \"two\" is invalid; must be one of all, -1, 0, 1\n\
                  line 4: retries: has no value; set one or remove the setting\n\
                  line 5: acks: duplicate key, first set on line 3";
    assert_eq!(problems("producer:\n  liger.ms: 5\n  acks: two\n  retries:\n  acks: all\n", Format::Yaml), wanted);
    assert_eq!(
        problems("{\"producer\": {\n\"liger.ms\": 5,\n\"acks\": \"two\",\n\"retries\": null,\n\"acks\": \"all\"}}", Format::Json),
        wanted
    );
    let wanted = "line 2: liger.ms: unknown setting; did you mean linger.ms?\n\
                  line 3: acks: \"two\" is invalid; must be one of all, -1, 0, 1\n\
                  line 5: acks: duplicate key, first set on line 3";
    assert_eq!(problems("# none\nliger.ms=5\nacks=two\n\nacks=all", Format::Properties), wanted);
}

#[test]
fn conflicts_are_reported_with_other_errors() {
    let text = "liger.ms=5\nssl.keystore.location=/a/b.jks\nmax.in.flight.requests.per.connection=6";
    let error = problems(text, Format::Properties);
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    assert!(
        lines[0].starts_with("line 1: liger.ms: ") && lines[1].starts_with("line 2: ssl.keystore.location: is JKS"),
        "{error}"
    );
    assert!(lines[2].starts_with("line 3: max.in.flight.requests.per.connection: must be at most 5"), "{error}");
    assert!(from_str(&text[11..], Format::Properties).is_ok(), "conflicts alone are left to check");
}

#[test]
fn settings_may_be_at_the_top_level() {
    assert_eq!(from_str("linger.ms = 7", Format::Toml).unwrap().get("linger.ms"), Some("7"));
    let error = problems("topic = \"flights\"\nlinger.ms = 7", Format::Toml);
    assert!(error.starts_with("line 1: topic: unknown setting; if it is meant for the command"), "{error}");
}

#[test]
fn a_text_may_have_tables_for_both_clients() {
    let toml = "topic = \"t\"\n[producer]\nclient.id = \"p\"\n[consumer]\nclient.id = \"c\"\n";
    let yaml = "topic: t\nproducer: {client.id: p}\nconsumer:\n  client: {id: c}\n";
    let json = r#"{"topic": "t", "producer": {"client.id": "p"}, "consumer": {"client.id": "c"}}"#;
    for (text, format) in [(toml, Format::Toml), (yaml, Format::Yaml), (json, Format::Json)] {
        for (kind, wanted) in [(ClientKind::Producer, "p"), (ClientKind::Consumer, "c")] {
            let config = super::from_str(kind, text, format).unwrap_or_else(|error| panic!("{format:?}: {error}"));
            assert_eq!((config.get("client.id"), config.entries.len()), (Some(wanted), 1), "{format:?}");
        }
    }
    // Settings beside a client's table belong to the program.
    let consumers = "linger.ms = 5\n[consumer]\ngroup.id = \"g\"\n";
    assert!(from_str(consumers, Format::Toml).unwrap().0.entries.is_empty());
    assert_eq!(super::from_str(ClientKind::Consumer, consumers, Format::Toml).unwrap().entries.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    for (name, text, wanted) in [
        ("both.toml", toml, &["producer", "consumer"][..]),
        ("one.toml", consumers, &["consumer"]),
        ("none.toml", "linger.ms = 5", &[]),
        ("none.properties", "consumer.group.id=g", &[]),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        assert_eq!(client_tables(&path).unwrap(), wanted, "{name}");
        let beside = host_settings(&path).unwrap();
        assert_eq!(beside.len(), usize::from(!wanted.is_empty()), "{name}: {beside:?}");
    }
}

#[test]
fn entries_of_a_list_are_told_apart_from_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let text = "[producer]\n[input]\nnone = []\nempty = [\"\"]\ntwo = [\"a\", \"b\"]\ntext = \"a,b\"\nrun = \"$${RUN}\"\n";
    fs::write(&path, text).unwrap();
    let settings = host_settings(&path).unwrap();
    let entries: Vec<_> = settings.iter().map(|setting| setting.entries().unwrap()).collect();
    assert_eq!(entries, [vec![], vec![""], vec!["a", "b"], vec!["a,b"], vec!["${RUN}"]]);
    let written: Vec<_> = settings.iter().map(HostSetting::written).collect();
    assert_eq!(written, [None, None, None, None, Some("$${RUN}")]);
}

#[test]
fn placeholders_are_replaced_and_errors_hide_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "hunter2\n").unwrap();
    let text = format!("client.id=${{file:{}}}\nretries=${{file:{}}}", path.display(), path.display());
    let error = problems(&text, Format::Properties);
    assert!(error.contains("line 2: retries: \"${file:") && error.contains("is not a whole number"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let config = from_str(&format!("client.id=${{file:{}}}", path.display()), Format::Properties).unwrap();
    assert_eq!(config.get("client.id"), Some("hunter2"));
}

#[test]
fn substituted_values_are_not_syntax_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let secret = "a\"b\\c'd;\n# e = [f] {g}: \u{e9}";
    fs::write(&path, secret).unwrap();
    let placeholder = format!("${{file:{}}}", path.display());
    let jaas = |quote: &str| {
        format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required username={quote}u{quote} password={quote}{placeholder}{quote};"
        )
    };
    let (double, single) = (jaas("\"").replace('"', "\\\""), jaas("'"));
    for (format, text) in [
        (Format::Toml, format!("client.id = \"{placeholder}\"\nsasl.jaas.config = \"{double}\"\n")),
        (Format::Toml, format!("client.id = '{placeholder}'\nsasl.jaas.config = \"{single}\"\n")),
        (Format::Toml, format!("client.id = '{placeholder}'\nsasl.jaas.config = \"{}\"\n", jaas(""))),
        (Format::Yaml, format!("client.id: {placeholder}\nsasl.jaas.config: \"{double}\"\n")),
        (Format::Yaml, format!("client.id: '{placeholder}'\nsasl.jaas.config: {single}\n")),
        (Format::Json, format!("{{\"client.id\": \"{placeholder}\", \"sasl.jaas.config\": \"{double}\"}}")),
        (Format::Properties, format!("client.id={placeholder}\nsasl.jaas.config={}\n", jaas("\""))),
        (Format::Properties, format!("client.id={placeholder}\nsasl.jaas.config={single}\n")),
    ] {
        let config = from_str(&text, format).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(config.get("client.id"), Some(secret), "{text}");
        let jaas = crate::config::jaas::Jaas::parse(config.0.get("sasl.jaas.config").unwrap())
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((jaas.get("username"), jaas.get("password")), (Some("u"), Some(secret)), "{text}");
    }
}

#[test]
fn a_list_entry_is_one_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("servers");
    fs::write(&path, "a:1,b:2").unwrap();
    let list = format!("bootstrap.servers = [\"${{file:{}}}\"]", path.display());
    assert!(problems(&list, Format::Toml).contains("has a list entry with a comma"));
    let split = "bootstrap.servers = [\"${OTTLA_NO_SUCH:-a:1\", \"b:2}\"]";
    assert!(problems(split, Format::Toml).contains("has a placeholder that begins in one list entry and ends in another"));
    let whole = from_str(&list.replace(['[', ']'], ""), Format::Toml).unwrap();
    assert_eq!(whole.get("bootstrap.servers"), Some("a:1,b:2"));
    fs::write(&path, "a:1").unwrap();
    assert_eq!(from_str(&list, Format::Toml).unwrap().get("bootstrap.servers"), Some("a:1"));
}

#[test]
fn errors_of_unreadable_files_have_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| from_file(path).unwrap_err().to_string();
    assert!(error(&folder.path().join("none.toml")).ends_with("none.toml: no such file"));
    assert!(error(&folder.path().join("orders.ini")).contains("must be one of .toml"));
    let path = folder.path().join("orders.toml");
    fs::write(&path, b"a = 1\n\xff").unwrap();
    assert!(error(&path).ends_with("orders.toml: line 2 is not valid UTF-8"));
    for name in ["wide.properties", "wide.toml", "wide.yaml", "wide.json"] {
        let path = folder.path().join(name);
        let (little, big): (Vec<_>, Vec<_>) = (
            "acks=all".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "acks=all".encode_utf16().flat_map(u16::to_be_bytes).collect(),
        );
        for text in [[b"\xff\xfe", &little[..]].concat(), [b"\xfe\xff", &big[..]].concat(), little, big] {
            fs::write(&path, text).unwrap();
            assert!(error(&path).ends_with(&format!("{name}: is UTF-16; save it as UTF-8")), "{}", error(&path));
        }
    }
    fs::create_dir(folder.path().join("folder.yaml")).unwrap();
    assert!(error(&folder.path().join("folder.yaml")).ends_with("is a directory, not a file"));
    let path = folder.path().join("latin.properties");
    fs::write(&path, b"client.id=caf\xe9").unwrap();
    assert_eq!(from_file(&path).unwrap().get("client.id"), Some("café"));
    fs::write(&path, "liger.ms=1").unwrap();
    assert!(error(&path).ends_with("latin.properties:1: liger.ms: unknown setting; did you mean linger.ms?"));
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,80}", lines in "([a-z.\\[\\]{}:=\"' \\\\,&*!|>#-]{0,12}\n){0,6}") {
        for format in [Format::Toml, Format::Yaml, Format::Json, Format::Properties] {
            let _ = from_str(&text, format);
            let _ = from_str(&lines, format);
        }
    }

    #[test]
    fn syntax_errors_do_not_quote_the_text(tail in "[\\[{\"'=:]{1,4}") {
        for format in [Format::Toml, Format::Yaml, Format::Json] {
            if let Err(error) = from_str(&format!("sasl.jaas.config = \"hunter2{tail}\npassword: hunter2{tail} = {tail}hunter2\n"), format) {
                prop_assert!(!error.to_string().contains("hunter2"), "{}", error);
            }
        }
    }
}

#[cfg(feature = "consumer")]
#[test]
fn a_shared_properties_file_is_read_by_each_client() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.properties");
    fs::write(&path, "bootstrap.servers=a:1\nacks=1\ngroup.id=billing\nmax.poll.records=none\n").unwrap();
    let (producer, others) = ProducerConfig::from_shared_file(&path).unwrap();
    assert_eq!((producer.get("acks"), producer.get("group.id")), (Some("1"), None));
    let others: Vec<_> = others.iter().map(|setting| (setting.name(), setting.line())).collect();
    assert_eq!(others, [("group.id", 3), ("max.poll.records", 4)]);
    let error = ConsumerConfig::from_shared_file(&path).unwrap_err().to_string();
    assert!(error.contains("max.poll.records") && !error.contains("acks"), "{error}");
    // Names of no client are errors, and other formats have tables.
    fs::write(&path, "acks=1\ngrop.id=billing\n").unwrap();
    assert!(ProducerConfig::from_shared_file(&path).unwrap_err().to_string().contains("grop.id: unknown setting"));
    let toml = folder.path().join("shared.toml");
    fs::write(&toml, "acks = 1\ngroup.id = \"billing\"\n").unwrap();
    assert!(ProducerConfig::from_shared_file(&toml).is_err());
}
