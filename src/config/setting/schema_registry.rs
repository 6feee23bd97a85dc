//! The settings of the schema registry client, by name. Names, types and defaults are those of Confluent's
//! `AbstractKafkaSchemaSerDeConfig` and `SchemaRegistryClientConfig` (8.0); `cache.capacity` is that of the Python client.

use super::super::value::{Range, Type};
use super::Setting;

use Range::{AtLeast, Between, OneOf, OneOfAnyCase};
use Type::{Boolean, Class, Int, List, Password};

const INT_MAX: i64 = 2_147_483_647;
const PEM_ONLY: &str = "use PEM certificates and schema.registry.ssl.truststore.type=PEM";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // one setting per row
pub(super) static SETTINGS: &[Setting] = &[
    new("auto.register.schemas", Boolean, "Whether to register schemas that the subject does not have.").default_of("true"),
    new("basic.auth.credentials.source", Type::String, "The source of the registry's user name and password: the URL, basic.auth.user.info, or the brokers' sasl.jaas.config.")
        .range_of(OneOf(&["URL", "USER_INFO", "SASL_INHERIT"])).default_of("URL"),
    new("basic.auth.user.info", Password, "User name and password for the registry, separated by a colon.")
        .note_of("Requires basic.auth.credentials.source=USER_INFO."),
    new("bearer.auth.credentials.source", Type::String, "The source of the registry's bearer token.")
        .range_of(OneOf(&["STATIC_TOKEN"])).note_of("Java also has sources that request a token."),
    new("bearer.auth.token", Password, "The bearer token.").note_of("Requires bearer.auth.credentials.source=STATIC_TOKEN."),
    new("cache.capacity", Int, "The number of cached schemas, each for reading and for writing.").range_of(Between(1, INT_MAX)).default_of("1000"),
    new("http.connect.timeout.ms", Int, "The timeout for connecting to the registry.").milliseconds().range_of(AtLeast(1)).default_of("60000"),
    new("http.read.timeout.ms", Int, "The timeout for the registry's response.").milliseconds().range_of(AtLeast(1)).default_of("60000"),
    new("key.schema.id.serializer", Class, "Where a record holds the id of its key's schema: as a prefix of the key, or in a header.")
        .default_of("PrefixSchemaIdSerializer").checked(id_serializer),
    new("key.subject.name.strategy", Class, "The subject under which schemas of keys are registered.")
        .default_of("TopicNameStrategy").checked(strategy),
    new("latest.cache.ttl.sec", Int, "How long the latest version of a subject is cached; -1 means forever.").seconds()
        .range_of(AtLeast(-1)).default_of("60")
        .note_of("Java's default is -1; confluent-kafka-python has no limit either. The cached version is used until a refresh completes."),
    new("max.retries", Int, "The maximum number of retries of a failed request to the registry.").range_of(Between(0, 1000)).default_of("3"),
    new("normalize.schemas", Boolean, "Whether the registry normalizes schemas before it compares them.").default_of("false"),
    new("retries.max.wait.ms", Int, "The maximum backoff before a request is retried.").milliseconds().range_of(AtLeast(0)).default_of("20000"),
    new("retries.wait.ms", Int, "The initial backoff before a request is retried; doubles with each attempt, and is shortened by up to half at random.").milliseconds()
        .range_of(AtLeast(0)).default_of("1000"),
    new("schema.registry.ssl.keystore.certificate.chain", Password, "The client's certificate chain, as PEM."),
    new("schema.registry.ssl.keystore.key", Password, "The client's private key, as unencrypted PEM."),
    new("schema.registry.ssl.keystore.location", Type::String, "A PEM file with the client's unencrypted private key and its certificate."),
    new("schema.registry.ssl.keystore.type", Type::String, "The format of the keystore.")
        .range_of(OneOfAnyCase(&["PEM"])).default_of("PEM").note_of("Java's default is JKS, which is not supported."),
    new("schema.registry.ssl.truststore.certificates", Password, "The CA certificates for the registry, as PEM."),
    new("schema.registry.ssl.truststore.location", Type::String, "A PEM file with the CA certificates for the registry.")
        .note_of("Defaults to Mozilla's CA list, which is compiled in."),
    new("schema.registry.ssl.truststore.password", Password, "The password of a truststore.").refused(&[], PEM_ONLY),
    new("schema.registry.ssl.truststore.type", Type::String, "The format of the truststore.")
        .range_of(OneOfAnyCase(&["PEM"])).default_of("PEM").note_of("Java's default is JKS, which is not supported."),
    new("schema.registry.url", List, "The registries, as http://host:port or https://host:port; if one cannot be reached, the next one is used.").checked(url),
    new("use.latest.version", Boolean, "Whether to serialize with the latest version of the subject.")
        .default_of("false").note_of("Requires auto.register.schemas=false, which would take precedence in Java."),
    new("use.schema.id", Int, "The id of the schema to serialize with; -1 for none.").range_of(AtLeast(-1)).default_of("-1"),
    new("value.schema.id.serializer", Class, "Where a record holds the id of its value's schema: as a prefix of the value, or in a header.")
        .default_of("PrefixSchemaIdSerializer").checked(id_serializer),
    new("value.subject.name.strategy", Class, "The subject under which schemas of values are registered.")
        .default_of("TopicNameStrategy").checked(strategy),
];

/// The class name without its package.
fn class(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn strategy(name: &str) -> Result<(), String> {
    one_of(
        name,
        &["TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy"],
        "io.confluent.kafka.serializers.subject.",
    )
}

fn id_serializer(name: &str) -> Result<(), String> {
    one_of(name, &["PrefixSchemaIdSerializer", "HeaderSchemaIdSerializer"], "io.confluent.kafka.serializers.schema.id.")
}

fn one_of(name: &str, classes: &[&str], package: &str) -> Result<(), String> {
    let is_known = classes.contains(&class(name)) && (name == class(name) || name.starts_with(package));
    if is_known {
        Ok(())
    } else {
        Err(format!("is invalid; must be one of {}; pass any other to the serializer", classes.join(", ")))
    }
}

fn url(list: &str) -> Result<(), String> {
    let is_url = |url: &str| {
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace))
    };
    // URL parsers end the host at the first slash, and would print what is before the @ as part of the path.
    let path = |url| Some(<str>::split_once(url, "://")?.1.split_once('/')?.1);
    if list.split(',').filter_map(path).any(|path| path.contains('@')) {
        return Err("has an @ after a slash; write %2F for a slash in a password, %40 for an @ in a path".to_owned());
    }
    if list.split(',').all(is_url) {
        Ok(())
    } else {
        Err("is invalid; must be a list of URLs that begin with http:// or https://".to_owned())
    }
}
