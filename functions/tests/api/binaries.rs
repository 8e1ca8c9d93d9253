//! The binaries of the functions.

use std::path::{Path, PathBuf};

/// The binary of a function, as cargo built it for this test: cargo builds all of them, into one folder.
pub fn binary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_login")).with_file_name(name)
}
