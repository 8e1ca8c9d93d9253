//! The harness of the tests: [`stack::Stack`] runs the functions' real binaries with a Runtime API, API Gateway's
//! events, and a table behind a recorder, which knows their roles and makes faults.
//!
//! No crate uses it but as a dev-dependency, and it does not use `shared`, whose unit tests use it. It panics with an
//! explanation where a test could only fail. Begin with [`stack`], or with [`test_table`] for the tests of one crate.

pub mod built_functions;
pub mod contract;
pub mod gateway;
pub mod instant_provider;
pub mod isolated_table;
pub mod json_text;
pub mod late_index;
mod lock;
pub mod loopback_client;
pub mod patient_server;
pub mod people;
pub mod process_usage;
pub mod recorder;
pub mod role;
pub mod runtime_api;
pub mod stack;
pub mod test_table;
pub mod timings;
pub mod tls_front;

pub use local::{receipts, template};
