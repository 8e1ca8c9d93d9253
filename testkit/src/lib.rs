//! What the tests of chat-api run on: the functions' real binaries behind a tiny Lambda Runtime API, API Gateway's
//! events, a recorder before `DynamoDB` that knows roles and makes faults, tables of one's own, and what benchmarks make
//! of the times they measure.
//!
//! Servers run on a runtime of their own, so that they outlive the `#[tokio::test]` that started them.
//! What is here panics with an explanation where a test could do nothing but fail.

pub mod gateway;
pub mod isolated_table;
pub mod people;
pub mod recorder;
pub mod role;
pub mod runtime_api;
pub mod stack;
pub mod test_table;
pub mod timings;
pub mod tls_front;

pub use local::template;
