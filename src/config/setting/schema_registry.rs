//! The rows of the schema registry's settings, by name. Names, types and defaults are those of Confluent's `AbstractKafkaSchemaSerDeConfig`
//! and `SchemaRegistryClientConfig` (8.0); `cache.capacity` is the Python client's.

use super::super::value::{Range, Type};
use super::Setting;

use Range::{AtLeast, Between, OneOf, OneOfAnyCase};
use Type::{Boolean, Class, Int, List, Password};

const INT_MAX: i64 = 2_147_483_647;
const PEM_ONLY: &str = "give the certificates as PEM: schema.registry.ssl.truststore.type=PEM";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // a row is read as a row
pub(super) static SETTINGS: &[Setting] = &[
    new("auto.register.schemas", Boolean, "Whether a schema that the registry does not have under the subject is registered.").default_of("true"),
    new("basic.auth.credentials.source", Type::String, "Where name and password for the registry come from: the URL, basic.auth.user.info, or the brokers' sasl.jaas.config.")
        .range_of(OneOf(&["URL", "USER_INFO", "SASL_INHERIT"])).default_of("URL"),
    new("basic.auth.user.info", Password, "Name and password for the registry, with a colon in between.")
        .note_of("Needs basic.auth.credentials.source=USER_INFO."),
    new("bearer.auth.credentials.source", Type::String, "Where a bearer token for the registry comes from.")
        .range_of(OneOf(&["STATIC_TOKEN"])).note_of("Java has sources that fetch a token as well."),
    new("bearer.auth.token", Password, "The bearer token.").note_of("Needs bearer.auth.credentials.source=STATIC_TOKEN."),
    new("cache.capacity", Int, "How many schemas are kept, of those read and of those written each.").range_of(Between(1, INT_MAX)).default_of("1000"),
    new("http.connect.timeout.ms", Int, "How long connecting to the registry may take.").milliseconds().range_of(AtLeast(1)).default_of("60000"),
    new("http.read.timeout.ms", Int, "How long the registry may take to answer a request.").milliseconds().range_of(AtLeast(1)).default_of("60000"),
    new("key.schema.id.serializer", Class, "Where a record carries the id of its key's schema: in front of the key, or in a header.")
        .default_of("PrefixSchemaIdSerializer").checked(id_serializer),
    new("key.subject.name.strategy", Class, "Under which subject the schemas of keys are registered.")
        .default_of("TopicNameStrategy").checked(strategy),
    new("latest.cache.ttl.sec", Int, "After how long a subject's latest version is asked for again; -1 for never.").seconds()
        .range_of(AtLeast(-1)).default_of("60")
        .note_of("Java's default is -1, confluent-kafka-python has no limit either. What was latest is used until the answer is there."),
    new("max.retries", Int, "How often a request to the registry that failed is made again.").range_of(Between(0, 1000)).default_of("3"),
    new("normalize.schemas", Boolean, "Whether the registry compares schemas without regard to how they are written.").default_of("false"),
    new("retries.max.wait.ms", Int, "The longest wait before a request is made again.").milliseconds().range_of(AtLeast(0)).default_of("20000"),
    new("retries.wait.ms", Int, "The wait before a request is made again, doubled each time and shortened by up to half at random.").milliseconds()
        .range_of(AtLeast(0)).default_of("1000"),
    new("schema.registry.ssl.keystore.certificate.chain", Password, "The client's certificate and those that sign it, as PEM."),
    new("schema.registry.ssl.keystore.key", Password, "The client's private key, as PEM that is not encrypted."),
    new("schema.registry.ssl.keystore.location", Type::String, "A PEM file with the client's private key, not encrypted, and its certificate."),
    new("schema.registry.ssl.keystore.type", Type::String, "The format of the keystore.")
        .range_of(OneOfAnyCase(&["PEM"])).default_of("PEM").note_of("Java's default is JKS, which cannot be read here."),
    new("schema.registry.ssl.truststore.certificates", Password, "The CA certificates that check the registry's, as PEM."),
    new("schema.registry.ssl.truststore.location", Type::String, "A PEM file with the CA certificates that check the registry's.")
        .note_of("Defaults to Mozilla's list, which is compiled in."),
    new("schema.registry.ssl.truststore.password", Password, "The password of a truststore.").refused(&[], PEM_ONLY),
    new("schema.registry.ssl.truststore.type", Type::String, "The format of the truststore.")
        .range_of(OneOfAnyCase(&["PEM"])).default_of("PEM").note_of("Java's default is JKS, which cannot be read here."),
    new("schema.registry.url", List, "The registries, as http://host:port or https://host:port; if one cannot be reached the next is asked.").checked(url),
    new("use.latest.version", Boolean, "Whether values are written with the subject's latest version.")
        .default_of("false").note_of("Needs auto.register.schemas=false; in Java the latter would win."),
    new("use.schema.id", Int, "The id of the schema with which values are written; -1 for none.").range_of(AtLeast(-1)).default_of("-1"),
    new("value.schema.id.serializer", Class, "Where a record carries the id of its value's schema: in front of the value, or in a header.")
        .default_of("PrefixSchemaIdSerializer").checked(id_serializer),
    new("value.subject.name.strategy", Class, "Under which subject the schemas of values are registered.")
        .default_of("TopicNameStrategy").checked(strategy),
];

/// The last part of a Java class's name.
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
    if is_known { Ok(()) } else { Err(format!("is none of {}; give any other to the serializer", classes.join(", "))) }
}

fn url(list: &str) -> Result<(), String> {
    let is_url = |url: &str| {
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace))
    };
    // To who takes URLs apart the first slash ends the host, and what is before the @ would be printed as a path.
    let path = |url| Some(<str>::split_once(url, "://")?.1.split_once('/')?.1);
    if list.split(',').filter_map(path).any(|path| path.contains('@')) {
        return Err("has an @ behind a slash; write %2F for a slash in a password, %40 for an @ in a path".to_owned());
    }
    if list.split(',').all(is_url) { Ok(()) } else { Err("is not a list of URLs that begin with http:// or https://".to_owned()) }
}
