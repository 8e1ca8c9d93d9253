//! The functions' binaries for a program that measures them.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use local::template::workspace_root;

/// Builds the functions of these names in the profile of the program that calls, which is the example `example`, and returns
/// the way to their binaries. Cargo builds the example with them, so that all have the features that the example was
/// compiled with, and nothing is compiled again for other ones.
///
/// # Panics
/// The functions cannot be built.
pub fn built_beside(example: &str, names: &[&str]) -> impl Fn(&str) -> PathBuf + Clone + Send + Sync + 'static {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let targets = names.iter().flat_map(|name| ["--bin", name]);
    let build = ["build", "--workspace", "--profile", profile, "--example", example];
    let status = Command::new(cargo).current_dir(workspace_root()).args(build).args(targets).status();
    assert!(status.is_ok_and(|status| status.success()), "The functions {} cannot be built", names.join(", "));
    // Cargo puts examples into a folder beside the binaries.
    let program = env::current_exe().unwrap_or_else(|error| panic!("The program does not know its path: {error}"));
    let folder = program.ancestors().nth(2).map(PathBuf::from).unwrap_or_default();
    move |name| folder.join(name)
}
