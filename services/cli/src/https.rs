//! The client by which this program asks others over HTTP: TLS by rustls, no proxy, no redirects, an end to every wait.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use crate::failure::Failure;

/// A client that waits so long for an answer. It trusts the system's certificates, and those of a file beside them. Where an
/// answer leads elsewhere it is not followed: whoever was named is asked, and nobody that they name.
pub(crate) fn client(timeout: Duration, ca_file: Option<&Path>) -> Result<Client, Failure> {
    let mut builder = Client::builder().timeout(timeout).no_proxy().redirect(Policy::none());
    if let Some(path) = ca_file {
        let named = |what: String| Failure::usage(format!("the certificates in {}: {what}", path.display()));
        let pem = std::fs::read(path).map_err(|e| named(e.to_string()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| named(e.to_string()))?;
        if certificates.is_empty() {
            return Err(named("there is none in it".to_owned()));
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|e| Failure::of(&e))
}
