//! The HTTP client of the harness.

/// Clients to the loopback address: without a proxy, and without the system's certificates, which every other client parses
/// when it is built.
pub fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}
