//! The configuration of AWS clients: one HTTP client for all, with region, credentials and endpoints from the
//! environment, where Lambda puts them.
//!
//! The SDK's default chains would also look for profile files and metadata servers. They would trust every certificate
//! authority of the system, and read all of them, some 140, at each start.

use std::env;
use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::{SharedCredentialsProvider, SharedHttpClient};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::http_client::{KeptConnections, http_client};
use domain::setting::SettingError;

/// A connection that takes longer than this is given up and tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// DynamoDB answers in milliseconds; an attempt that takes this long is better repeated.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1000);
/// Timeout for all attempts together. It leaves time to answer 503 within five seconds.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(3500);
/// The SDK's own default, fixed here because every write is built to be repeated this often.
const MAX_ATTEMPTS: u32 = 3;
/// Longest wait before the second attempt. The SDK's default of a second suits APIs that answer in seconds; DynamoDB's
/// own guide starts at 50 ms.
const FIRST_RETRY_WAIT: Duration = Duration::from_millis(50);

/// A function asks a model for one reply at a time. A second connection would rest until it is closed, and nobody would look
/// at it (docs/decisions/kept-connections.md). AWS's gateways to the internet forget a connection after 350 s.
const KEPT_TO_BEDROCK: KeptConnections = KeptConnections { most: 1, idle_timeout: Duration::from_secs(300) };

/// The authorities that sign the certificates of AWS's endpoints
/// (<https://docs.aws.amazon.com/prescriptive-guidance/latest/certificate-authority/>).
const ROOT_CERTIFICATES: &[u8] = include_bytes!("configuration/root-certificates.pem");
/// Largest certificate bundle: some 1,000 certificates.
const MAX_BUNDLE_BYTES: u64 = 2 * 1024 * 1024;

/// An AWS service that functions call.
#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// Amazon Bedrock, for models.
    BedrockRuntime,
    /// DynamoDB, for the table.
    DynamoDb,
    /// AWS Secrets Manager, for secrets.
    SecretsManager,
}

impl Service {
    /// The SDKs' variable for an endpoint other than the region's, such as a stand-in's.
    fn endpoint_variable(self) -> &'static str {
        match self {
            Self::BedrockRuntime => "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        }
    }
}

/// The configuration of a client of `service`. Nothing is sent.
///
/// # Errors
/// [`SettingError`] without `AWS_REGION`, or for an `AWS_CA_BUNDLE` that cannot be used.
pub fn configuration(service: Service) -> Result<SdkConfig, SettingError> {
    let region = variable("AWS_REGION").ok_or_else(|| SettingError::new("AWS_REGION", "must be set"))?;
    let mut configuration = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(shared_http_client(service)?)
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .retry_config(retry_configuration())
        .timeout_config(timeout_configuration());
    configuration.set_endpoint_url(variable(service.endpoint_variable()).or_else(|| variable("AWS_ENDPOINT_URL")));
    configuration.set_app_name(variable("AWS_SDK_UA_APP_ID").and_then(|name| AppName::new(name).ok()));
    Ok(configuration.build())
}

/// Three attempts; the second follows within 50 ms.
#[must_use]
pub fn retry_configuration() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_initial_backoff(FIRST_RETRY_WAIT)
}

/// Timeouts for a connection, for an attempt and for all attempts together.
#[must_use]
pub fn timeout_configuration() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// One HTTP client for all services that repeat what was not answered, so that they share connections and set TLS up once.
/// Bedrock's repeat nothing, and have one of their own.
fn shared_http_client(service: Service) -> Result<SharedHttpClient, SettingError> {
    static OF_BEDROCK: OnceLock<SharedHttpClient> = OnceLock::new();
    static OF_OTHERS: OnceLock<SharedHttpClient> = OnceLock::new();
    let (client, kept) = match service {
        Service::BedrockRuntime => (&OF_BEDROCK, KEPT_TO_BEDROCK),
        Service::DynamoDb | Service::SecretsManager => (&OF_OTHERS, KeptConnections::ALL),
    };
    if let Some(client) = client.get() {
        return Ok(client.clone());
    }
    let made = http_client(trusted_authorities(variable("AWS_CA_BUNDLE"))?, kept);
    let made = made.map_err(|error| SettingError::new("AWS_CA_BUNDLE", format!("cannot be used: {error}")))?;
    Ok(client.get_or_init(|| made).clone())
}

/// The authorities of `AWS_CA_BUNDLE`, the SDKs' variable for those of a proxy or a stand-in; without it, those of AWS.
fn trusted_authorities(bundle: Option<String>) -> Result<RootCertStore, SettingError> {
    let Some(bundle) = bundle else {
        return authorities(ROOT_CERTIFICATES).map_err(|problem| SettingError::new("AWS_CA_BUNDLE", problem));
    };
    let refused = |problem: String| SettingError::new("AWS_CA_BUNDLE", problem);
    let mut pem = Vec::new();
    let file = File::open(&bundle).map_err(|error| refused(format!("\"{bundle}\" cannot be read: {error}")))?;
    file.take(MAX_BUNDLE_BYTES)
        .read_to_end(&mut pem)
        .map_err(|error| refused(format!("\"{bundle}\" cannot be read: {error}")))?;
    match authorities(&pem) {
        Ok(authorities) if authorities.is_empty() => Err(refused(format!("\"{bundle}\" has no certificates"))),
        Ok(authorities) => Ok(authorities),
        Err(problem) => Err(refused(format!("\"{bundle}\" has a certificate that cannot be used: {problem}"))),
    }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        store.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    Ok(store)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;

    #[test]
    fn all_five_of_aws_own_certificates_can_be_read() {
        assert_eq!(trusted_authorities(None).unwrap().len(), 5);
    }

    #[test]
    fn a_bundle_replaces_them_and_one_that_cannot_be_used_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem").to_str().unwrap().to_owned();
        let refusal = || trusted_authorities(Some(path.clone())).unwrap_err().to_string();
        assert!(refusal().starts_with(&format!("AWS_CA_BUNDLE \"{path}\" cannot be read: ")), "{}", refusal());
        fs::write(&path, "nothing").unwrap();
        assert_eq!(refusal(), format!("AWS_CA_BUNDLE \"{path}\" has no certificates"));
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(refusal().contains("has a certificate that cannot be used"), "{}", refusal());
        let (_, first) = ROOT_CERTIFICATES.split_at(ROOT_CERTIFICATES.len() / 2);
        fs::write(&path, first).unwrap();
        let count = trusted_authorities(Some(path.clone())).unwrap().len();
        assert!((1..5).contains(&count), "{count}");
    }
}
