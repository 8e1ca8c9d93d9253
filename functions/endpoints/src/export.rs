//! `GET /export/`: all that is stored of the user, as lines of JSON, in pages.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::export::Export;
use shared::http::{Answer, Method, Request};
use shared::identity::jwt::Verifier;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ExportEndpoint>().await
}

struct ExportEndpoint {
    verifier: Verifier,
    export: Export,
}

impl Endpoint for ExportEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, export: resources.export() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let cursor = request.export_cursor(person.user_id())?;
        Ok(Answer::private_lines(self.export.page(&person, cursor, request.deadline()).await?))
    }
}
