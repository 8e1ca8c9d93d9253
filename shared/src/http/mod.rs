//! The HTTP contract: typed requests in, typed responses out, one error for everything else.

mod authorization;
mod cors;
mod endpoint;
mod fields;
mod idempotency;
mod json;
mod log_line;
mod page;
mod path;
mod problem;
mod response;
mod streaming;

pub use authorization::bearer_token;
pub use cors::{CorsOrigins, Origin};
pub use endpoint::{Endpoint, Error, deadline, serve};
pub use fields::{Fields, MAX_BODY_BYTES};
pub use idempotency::idempotency_key;
pub use json::json_object;
pub use lambda_http::Request;
pub use lambda_http::http::{HeaderName, Method, StatusCode};
pub use page::page_request;
pub use path::item_of;
pub(crate) use problem::headers as problem_headers;
pub use response::{Answer, Response};
pub(crate) use streaming::PATIENCE;
pub use streaming::{Events, Streamable, StreamingEndpoint, serve_streaming};
