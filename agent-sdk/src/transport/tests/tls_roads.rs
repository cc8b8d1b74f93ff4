//! TLS on every road, with certificates on both sides.

use super::collector::{Collector, Mood};
use super::server::{Server, free_port};
use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;

/// A certificate authority, a server's and a client's certificate, as files.
fn papers(folder: &Path) -> TlsFiles {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Of equal names OpenSSL thinks that a certificate has signed itself.
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    let ca =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    for who in ["server", "client"] {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.signed_by(&key, &ca).expect("a certificate");
        file(&format!("{who}.pem"), certificate.pem());
        file(&format!("{who}.key"), key.serialize_pem());
    }
    let path = |name: &str| Some(folder.join(name).display().to_string());
    TlsFiles {
        ca: Some(file("ca.pem", ca.pem())),
        certificate: path("client.pem"),
        key: path("client.key"),
    }
}

#[test]
fn redis_by_tls_with_a_client_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = papers(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (port, plain) = (free_port(), free_port());
    let (ca, certificate, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    let port_text = port.to_string();
    let args = ["--tls-port", &port_text, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let more = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "yes"];
    let Some(server) = Server::bare(plain, &[&args[..], &more[..]].concat()) else { return };
    until("it listens", || std::net::TcpStream::connect(("127.0.0.1", plain)).is_ok());
    server.meta(1);
    let settings = |tls: TlsFiles| {
        let mut of = redis(port).expect("settings");
        (of.tls, of.places) = (Some(tls), vec![("localhost".into(), port)]);
        Settings { redis: Some(of), ..Settings::default() }
    };
    let t = start(settings(files.clone()));
    t.offer(request(0, 10)).expect("room");
    assert!(t.flush(SOON));
    assert_eq!(server.entries(1).len(), 1);
    assert!(t.stop(SOON));
    // Without a certificate of its own it is not let in.
    let t = start(settings(TlsFiles { certificate: None, key: None, ..files }));
    t.offer(request(0, 10)).expect("room");
    assert!(!t.flush(Duration::from_millis(300)));
    t.stop(Duration::from_secs(5));
    assert_eq!((t.delivery().delivered, t.delivery().dropped()), (0, 10));
    assert!(server.folder().exists());
}

/// Serves a collector's router behind TLS that asks for certificates.
fn secure(collector: &Collector, folder: &Path) -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let read = |name: &str| CertificateDer::from_pem_file(folder.join(name)).expect("read");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(read("ca.pem")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&provider),
    );
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(vec![read("server.pem")], key)
        .expect("a configuration");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("nonblocking");
    let at = listener.local_addr().expect("bound");
    let router = collector.router();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let tcp = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            axum::serve(Tls { tcp, acceptor }, router).await
        })
    });
    at
}

struct Tls {
    tcp: tokio::net::TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, from)) = self.tcp.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

#[test]
fn otlp_by_tls_with_a_client_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = papers(folder.path());
    let collector = Collector::start(Mood::Well);
    let at = secure(&collector, folder.path());
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        let mut to = http(at).expect("an endpoint");
        let path = if protocol == Protocol::Grpc { "" } else { "/v1/traces" };
        (to.url, to.protocol) = (format!("https://localhost:{}{path}", at.port()), protocol);
        to.tls = files.clone();
        let t = start(Settings { traces: Some(to.clone()), ..Settings::default() });
        t.offer(request(0, 10)).expect("room");
        assert!(t.flush(SOON), "{protocol:?}");
        assert!(t.stop(SOON));
        assert_eq!(t.delivery().delivered, 10);
        // A stranger's certificate is not believed.
        let strange = tempfile::tempdir().expect("a folder");
        to.tls = papers(strange.path());
        let t = start(Settings { traces: Some(to), ..Settings::default() });
        t.offer(request(0, 10)).expect("room");
        t.stop(Duration::from_secs(2));
        assert_eq!((t.delivery().delivered, t.delivery().dropped()), (0, 10));
    }
}
