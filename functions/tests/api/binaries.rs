//! The binaries of the functions.

use std::path::{Path, PathBuf};

use testkit::template::workspace_root;

/// The function that is a package of its own, whose test has the name of this one, so that cargo builds it too.
pub const OF_ITS_OWN_PACKAGE: &str = "console";

/// The binary of a function, as cargo built it for this test: cargo builds all of them, into one folder.
pub fn binary(name: &str) -> PathBuf {
    let source = workspace_root().join("functions/src/bin").join(name).with_extension("rs");
    let is_there = source.exists() || name == OF_ITS_OWN_PACKAGE;
    assert!(is_there, "template.yaml has a function {name} and functions/src/bin has none");
    Path::new(env!("CARGO_BIN_EXE_login")).with_file_name(name)
}
