//! The OpenAPI document: docs/openapi.yaml, which people write, with all that the code knows better.
//!
//! It never describes an error by itself. Each example of an error is the body of a real
//! [`ApiError`](shared::error::ApiError), made by the functions' own code, or one of API Gateway's answers in
//! template.yaml.
//!
//! Begin with [`document`], which `functions/openapi.json` is the snapshot of.

mod codes;
mod components;
mod document;
mod gateway;
mod head;
mod responses;
mod samples;

pub use codes::codes_of;
pub use document::{SNAPSHOT, document, source, written};
pub use samples::every_code;
