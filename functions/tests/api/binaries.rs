//! The binaries of the functions.

use std::path::{Path, PathBuf};

use testkit::template::workspace_root;

/// The binary of a function, as cargo built it for this test: cargo builds all of them, into one folder.
pub fn binary(name: &str) -> PathBuf {
    let source = workspace_root().join("functions/src/bin").join(name).with_extension("rs");
    assert!(source.exists(), "template.yaml has a function {name} and functions/src/bin has none");
    Path::new(env!("CARGO_BIN_EXE_login")).with_file_name(name)
}
