//! The endpoints of the API: the trait that a handler implements, and the frame around every handler.
//!
//! Nothing here knows a path or a body. Begin with [`Endpoint`].

mod answered;
mod buffered;
mod error;
mod log_line;
mod posting;
mod resources;
mod runner;
mod streaming;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::setting::SettingError;
use domain::time::Clock;

use crate::endpoint::answered::{Answered, PathMethods, answered};
use crate::http::{CorsOrigins, Method, Request};
use crate::settings::Settings;

pub use error::{EndpointError, EventError};
pub use resources::Resources;
pub use runner::{EndpointAnswer, Error};

/// One endpoint of the API: a state that outlives requests, and a handler.
pub trait Endpoint: Sized + Send + Sync + 'static {
    /// [`Answer`](crate::http::Answer), or [`Streamable`](crate::http::Streamable) where a handler can stream.
    type Answer: EndpointAnswer<Self::Error>;

    /// [`ApiError`](crate::error::ApiError), or the error of another protocol: it decides how clients see a failure.
    type Error: EndpointError;

    /// The methods of the endpoint. A request with another method is answered with 405, because API Gateway would say
    /// 403 "Missing Authentication Token". `HEAD` is not named: it works where `GET` does, and a handler sees a `GET`.
    const METHODS: &'static [Method];

    /// Whether nobody learns by a method that is not allowed that there is the path: the handler gets every method, and answers
    /// with 405 those who may know. A preflight is answered as everywhere, since it names nobody.
    const HIDES_METHODS: bool = false;

    /// Whether the endpoint has the path of `request`, for one that gets the paths that no function has. At another path
    /// every method is answered with 404, as API Gateway does.
    #[must_use]
    fn has_path(_request: &Request) -> bool {
        true
    }

    /// The methods at the path of `request`, for an endpoint with several paths.
    #[must_use]
    fn methods(_request: &Request) -> &'static [Method] {
        Self::METHODS
    }

    /// Makes the state, once per process.
    ///
    /// # Errors
    /// [`SettingError`] if a setting cannot be used: the process ends with it.
    fn start(resources: &Resources) -> impl Future<Output = Result<Self, SettingError>>;

    /// The time for an answer where Lambda does not give a deadline.
    #[must_use]
    fn timeout(&self, settings: &Settings) -> Duration {
        settings.function_timeout
    }

    /// Answers one request.
    fn answer(&self, request: Request) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;
}

/// Serves the endpoint `E` until Lambda ends the process.
///
/// # Errors
/// [`Error`] if a setting cannot be used, or the Lambda Runtime API cannot be reached.
pub async fn serve<E: Endpoint>() -> Result<(), Error> {
    let resources = Resources::from_environment()?;
    // Some starts join two large futures, which would make this one as large.
    let endpoint = Box::pin(E::start(&resources)).await?;
    serve_started(endpoint, resources).await
}

/// Serves an endpoint that was started with `resources`, and given more, until Lambda ends the process.
///
/// # Errors
/// [`Error`] if the Lambda Runtime API cannot be reached.
pub async fn serve_started<E: Endpoint>(endpoint: E, resources: Resources) -> Result<(), Error> {
    let Resources { settings, clock, .. } = resources;
    let timeout = endpoint.timeout(&settings);
    let served = Arc::new(Served { endpoint, timeout, clock, cors_origins: settings.cors_origins });
    E::Answer::run(move |received| {
        let served = served.clone();
        async move { served.answered(received).await }
    })
    .await
}

/// An endpoint, with the settings and the clock that each of its requests needs.
struct Served<E> {
    endpoint: E,
    timeout: Duration,
    clock: Clock,
    cors_origins: CorsOrigins,
}

impl<E: Endpoint> Served<E> {
    async fn answered(&self, received: lambda_http::Request) -> Answered<E::Answer, E::Error> {
        let request = Request::from_lambda(received, &self.clock, self.timeout);
        let methods = E::has_path(&request).then(|| E::methods(&request));
        let methods = methods.map(|methods| PathMethods { methods, are_hidden: E::HIDES_METHODS });
        answered(methods, &self.cors_origins, request, |request| self.endpoint.answer(request)).await
    }
}
