//! TLS before the embedded `DynamoDB`, on the loopback interface: a function has the same work as with AWS.
//!
//! The certificates are of the kind that AWS has, since that decides the cost of verifying them: RSA of 2,048 bits, and
//! an intermediate authority between the server's certificate and the trusted root.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A running front, which ends with the runtime that it was started on.
pub struct TlsFront {
    port: u16,
    certificate: tempfile::TempPath,
}

impl TlsFront {
    /// Starts a front before `upstream`, such as `http://127.0.0.1:8000`.
    ///
    /// # Panics
    /// No port can be opened, or no certificate made.
    pub async fn start(upstream: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
        let between = CertifiedIssuer::signed_by(authority("between"), key(), &root).unwrap();
        let key = key();
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &between).unwrap();
        let chain = vec![server.der().clone(), between.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let configuration = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let certificate = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&certificate, root.pem()).unwrap();

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let upstream = upstream.strip_prefix("http://").unwrap().to_owned();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(configuration)), upstream));
        Self { port, certificate }
    }

    /// The address for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The file for `AWS_CA_BUNDLE`.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.certificate.to_path_buf()
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, upstream: String) {
    while let Ok((client, _)) = listener.accept().await {
        let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
        tokio::spawn(async move {
            client.set_nodelay(true)?;
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(upstream).await?;
            server.set_nodelay(true)?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}
