//! TLS for every road: which certificates are trusted and which one we show. ring is named, not
//! installed: the host program's own choice of crypto provider is none of our business.

use super::settings::TlsFiles;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// A client's configuration; files are read now.
pub(crate) fn config(files: &TlsFiles) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let mut roots = RootCertStore::empty();
    match &files.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| format!("{path}: {e}"))?;
            }
        }
        None => {
            let (found, _) =
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if found == 0 {
                return Err("this system trusts no certificates; name a file of them".to_owned());
            }
        }
    }
    let config = config.with_root_certificates(roots);
    match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let shown = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{key}: {e}"))?;
            config.with_client_auth_cert(shown, key).map_err(|e| e.to_string())
        }
        (None, None) => Ok(config.with_no_client_auth()),
        _ => Err("a client certificate needs its key, and a key its certificate".to_owned()),
    }
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|e| format!("{path}: {e}"))?;
    if read.is_empty() {
        return Err(format!("{path}: no certificate in it"));
    }
    Ok(read)
}
