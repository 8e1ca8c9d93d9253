//! API Gateway as events: what it would send to a function for an HTTP request, and what it makes of the answer.

mod http_event;
mod request;
mod response;
mod rest_event;
mod stamp;

pub use request::{Payload, Request};
pub use response::Response;
