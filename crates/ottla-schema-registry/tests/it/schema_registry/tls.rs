//! A registry with TLS, with the certificates of tests/data/tls.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use ottla_schema_registry::{RegistryError, RegistryErrorKind, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

/// A file created by tests/data/tls/make.
macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../data/tls/", $name, ".pem"))
    };
}

const CA: &str = pem!("ca");

/// Starts a registry with this certificate and key that responds to every request with the id 7. With `clients` it requires a certificate of
/// that CA. Returns its URL.
fn serve(identity: &str, clients: Option<&str>) -> String {
    let certificates = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect::<Vec<_>>();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(clients));
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            )
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(identity.as_bytes()).unwrap();
    let config = Arc::new(builder.with_single_cert(certificates(identity), key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that does not trust the server disconnects. A client that is not trusted must be able to read the alert.
            let rest = stream.try_clone().unwrap();
            let _ = answer(Arc::clone(&config), stream);
            let _ = io::copy(&mut &rest, &mut io::sink());
        }
    });
    url
}

fn answer(config: Arc<ServerConfig>, stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let length = String::from_utf8_lossy(&request).to_lowercase();
    let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).map_or(Ok(0), str::parse)?;
    stream.read_exact(&mut vec![0; length])?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"id\":7}")?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

fn register(url: &str, settings: &[(&str, &str)]) -> Result<Option<i32>, RegistryError> {
    let usual = [("schema.registry.url", url), ("max.retries", "0")];
    let config = SchemaRegistryConfig::from_pairs(usual.iter().chain(settings).copied()).unwrap();
    let registered = SchemaRegistry::new(&config).unwrap().register("a", &Schema::new(SchemaType::Avro, "\"string\"")).wait()?;
    Ok(registered.id())
}

#[test]
fn the_registrys_ca_and_host_name_are_verified() {
    let trust = |ca| [("schema.registry.ssl.truststore.certificates", ca)];
    let url = serve(pem!("server"), None);
    assert_eq!(register(&url, &trust(CA)).unwrap(), Some(7));
    let misnamed = serve(pem!("misnamed"), None);
    for (url, settings) in [(&url, &[][..]), (&url, &trust(pem!("other-ca"))), (&misnamed, &trust(CA))] {
        let error = register(url, settings).unwrap_err();
        assert_eq!(
            (error.kind(), error.subject(), error.is_retriable()),
            (RegistryErrorKind::Tls, Some("a"), false),
            "{error:?}"
        );
        assert!(error.to_string().starts_with("subject a: TLS to the schema registry failed: https://127.0.0.1:"), "{error}");
    }
}

#[test]
fn the_client_certificate_is_sent() {
    let url = serve(pem!("server"), Some(CA));
    let trust = ("schema.registry.ssl.truststore.certificates", CA);
    let with = |identity: &str| {
        let (chain, key) = identity.split_at(identity.find("-----BEGIN PRIVATE").unwrap());
        let own = [("schema.registry.ssl.keystore.certificate.chain", chain), ("schema.registry.ssl.keystore.key", key), trust];
        register(&url, &own)
    };
    assert_eq!(with(pem!("client")).unwrap(), Some(7));
    for error in [with(pem!("untrusted")).unwrap_err(), register(&url, &[trust]).unwrap_err()] {
        assert_eq!((error.kind(), error.subject()), (RegistryErrorKind::Tls, Some("a")), "{error:?}");
    }
}
