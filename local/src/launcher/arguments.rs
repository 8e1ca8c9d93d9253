//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Brings up chat-api on this machine: an embedded DynamoDB and the functions under cargo-lambda's emulator.
#[derive(Debug, Parser)]
#[command(name = "cargo local --", max_term_width = 100)]
pub(super) struct Arguments {
    /// The API's port on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub(super) port: u16,

    /// DynamoDB's port on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(super) dynamodb_port: u16,

    /// Where the data, the signing secret and provider-keys.json are kept [default: .local in the workspace].
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,

    /// Forget DynamoDB's data at the end.
    #[arg(long)]
    pub(super) in_memory: bool,

    /// How many requests each function answers at once: it has as many processes, as on Lambda.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) concurrency: u16,

    /// Store this catalogue of models, which replaces the one of an earlier start (docs/models.schema.json).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_models", "only_dynamodb"])]
    pub(super) models: Option<PathBuf>,

    /// Go back to the one model that MODEL names, after a start with --models.
    #[arg(long, conflicts_with = "only_dynamodb")]
    pub(super) no_models: bool,

    /// Start DynamoDB alone, for a `cargo lambda watch` of your own.
    #[arg(long)]
    pub(super) only_dynamodb: bool,

    /// Another workspace, for tests.
    #[arg(long, value_name = "DIR", hide = true)]
    pub(super) workspace: Option<PathBuf>,
}
