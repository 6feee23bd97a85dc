//! The settings that all of Java's clients share, by name. Types, ranges and defaults are those of `ProducerConfig` and
//! `ConsumerConfig` in kafka-clients 4.4.0.

use super::super::value::{Range, Type};
use super::super::{sasl, server, tls};
use super::Setting;

use Range::{AtLeast, Between, BetweenOr, Decimal, Distinct, NonEmptyDistinct, OneOf, OneOfAnyCase};
use Type::{Boolean, Class, Double, Int, List, Long, Password, Short};

const INT_MAX: i64 = 2_147_483_647;
const TOKEN_CALLBACK: &str = "tokens come from sasl.oauthbearer.token.endpoint.url; remove it";
const BROKER_SIDE: &str = "the brokers validate tokens, not the client; remove it";
const LOGIN: &str = "librdkafka has its own rules for obtaining and refreshing tokens; remove it";
const OPENSSL: &str = "TLS is implemented by OpenSSL, not by Java; remove it";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

/// `config.providers` is about the file that has it, and handled when that is read.
fn only_in_properties(list: &str) -> Result<(), String> {
    if list.is_empty() { Ok(()) } else { Err(PROVIDERS.to_owned()) }
}

/// The error of `config.providers` and its settings in other sources.
pub(in crate::config) const PROVIDERS: &str =
    "is supported only in a .properties file; elsewhere use ${NAME} or ${file:PATH}, which need no provider";

#[rustfmt::skip] // one setting per row
pub(super) static SETTINGS: &[Setting] = &[
    new("bootstrap.resolve.timeout.ms", Long, "How long to retry the resolution of the names in bootstrap.servers; 0 resolves them once, when the client is created.").milliseconds()
        .range_of(AtLeast(0)).java_only_default("0")
        .refused(&[], "names are resolved in the background and retried; max.block.ms of a producer and default.api.timeout.ms of a consumer limit the wait; remove it"),
    new("bootstrap.servers", List, "The brokers to connect to first, as host:port.")
        .range_of(NonEmptyDistinct).becomes_properties(&["metadata.broker.list"]).librdkafka("")
        .checked(server::check)
        .note_of("Required. Defaults to the environment variable KAFKA_BOOTSTRAP_SERVERS."),
    new("client.dns.lookup", Type::String, "How host names are resolved.")
        .range_of(OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])).default_of("use_all_dns_ips")
        .becomes_properties(&["client.dns.lookup"]).librdkafka("use_all_dns_ips"),
    new("config.providers", List, "The providers of values that are stored elsewhere, such as passwords.")
        .range_of(Distinct).default_of("").checked(only_in_properties)
        .note_of("Only in a .properties file, with config.providers.ALIAS.class: Kafka's FileConfigProvider for `${ALIAS:PATH:KEY}`, EnvVarConfigProvider for `${ALIAS:NAME}`, DirectoryConfigProvider for `${ALIAS:PATH:KEY}`, with config.providers.ALIAS.param.allowed.paths or .allowlist.pattern. A placeholder without a value is an error; Java leaves it as it is. `${NAME}` and `${file:PATH}` need no provider."),
    new("connections.max.idle.ms", Long, "How long an idle connection is kept open; -1 means forever.").milliseconds()
        .here(BetweenOr(1, INT_MAX, -1)).default_of("540000").becomes_properties(&["connections.max.idle.ms"]).librdkafka("0")
        .note_of("librdkafka's default is never to close idle connections."),
    new("enable.metrics.push", Boolean, "Whether to send client metrics to brokers that request them (KIP-714).")
        .default_of("true").becomes_properties(&["enable.metrics.push"]).librdkafka("true"),
    new("metadata.cluster.check.enable", Boolean, "Whether to send the ids of cluster and node to brokers, which detect misrouted connections with them (since Kafka 4.4).")
        .java_only_default("true").refused(&["false"], "librdkafka does not send the ids of cluster and node; remove it"),
    new("metadata.max.age.ms", Long, "How old metadata may become before it is refreshed.").milliseconds()
        .range_of(AtLeast(0)).here(Between(1, 3_600_000)).default_of("300000").becomes_properties(&["topic.metadata.refresh.interval.ms"]).librdkafka("300000")
        .note_of("librdkafka's property of the same name has another meaning: the age at which entries are removed from its cache."),
    new("metadata.recovery.rebootstrap.trigger.ms", Long, "How long metadata may be unavailable before the client connects to bootstrap.servers again.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, INT_MAX)).default_of("300000")
        .becomes_properties(&["metadata.recovery.rebootstrap.trigger.ms"]).librdkafka("300000"),
    new("metadata.recovery.strategy", Type::String, "What to do when no known broker can be reached.")
        .range_of(OneOfAnyCase(&["REBOOTSTRAP", "NONE"])).default_of("rebootstrap").our_default("REBOOTSTRAP")
        .becomes_properties(&["metadata.recovery.strategy"]).librdkafka("rebootstrap"),
    new("reconnect.backoff.max.ms", Long, "The maximum backoff before reconnecting.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 3_600_000)).default_of("1000").becomes_properties(&["reconnect.backoff.max.ms"]).librdkafka("10000")
        .note_of("Raised to reconnect.backoff.ms if only that is set, as in Java."),
    new("reconnect.backoff.ms", Long, "The initial backoff before reconnecting; doubles with each attempt.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 3_600_000)).default_of("50").becomes_properties(&["reconnect.backoff.ms"]).librdkafka("100"),
    new("retry.backoff.max.ms", Long, "The maximum backoff before a request is retried.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 300_000)).default_of("1000").becomes_properties(&["retry.backoff.max.ms"]).librdkafka("1000")
        .note_of("0 becomes 1."),
    new("retry.backoff.ms", Long, "The initial backoff before a request is retried; doubles with each attempt (KIP-580).").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 300_000)).default_of("100").becomes_properties(&["retry.backoff.ms"]).librdkafka("100")
        .note_of("0 becomes 1."),
    new("sasl.client.callback.handler.class", Class, "A Java class that handles SASL callbacks.")
        .refused(&[], "Java classes cannot be loaded; set user name and password in sasl.jaas.config"),
    new("sasl.jaas.config", Password, "The login module and its options, such as user name and password, in Java's JAAS format.")
        .becomes_properties(&["sasl.username", "sasl.password", "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.scope", "sasl.oauthbearer.extensions", "sasl.oauthbearer.config", "enable.sasl.oauthbearer.unsecure.jwt"])
        .checked(super::super::jaas::check)
        .note_of("PlainLoginModule, ScramLoginModule and OAuthBearerLoginModule."),
    new("sasl.kerberos.kinit.cmd", Type::String, "The program that obtains Kerberos tickets.")
        .java_only_default("/usr/bin/kinit").becomes_properties(&["sasl.kerberos.kinit.cmd"])
        .note_of("A path, as in Java, from which librdkafka's command is built; a complete command can be set as librdkafka.sasl.kerberos.kinit.cmd."),
    new("sasl.kerberos.min.time.before.relogin", Long, "The minimum time between two refreshes of a Kerberos ticket.").milliseconds()
        .here(Between(0, 86_400_000)).default_of("60000").becomes_properties(&["sasl.kerberos.min.time.before.relogin"]).librdkafka("60000"),
    new("sasl.kerberos.service.name", Type::String, "The Kerberos name of the brokers.")
        .becomes_properties(&["sasl.kerberos.service.name"]).librdkafka("kafka"),
    new("sasl.kerberos.ticket.renew.jitter", Double, "The random jitter added to the renewal time.")
        .java_only_default("0.05").refused(&[], "librdkafka refreshes tickets every sasl.kerberos.min.time.before.relogin; remove it"),
    new("sasl.kerberos.ticket.renew.window.factor", Double, "The fraction of a ticket's lifetime after which it is renewed.")
        .java_only_default("0.8").refused(&[], "librdkafka refreshes tickets every sasl.kerberos.min.time.before.relogin; remove it"),
    new("sasl.login.callback.handler.class", Class, "A Java class that obtains tokens.")
        .refused(sasl::TOKEN_HANDLERS, "Java classes cannot be loaded; only Kafka's OAuthBearerLoginCallbackHandler is supported, for sasl.oauthbearer.token.endpoint.url"),
    new("sasl.login.class", Class, "A Java class that logs in.")
        .refused(&[], "Java classes cannot be loaded; remove it"),
    new("sasl.login.connect.timeout.ms", Int, "The timeout for connecting to a token endpoint.").milliseconds().refused(&[], LOGIN),
    new("sasl.login.read.timeout.ms", Int, "The timeout for a token endpoint's response.").milliseconds().refused(&[], LOGIN),
    new("sasl.login.refresh.buffer.seconds", Short, "How long before its expiry a token is refreshed at the latest.").seconds()
        .range_of(Between(0, 3600)).java_only_default("300").refused(&[], LOGIN),
    new("sasl.login.refresh.min.period.seconds", Short, "The minimum time before a token is refreshed.").seconds()
        .range_of(Between(0, 900)).java_only_default("60").refused(&[], LOGIN),
    new("sasl.login.refresh.window.factor", Double, "The fraction of a token's lifetime after which it is refreshed.")
        .range_of(Decimal(0.5, 1.0)).java_only_default("0.8").refused(&["0.8"], "librdkafka refreshes a token after 0.8 of its lifetime; remove it"),
    new("sasl.login.refresh.window.jitter", Double, "The random jitter added to the refresh time.")
        .range_of(Decimal(0.0, 0.25)).java_only_default("0.05").refused(&["0", "0.0"], "librdkafka refreshes a token after 0.8 of its lifetime, without jitter; remove it"),
    new("sasl.login.retry.backoff.max.ms", Long, "The maximum backoff before a login is retried.").milliseconds().java_only_default("10000").refused(&[], LOGIN),
    new("sasl.login.retry.backoff.ms", Long, "The initial backoff before a login is retried.").milliseconds().java_only_default("100").refused(&[], LOGIN),
    new("sasl.mechanism", Type::String, "The SASL mechanism.")
        .default_of("GSSAPI").becomes_properties(&["sasl.mechanisms"]).librdkafka("GSSAPI").checked(sasl::check_mechanism)
        .note_of("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER. GSSAPI (Kerberos) only with the system's librdkafka."),
    new("sasl.oauthbearer.allow.unverified.audience", Boolean, "Whether tokens of any audience are accepted.")
        .java_only_default("false").refused(&["false"], BROKER_SIDE),
    new("sasl.oauthbearer.allow.unverified.issuer", Boolean, "Whether tokens of any issuer are accepted.")
        .java_only_default("false").refused(&["false"], BROKER_SIDE),
    new("sasl.oauthbearer.assertion.algorithm", Type::String, "The algorithm that signs assertions.")
        .range_of(OneOfAnyCase(&["ES256", "RS256"])).default_of("RS256").becomes_properties(&["sasl.oauthbearer.assertion.algorithm"]).librdkafka("RS256"),
    new("sasl.oauthbearer.assertion.claim.aud", Type::String, "The audience of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.claim.aud"]),
    new("sasl.oauthbearer.assertion.claim.exp.seconds", Int, "The validity of an assertion.").seconds()
        .range_of(Between(0, 86_400)).here(Between(1, 86_400)).default_of("300").becomes_properties(&["sasl.oauthbearer.assertion.claim.exp.seconds"]).librdkafka("300"),
    new("sasl.oauthbearer.assertion.claim.iss", Type::String, "The issuer of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.claim.iss"]),
    new("sasl.oauthbearer.assertion.claim.jti.include", Boolean, "Whether assertions have the claim jti.")
        .default_of("false").becomes_properties(&["sasl.oauthbearer.assertion.claim.jti.include"]).librdkafka("false"),
    new("sasl.oauthbearer.assertion.claim.nbf.seconds", Int, "How long before its creation an assertion is valid.").seconds()
        .range_of(Between(0, 3600)).default_of("60").becomes_properties(&["sasl.oauthbearer.assertion.claim.nbf.seconds"]).librdkafka("60"),
    new("sasl.oauthbearer.assertion.claim.sub", Type::String, "The subject of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.claim.sub"]),
    new("sasl.oauthbearer.assertion.file", Type::String, "A file with a complete assertion.").becomes_properties(&["sasl.oauthbearer.assertion.file"]),
    new("sasl.oauthbearer.assertion.private.key.file", Type::String, "A file with the private key that signs assertions.").becomes_properties(&["sasl.oauthbearer.assertion.private.key.file"]),
    new("sasl.oauthbearer.assertion.private.key.passphrase", Password, "The passphrase of the private key that signs assertions.").becomes_properties(&["sasl.oauthbearer.assertion.private.key.passphrase"]),
    new("sasl.oauthbearer.assertion.template.file", Type::String, "A file with additional claims of assertions.").becomes_properties(&["sasl.oauthbearer.assertion.jwt.template.file"]),
    new("sasl.oauthbearer.client.credentials.client.id", Type::String, "The client's id at the token endpoint.").becomes_properties(&["sasl.oauthbearer.client.id"]),
    new("sasl.oauthbearer.client.credentials.client.secret", Password, "The client's secret at the token endpoint.").becomes_properties(&["sasl.oauthbearer.client.secret"]),
    new("sasl.oauthbearer.clock.skew.seconds", Int, "The tolerated clock skew.").seconds().java_only_default("30").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.expected.audience", List, "The audiences that a token may have.")
        .range_of(Distinct).java_only_default("").refused(&[""], BROKER_SIDE),
    new("sasl.oauthbearer.expected.issuer", Type::String, "The issuer that a token must have.").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.header.urlencode", Boolean, "Whether id and secret are URL-encoded in the header.")
        .java_only_default("false").refused(&["false"], "librdkafka does not encode id and secret; remove it"),
    new("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long, "How often signing keys are refreshed.").milliseconds().java_only_default("3600000").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long, "The maximum backoff before signing keys are requested again.").milliseconds().java_only_default("10000").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long, "The initial backoff before signing keys are requested again.").milliseconds().java_only_default("100").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwks.endpoint.url", Type::String, "The URL of the signing keys.").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwt.retriever.class", Class, "How tokens are obtained.")
        .java_only_default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever").becomes_properties(&["sasl.oauthbearer.grant.type"]).librdkafka("client_credentials")
        .checked(sasl::check_retriever)
        .note_of("DefaultJwtRetriever and ClientCredentialsJwtRetriever for client credentials, JwtBearerJwtRetriever for assertions."),
    new("sasl.oauthbearer.jwt.validator.class", Class, "How tokens are validated.")
        .java_only_default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .refused(sasl::VALIDATORS, TOKEN_CALLBACK),
    new("sasl.oauthbearer.scope", Type::String, "The scope to request.").becomes_properties(&["sasl.oauthbearer.scope"]),
    new("sasl.oauthbearer.scope.claim.name", Type::String, "The claim of the token with the scope.").java_only_default("scope").refused(&["scope"], BROKER_SIDE),
    new("sasl.oauthbearer.sub.claim.name", Type::String, "The claim of the token with the subject.")
        .java_only_default("sub").refused(&["sub"], "librdkafka reads the claim sub (another claim requires librdkafka 2.14 and librdkafka.sasl.oauthbearer.sub.claim.name); remove it"),
    new("sasl.oauthbearer.token.endpoint.url", Type::String, "The URL of the token endpoint.").becomes_properties(&["sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.method"])
        .checked(sasl::check_endpoint)
        .note_of("Enables librdkafka's method oidc; requires the cargo feature oidc."),
    new("security.protocol", Type::String, "Whether connections are encrypted (SSL) and authenticated (SASL).")
        .range_of(OneOfAnyCase(&["SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"])).default_of("PLAINTEXT").becomes_properties(&["security.protocol"]).librdkafka("plaintext"),
    new("security.providers", Type::String, "Java classes of security providers.").refused(&[], OPENSSL),
    new("send.buffer.bytes", Int, "The socket's send buffer; -1 for the system's default.").bytes()
        .range_of(AtLeast(-1)).here(BetweenOr(1, 100_000_000, -1)).default_of("131072").our_default("-1").becomes_properties(&["socket.send.buffer.bytes"]).librdkafka("0")
        .note_of("A fixed size disables the kernel's autotuning, so the default is the system's, as in librdkafka."),
    new("socket.connection.setup.timeout.max.ms", Long, "The maximum timeout for establishing a connection.").milliseconds()
        .java_only_default("30000").refused(&[], "the timeout does not grow with each attempt; set socket.connection.setup.timeout.ms"),
    new("socket.connection.setup.timeout.ms", Long, "The timeout for establishing a connection.").milliseconds()
        .here(Between(1000, INT_MAX)).default_of("10000").becomes_properties(&["socket.connection.setup.timeout.ms"]).librdkafka("30000")
        .note_of("Unlike in Java it does not grow with each attempt."),
    new("ssl.cipher.suites", List, "The allowed cipher suites; empty for the defaults of OpenSSL.")
        .range_of(Distinct).java_only_default("")
        .becomes_properties(&["ssl.cipher.suites"]).librdkafka("").checked(tls::check_ciphers)
        .note_of("OpenSSL's names, for TLS 1.2; the suites of TLS 1.3 are always enabled."),
    new("ssl.enabled.protocols", List, "The allowed TLS versions.").range_of(Distinct)
        .java_only_default("TLSv1.2,TLSv1.3").refused(&["TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2"], "TLS 1.2 and 1.3 are enabled; remove it"),
    new("ssl.endpoint.identification.algorithm", Type::String, "Whether to verify that the broker's certificate matches its host name (https); empty disables it.")
        .default_of("https").becomes_properties(&["ssl.endpoint.identification.algorithm"]).librdkafka("https").checked(tls::check_identification)
        .note_of("An empty value becomes none, with a warning."),
    new("ssl.engine.factory.class", Class, "A Java class that creates TLS engines.").refused(&[], OPENSSL),
    new("ssl.key.password", Password, "The password of the private key.").becomes_properties(&["ssl.key.password"]),
    new("ssl.keymanager.algorithm", Type::String, "The algorithm of Java's key manager.").java_only_default("SunX509").refused(&[], OPENSSL),
    new("ssl.keystore.certificate.chain", Password, "The client's certificates as PEM text.").becomes_properties(&["ssl.certificate.pem"])
        .note_of("With ssl.keystore.type=PEM."),
    new("ssl.keystore.key", Password, "The client's private key as PEM text.").becomes_properties(&["ssl.key.pem"])
        .note_of("With ssl.keystore.type=PEM."),
    new("ssl.keystore.location", Type::String, "The file with the client's key and certificates.").becomes_properties(&["ssl.keystore.location", "ssl.certificate.location", "ssl.key.location"])
        .note_of("PKCS12 or PEM, depending on ssl.keystore.type; for JKS the error shows the command that converts it."),
    new("ssl.keystore.password", Password, "The password of the keystore.").becomes_properties(&["ssl.keystore.password"])
        .note_of("For PKCS12."),
    new("ssl.keystore.type", Type::String, "The format of the keystore.")
        .range_of(Range::Any).here(OneOfAnyCase(&["PEM", "PKCS12", "JKS"])).java_only_default("JKS")
        .note_of("PEM or PKCS12."),
    new("ssl.protocol", Type::String, "The TLS version.").java_only_default("TLSv1.3")
        .refused(&["TLSv1.3", "TLS"], "TLS 1.3 or 1.2 is negotiated; remove it"),
    new("ssl.provider", Type::String, "The Java security provider for TLS.").refused(&[], "set OpenSSL's providers in librdkafka.ssl.providers"),
    new("ssl.secure.random.implementation", Type::String, "Java's source of random numbers.").refused(&[], OPENSSL),
    new("ssl.trustmanager.algorithm", Type::String, "The algorithm of Java's trust manager.").java_only_default("PKIX").refused(&["PKIX"], OPENSSL),
    new("ssl.truststore.certificates", Password, "The CA certificates as PEM text.").becomes_properties(&["ssl.ca.pem"])
        .note_of("With ssl.truststore.type=PEM."),
    new("ssl.truststore.location", Type::String, "The file with the CA certificates.").becomes_properties(&["ssl.ca.location"])
        .note_of("PEM, with ssl.truststore.type=PEM; for JKS and PKCS12 the error shows the command that converts them. Defaults to the system's certificates, not the JVM's."),
    new("ssl.truststore.password", Password, "The password of the truststore.")
        .refused(&[], "PEM files have no password; remove it"),
    new("ssl.truststore.type", Type::String, "The format of the truststore.")
        .range_of(Range::Any).here(OneOfAnyCase(&["PEM", "PKCS12", "JKS"])).java_only_default("JKS")
        .note_of("PEM."),
];
