//! What stands in for AWS on a laptop and in tests: the template read as data, an embedded DynamoDB, a tiny Lambda
//! Runtime API around the real binaries, API Gateway's events, and what benchmarks make of the times they measure.
//!
//! Servers run on a runtime of their own, so that they outlive the `#[tokio::test]` that started them.
//! The types that only tests use ([`isolated_table`], [`stack`], [`runtime_api`]) panic with an explanation where a
//! test could do nothing but fail.

mod background;
pub mod dynamodb;
pub mod gateway;
pub mod isolated_table;
pub mod recorder;
pub mod role;
pub mod runtime_api;
pub mod stack;
pub mod template;
pub mod timings;
