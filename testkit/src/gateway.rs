//! API Gateway: the event that it makes of an HTTP request, and the HTTP response that it makes of an answer.

mod http_event;
mod request;
mod response;
mod rest_event;
mod stamp;

pub use request::{Payload, Request};
pub use response::Response;
