//! The rows of the settings that Java's clients have in common, by name. Types, ranges and defaults are those of `ProducerConfig` and
//! `ConsumerConfig` in kafka-clients 4.1.0.

use super::super::value::{Range, Type};
use super::super::{sasl, server, tls};
use super::Setting;

use Range::{AtLeast, Between, BetweenOr, Decimal, NonNull, OneOf, OneOfAnyCase};
use Type::{Boolean, Class, Double, Int, List, Long, Password, Short};

const INT_MAX: i64 = 2_147_483_647;
const TOKEN_CALLBACK: &str = "tokens come from sasl.oauthbearer.token.endpoint.url; leave it out";
const BROKER_SIDE: &str = "the client does not validate tokens, the brokers do; leave it out";
const LOGIN: &str = "librdkafka logs in and refreshes by its own rules; leave it out";
const OPENSSL: &str = "TLS is OpenSSL's here, not Java's; leave it out";

const fn new(name: &'static str, kind: Type, doc: &'static str) -> Setting {
    Setting::new(name, kind, doc)
}

#[rustfmt::skip] // a row is read as a row
pub(super) static SETTINGS: &[Setting] = &[
    new("bootstrap.servers", List, "The brokers to ask first, as host:port.")
        .range_of(NonNull).default_of("").becomes_properties(&["metadata.broker.list"]).librdkafka("")
        .checked(server::check)
        .note_of("Required. Where nothing else sets it, the environment variable KAFKA_BOOTSTRAP_SERVERS does."),
    new("client.dns.lookup", Type::String, "How host names are resolved.")
        .range_of(OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])).default_of("use_all_dns_ips")
        .becomes_properties(&["client.dns.lookup"]).librdkafka("use_all_dns_ips"),
    new("connections.max.idle.ms", Long, "After how long an idle connection is closed; -1 for never.").milliseconds()
        .here(BetweenOr(1, INT_MAX, -1)).default_of("540000").becomes_properties(&["connections.max.idle.ms"]).librdkafka("0")
        .note_of("librdkafka never closes one by default."),
    new("enable.metrics.push", Boolean, "Whether brokers that ask for client metrics get them (KIP-714).")
        .default_of("true").becomes_properties(&["enable.metrics.push"]).librdkafka("true"),
    new("metadata.max.age.ms", Long, "How old what is known of the cluster may become before it is asked for again.").milliseconds()
        .range_of(AtLeast(0)).here(Between(1, 3_600_000)).default_of("300000").becomes_properties(&["topic.metadata.refresh.interval.ms"]).librdkafka("300000")
        .note_of("librdkafka's property of the same name is something else, the age at which its cache forgets."),
    new("metadata.recovery.rebootstrap.trigger.ms", Long, "After how long without metadata bootstrap.servers are asked again.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, INT_MAX)).default_of("300000")
        .becomes_properties(&["metadata.recovery.rebootstrap.trigger.ms"]).librdkafka("300000"),
    new("metadata.recovery.strategy", Type::String, "What to do when no known broker can be reached.")
        .range_of(OneOfAnyCase(&["REBOOTSTRAP", "NONE"])).default_of("rebootstrap").our_default("REBOOTSTRAP")
        .becomes_properties(&["metadata.recovery.strategy"]).librdkafka("rebootstrap"),
    new("reconnect.backoff.max.ms", Long, "The longest wait before connecting again.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 3_600_000)).default_of("1000").becomes_properties(&["reconnect.backoff.max.ms"]).librdkafka("10000")
        .note_of("As long as reconnect.backoff.ms if only that is set, as in Java."),
    new("reconnect.backoff.ms", Long, "The first wait before connecting again; it doubles.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 3_600_000)).default_of("50").becomes_properties(&["reconnect.backoff.ms"]).librdkafka("100"),
    new("retry.backoff.max.ms", Long, "The longest wait before a request is sent again.").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 300_000)).default_of("1000").becomes_properties(&["retry.backoff.max.ms"]).librdkafka("1000")
        .note_of("0 becomes 1."),
    new("retry.backoff.ms", Long, "The first wait before a request is sent again; it doubles (KIP-580).").milliseconds()
        .range_of(AtLeast(0)).here(Between(0, 300_000)).default_of("100").becomes_properties(&["retry.backoff.ms"]).librdkafka("100")
        .note_of("0 becomes 1."),
    new("sasl.client.callback.handler.class", Class, "A Java class that answers SASL's questions.")
        .refused(&[], "Java classes cannot run here; give name and password in sasl.jaas.config"),
    new("sasl.jaas.config", Password, "Name and password, as Java's JAAS writes them.")
        .becomes_properties(&["sasl.username", "sasl.password", "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.scope", "sasl.oauthbearer.extensions", "sasl.oauthbearer.config", "enable.sasl.oauthbearer.unsecure.jwt"])
        .checked(super::super::jaas::check)
        .note_of("PlainLoginModule, ScramLoginModule and OAuthBearerLoginModule."),
    new("sasl.kerberos.kinit.cmd", Type::String, "The program that gets Kerberos tickets.")
        .java_only_default("/usr/bin/kinit").becomes_properties(&["sasl.kerberos.kinit.cmd"])
        .note_of("A path, as in Java, with which librdkafka's command is made; give a whole command in librdkafka.sasl.kerberos.kinit.cmd."),
    new("sasl.kerberos.min.time.before.relogin", Long, "The least time between two refreshes of a Kerberos ticket.").milliseconds()
        .here(Between(0, 86_400_000)).default_of("60000").becomes_properties(&["sasl.kerberos.min.time.before.relogin"]).librdkafka("60000"),
    new("sasl.kerberos.service.name", Type::String, "The Kerberos name of the brokers.")
        .becomes_properties(&["sasl.kerberos.service.name"]).librdkafka("kafka"),
    new("sasl.kerberos.ticket.renew.jitter", Double, "The random part of the time of renewal.")
        .java_only_default("0.05").refused(&[], "librdkafka refreshes tickets every sasl.kerberos.min.time.before.relogin; leave it out"),
    new("sasl.kerberos.ticket.renew.window.factor", Double, "The part of a ticket's life after which it is renewed.")
        .java_only_default("0.8").refused(&[], "librdkafka refreshes tickets every sasl.kerberos.min.time.before.relogin; leave it out"),
    new("sasl.login.callback.handler.class", Class, "A Java class that gets tokens.")
        .refused(sasl::TOKEN_HANDLERS, "Java classes cannot run here; only Kafka's own OAuthBearerLoginCallbackHandler is known, for sasl.oauthbearer.token.endpoint.url"),
    new("sasl.login.class", Class, "A Java class that logs in.")
        .refused(&[], "Java classes cannot run here; leave it out"),
    new("sasl.login.connect.timeout.ms", Int, "How long connecting to a token endpoint may take.").milliseconds().refused(&[], LOGIN),
    new("sasl.login.read.timeout.ms", Int, "How long a token endpoint may take to answer.").milliseconds().refused(&[], LOGIN),
    new("sasl.login.refresh.buffer.seconds", Short, "How long before its end a token is refreshed at the latest.").seconds()
        .range_of(Between(0, 3600)).java_only_default("300").refused(&[], LOGIN),
    new("sasl.login.refresh.min.period.seconds", Short, "The least time before a token is refreshed.").seconds()
        .range_of(Between(0, 900)).java_only_default("60").refused(&[], LOGIN),
    new("sasl.login.refresh.window.factor", Double, "The part of a token's life after which it is refreshed.")
        .range_of(Decimal(0.5, 1.0)).java_only_default("0.8").refused(&["0.8"], "librdkafka refreshes a token after 0.8 of its life; leave it out"),
    new("sasl.login.refresh.window.jitter", Double, "The random part of that time.")
        .range_of(Decimal(0.0, 0.25)).java_only_default("0.05").refused(&["0", "0.0"], "librdkafka refreshes a token after 0.8 of its life, without jitter; leave it out"),
    new("sasl.login.retry.backoff.max.ms", Long, "The longest wait before a login is tried again.").milliseconds().java_only_default("10000").refused(&[], LOGIN),
    new("sasl.login.retry.backoff.ms", Long, "The first wait before a login is tried again.").milliseconds().java_only_default("100").refused(&[], LOGIN),
    new("sasl.mechanism", Type::String, "How the client says who it is.")
        .default_of("GSSAPI").becomes_properties(&["sasl.mechanisms"]).librdkafka("GSSAPI").checked(sasl::check_mechanism)
        .note_of("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER. GSSAPI (Kerberos) only where the system's librdkafka is linked."),
    new("sasl.oauthbearer.assertion.algorithm", Type::String, "How an assertion is signed.")
        .range_of(OneOfAnyCase(&["ES256", "RS256"])).default_of("RS256").becomes_properties(&["sasl.oauthbearer.assertion.algorithm"]).librdkafka("RS256"),
    new("sasl.oauthbearer.assertion.claim.aud", Type::String, "The audience of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.claim.aud"]),
    new("sasl.oauthbearer.assertion.claim.exp.seconds", Int, "How long an assertion is valid.").seconds()
        .range_of(Between(0, 86_400)).here(Between(1, 86_400)).default_of("300").becomes_properties(&["sasl.oauthbearer.assertion.claim.exp.seconds"]).librdkafka("300"),
    new("sasl.oauthbearer.assertion.claim.iss", Type::String, "The issuer of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.claim.iss"]),
    new("sasl.oauthbearer.assertion.claim.jti.include", Boolean, "Whether an assertion has an id.")
        .default_of("false").becomes_properties(&["sasl.oauthbearer.assertion.claim.jti.include"]).librdkafka("false"),
    new("sasl.oauthbearer.assertion.claim.nbf.seconds", Int, "How long before now an assertion becomes valid.").seconds()
        .range_of(Between(0, 3600)).default_of("60").becomes_properties(&["sasl.oauthbearer.assertion.claim.nbf.seconds"]).librdkafka("60"),
    new("sasl.oauthbearer.assertion.claim.sub", Type::String, "The subject of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.claim.sub"]),
    new("sasl.oauthbearer.assertion.file", Type::String, "A file with a finished assertion.").becomes_properties(&["sasl.oauthbearer.assertion.file"]),
    new("sasl.oauthbearer.assertion.private.key.file", Type::String, "A file with the key that signs assertions.").becomes_properties(&["sasl.oauthbearer.assertion.private.key.file"]),
    new("sasl.oauthbearer.assertion.private.key.passphrase", Password, "The passphrase of that key.").becomes_properties(&["sasl.oauthbearer.assertion.private.key.passphrase"]),
    new("sasl.oauthbearer.assertion.template.file", Type::String, "A file with more claims of an assertion.").becomes_properties(&["sasl.oauthbearer.assertion.jwt.template.file"]),
    new("sasl.oauthbearer.client.credentials.client.id", Type::String, "The client's id at the token endpoint.").becomes_properties(&["sasl.oauthbearer.client.id"]),
    new("sasl.oauthbearer.client.credentials.client.secret", Password, "The client's secret at the token endpoint.").becomes_properties(&["sasl.oauthbearer.client.secret"]),
    new("sasl.oauthbearer.clock.skew.seconds", Int, "The difference of clocks that is tolerated.").seconds().java_only_default("30").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.expected.audience", List, "The audience that a token must have.").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.expected.issuer", Type::String, "The issuer that a token must have.").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.header.urlencode", Boolean, "Whether id and secret are URL-encoded in the header.")
        .java_only_default("false").refused(&["false"], "librdkafka sends id and secret as they are; leave it out"),
    new("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long, "How often signing keys are read again.").milliseconds().java_only_default("3600000").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long, "The longest wait before signing keys are asked for again.").milliseconds().java_only_default("10000").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long, "The first wait before signing keys are asked for again.").milliseconds().java_only_default("100").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwks.endpoint.url", Type::String, "Where signing keys are.").refused(&[], BROKER_SIDE),
    new("sasl.oauthbearer.jwt.retriever.class", Class, "How tokens are got.")
        .java_only_default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever").becomes_properties(&["sasl.oauthbearer.grant.type"]).librdkafka("client_credentials")
        .checked(sasl::check_retriever)
        .note_of("DefaultJwtRetriever and ClientCredentialsJwtRetriever for client credentials, JwtBearerJwtRetriever for assertions."),
    new("sasl.oauthbearer.jwt.validator.class", Class, "How tokens are checked.")
        .java_only_default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .refused(sasl::VALIDATORS, TOKEN_CALLBACK),
    new("sasl.oauthbearer.scope", Type::String, "The scope to ask a token for.").becomes_properties(&["sasl.oauthbearer.scope"]),
    new("sasl.oauthbearer.scope.claim.name", Type::String, "The token's claim that holds the scope.").java_only_default("scope").refused(&["scope"], BROKER_SIDE),
    new("sasl.oauthbearer.sub.claim.name", Type::String, "The token's claim that holds the subject.")
        .java_only_default("sub").refused(&["sub"], "librdkafka reads the claim sub (another needs librdkafka 2.14, as librdkafka.sasl.oauthbearer.sub.claim.name); leave it out"),
    new("sasl.oauthbearer.token.endpoint.url", Type::String, "Where tokens are got.").becomes_properties(&["sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.method"])
        .checked(sasl::check_endpoint)
        .note_of("Turns librdkafka's method oidc on; needs the cargo feature oidc."),
    new("security.protocol", Type::String, "Whether connections are encrypted (SSL) and log in (SASL).")
        .range_of(OneOfAnyCase(&["SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"])).default_of("PLAINTEXT").becomes_properties(&["security.protocol"]).librdkafka("plaintext"),
    new("security.providers", Type::String, "Java classes of security providers.").refused(&[], OPENSSL),
    new("send.buffer.bytes", Int, "The socket's send buffer; -1 for the system's default.").bytes()
        .range_of(AtLeast(-1)).here(BetweenOr(1, 100_000_000, -1)).default_of("131072").our_default("-1").becomes_properties(&["socket.send.buffer.bytes"]).librdkafka("0")
        .note_of("A size that is set turns the kernel's own fitting of the buffer off: the default is the system's, as in librdkafka."),
    new("socket.connection.setup.timeout.max.ms", Long, "The longest time for a connection to be set up.").milliseconds()
        .java_only_default("30000").refused(&[], "the time does not grow from try to try; set socket.connection.setup.timeout.ms"),
    new("socket.connection.setup.timeout.ms", Long, "How long a connection may take to be set up.").milliseconds()
        .here(Between(1000, INT_MAX)).default_of("10000").becomes_properties(&["socket.connection.setup.timeout.ms"]).librdkafka("30000")
        .note_of("Does not grow from try to try as in Java."),
    new("ssl.cipher.suites", List, "The cipher suites that may be used.")
        .becomes_properties(&["ssl.cipher.suites"]).librdkafka("").checked(tls::check_ciphers)
        .note_of("OpenSSL's names, for TLS 1.2; those of TLS 1.3 are always on."),
    new("ssl.enabled.protocols", List, "The versions of TLS that may be used.")
        .java_only_default("TLSv1.2,TLSv1.3").refused(&["TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2"], "TLS 1.2 and 1.3 are on; leave it out"),
    new("ssl.endpoint.identification.algorithm", Type::String, "Whether the broker's certificate must be for its host name (https); empty for no.")
        .default_of("https").becomes_properties(&["ssl.endpoint.identification.algorithm"]).librdkafka("https").checked(tls::check_identification)
        .note_of("The empty value becomes none, with a warning."),
    new("ssl.engine.factory.class", Class, "A Java class that makes TLS engines.").refused(&[], OPENSSL),
    new("ssl.key.password", Password, "The password of the private key.").becomes_properties(&["ssl.key.password"]),
    new("ssl.keymanager.algorithm", Type::String, "How Java's key manager chooses.").java_only_default("SunX509").refused(&[], OPENSSL),
    new("ssl.keystore.certificate.chain", Password, "The client's certificates as PEM text.").becomes_properties(&["ssl.certificate.pem"])
        .note_of("With ssl.keystore.type=PEM."),
    new("ssl.keystore.key", Password, "The client's private key as PEM text.").becomes_properties(&["ssl.key.pem"])
        .note_of("With ssl.keystore.type=PEM."),
    new("ssl.keystore.location", Type::String, "The file with the client's key and certificates.").becomes_properties(&["ssl.keystore.location", "ssl.certificate.location", "ssl.key.location"])
        .note_of("PKCS12 or PEM, as ssl.keystore.type says; JKS is refused with the command that converts it."),
    new("ssl.keystore.password", Password, "The password of that file.").becomes_properties(&["ssl.keystore.password"])
        .note_of("For PKCS12."),
    new("ssl.keystore.type", Type::String, "The format of that file.")
        .range_of(Range::Any).here(OneOfAnyCase(&["PEM", "PKCS12", "JKS"])).java_only_default("JKS")
        .note_of("PEM or PKCS12."),
    new("ssl.protocol", Type::String, "The version of TLS.").java_only_default("TLSv1.3")
        .refused(&["TLSv1.3", "TLS"], "the version is negotiated, TLS 1.3 or 1.2; leave it out"),
    new("ssl.provider", Type::String, "The Java provider of TLS.").refused(&[], "OpenSSL's providers are named in librdkafka.ssl.providers"),
    new("ssl.secure.random.implementation", Type::String, "Java's source of random numbers.").refused(&[], OPENSSL),
    new("ssl.trustmanager.algorithm", Type::String, "How Java's trust manager checks.").java_only_default("PKIX").refused(&["PKIX"], OPENSSL),
    new("ssl.truststore.certificates", Password, "The CA certificates as PEM text.").becomes_properties(&["ssl.ca.pem"])
        .note_of("With ssl.truststore.type=PEM."),
    new("ssl.truststore.location", Type::String, "The file with the CA certificates.").becomes_properties(&["ssl.ca.location"])
        .note_of("PEM, with ssl.truststore.type=PEM; JKS and PKCS12 are refused with the command that converts them. Without it the system's certificates count, not the JVM's."),
    new("ssl.truststore.password", Password, "The password of that file.")
        .refused(&[], "PEM files have no password; leave it out"),
    new("ssl.truststore.type", Type::String, "The format of that file.")
        .range_of(Range::Any).here(OneOfAnyCase(&["PEM", "PKCS12", "JKS"])).java_only_default("JKS")
        .note_of("PEM."),
];
