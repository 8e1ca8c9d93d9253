//! The errors of the launcher, each a sentence for the person who started it.

use std::io;
use std::time::Duration;

use crate::dynamodb::DynamoDbError;
use crate::template::TemplateError;
use thiserror::Error;

#[derive(Debug, Error)]
pub(super) enum LaunchError {
    /// Ctrl-C or SIGTERM: not a failure.
    #[error("Interrupted.")]
    Interrupted,
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("The template {path} has no function with a route.")]
    NoRoutes { path: String },
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    #[error("Port {port} for the API is in use; choose another with --port.")]
    PortInUse { port: u16 },
    #[error("Port {port} for the API cannot be opened: {source}; choose another with --port.")]
    PortRefused { port: u16, source: io::Error },
    #[error("Cargo, Rust's build tool, cannot be run ({reason}); install Rust from https://rustup.rs.")]
    NoCargo { reason: String },
    #[error("cargo-lambda could not be installed; install it yourself with `cargo install cargo-lambda --locked`.")]
    NoCargoLambda,
    #[error("The functions could not be built ({status}); cargo's messages above say why.")]
    BuildFailed { status: String },
    #[error("`cargo lambda watch` ended ({status}); its messages above say why.")]
    EmulatorEnded { status: String },
    #[error("{binary} ended at its start ({status}); its messages above say why.")]
    FunctionEnded { binary: String, status: String },
    #[error("{functions} did not answer within {} seconds; the messages above say why.", .limit.as_secs())]
    NotReady { functions: String, limit: Duration },
    #[error("The file {path} cannot be {action}: {source}.")]
    File { path: String, action: &'static str, source: io::Error },
    #[error("The file {path} is no JSON: {reason}.")]
    NoJson { path: String, reason: String },
    #[error("The file {path} has more than {most_kib} KiB, and is no catalogue.")]
    TooLarge { path: String, most_kib: u64 },
    #[error("The provider keys in {path} are no JSON object of names and keys.")]
    NoKeys { path: String },
    #[error("The template has no function {binary}, which --models and --no-models need.")]
    NoKeeper { binary: &'static str },
    /// The function's reason may have several lines, each with an error of the file.
    #[error("{file}: {reason}")]
    Catalogue { file: String, reason: String },
    #[error("The signing secret in {path} has fewer than 32 characters; delete the file and a new one is made.")]
    ShortSecret { path: String },
    #[error("{path} is no set of keys of receipts: {reason}.")]
    NoKeySet { path: String, reason: String },
    #[error("{address} is no address of this machine; save the keys with `curl -o keys.json …` and give the file.")]
    KeysElsewhere { address: String },
    #[error("There is no receipt in it.")]
    NoReceipts,
    #[error("No superuser was created.")]
    Cancelled,
    #[error("Standard input is no terminal: give SUPERUSER_USERNAME and SUPERUSER_PASSWORD, and --noinput.")]
    NoTerminal,
    #[error("--noinput needs {variable} in the environment.")]
    NoVariable { variable: &'static str },
    #[error("{field}: {reason}")]
    Refused { field: &'static str, reason: String },
    #[error("{program} cannot be run: {source}.")]
    Run { program: String, source: io::Error },
    #[error("The operating system refused {what}: {source}.")]
    System { what: &'static str, source: io::Error },
}
