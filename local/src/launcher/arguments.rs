//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Brings up chat-api on this machine: an embedded DynamoDB and the functions under cargo-lambda's emulator.
#[derive(Debug, Parser)]
#[command(name = "cargo local --", max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) act: Option<LauncherAct>,

    /// The API's port on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub(super) port: u16,

    /// DynamoDB's port on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(super) dynamodb_port: u16,

    /// Where the data, the signing secrets and provider-keys.json are kept [default: .local in the workspace].
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,

    /// Forget DynamoDB's data at the end.
    #[arg(long)]
    pub(super) in_memory: bool,

    /// How many messages each function that asks models answers at once: it has as many processes, as on Lambda. All other
    /// functions have at most two.
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

/// Another act than bringing the API up.
#[derive(Debug, Subcommand)]
pub(super) enum LauncherAct {
    /// Say of receipts what each charged, and whether it is genuine. Ends with 1 if one of them is not.
    Verify(VerifyArguments),
    /// Create a superuser, who may use the admin API: beside the API while it runs, or without it.
    #[command(name = "createsuperuser")]
    CreateSuperuser(SuperuserArguments),
}

#[derive(Debug, Args)]
pub(super) struct SuperuserArguments {
    /// The username. Without it, it is asked for.
    #[arg(long, value_name = "NAME")]
    pub(super) username: Option<String>,

    #[arg(long, help = "Ask nothing: take SUPERUSER_USERNAME and SUPERUSER_PASSWORD of the environment")]
    pub(super) noinput: bool,

    /// DynamoDB's port on 127.0.0.1. If it does not answer there, the data is opened.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(super) dynamodb_port: u16,

    /// Where the data is kept [default: .local in the workspace].
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,

    /// Another workspace, for tests.
    #[arg(long, value_name = "DIR", hide = true)]
    pub(super) workspace: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The public keys: a file, or the address of a stack of this machine.
    #[arg(long, value_name = "FILE|URL", default_value = "http://127.0.0.1:9000/.well-known/receipt-keys.json")]
    pub(super) keys: String,

    /// A file with a receipt, or an answer that has one, on each line [default: standard input].
    #[arg(value_name = "FILE")]
    pub(super) receipts: Option<PathBuf>,
}
