//! `GET /openapi.json`: the OpenAPI document of this version. On a laptop the function also gets the paths that no
//! function has, and says so.

use serde_json::value::RawValue;
use shared::domain::cause::Cause;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::gateway::GatewayError;
use shared::http::{Answer, Method, Request};

/// The document, which `testkit/openapi` makes of docs/openapi.yaml.
const DOCUMENT: &str = include_str!("../../openapi.json");

/// How long caches may keep the document. A deployment changes it.
const MAX_AGE_SECONDS: u64 = 300;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<OpenApiEndpoint>().await
}

struct OpenApiEndpoint;

impl Endpoint for OpenApiEndpoint {
    type Answer = Answer;
    type Error = GatewayError;

    const METHODS: &'static [Method] = &[Method::GET];

    /// A custom domain may put a path before this one.
    fn has_path(request: &Request) -> bool {
        request.path().trim_end_matches('/').ends_with("/openapi.json")
    }

    async fn start(_resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self)
    }

    async fn answer(&self, _request: Request) -> Result<Answer, GatewayError> {
        let document: &RawValue =
            serde_json::from_str(DOCUMENT).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(Answer::public(&document, MAX_AGE_SECONDS)?)
    }
}
