//! TLS: a certificate and its key, from PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, pki_types};

use crate::serve::Error;

/// The files of a certificate with its chain, and of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the server's certificate first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or they do not belong together. A server without TLS would be no replacement.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let problem = |problem: String| Error::Certificate {
            path: self.certificate.display().to_string(),
            problem,
        };
        let pem = |what, path: &Path| {
            let failed = |source| Error::File { what, path: path.display().to_string(), source };
            std::fs::read(path).map_err(failed)
        };
        let chain = pem("TLS certificate", &self.certificate)?;
        let key = pem("TLS key", &self.key)?;
        let chain: Result<Vec<CertificateDer<'static>>, pki_types::pem::Error> =
            CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|error| problem(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&key);
        let key = key.map_err(|error| problem(format!("its key cannot be read: {error}")))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let config = config.map_err(|error| problem(error.to_string()))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
