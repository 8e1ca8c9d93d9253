//! What stands in for AWS on a laptop: an embedded `DynamoDB`, and the template read as data.
//!
//! Servers run on a runtime of their own, so that they outlive the `#[tokio::test]` that started them.

pub mod background;
pub mod dynamodb;
pub mod template;
