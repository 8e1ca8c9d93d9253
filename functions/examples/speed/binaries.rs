//! The binaries that are measured: release builds as they are deployed, without what tests need.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use testkit::template::workspace_root;

use crate::requests::PREPARING;

/// The name of the smallest function.
pub const BARE: &str = "bare";

/// The binary of a function in a release build.
pub fn binary(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(workspace_root().join("target"), PathBuf::from);
    target.join("release").join(name)
}

pub struct Binary {
    /// The name or the path in the arguments.
    pub name: String,
    /// The name of its function.
    pub function: String,
    pub path: PathBuf,
}

impl Binary {
    /// The binary of a function, by its name or by a path, such as that of the `bootstrap` that cargo-lambda builds.
    pub fn named(name: String) -> Self {
        let path = if name.contains('/') { PathBuf::from(&name) } else { binary(&name) };
        let named = if path.ends_with("bootstrap") { path.parent().unwrap() } else { &path };
        Self { function: named.file_name().unwrap().to_str().unwrap().to_owned(), path, name }
    }

    /// Builds the binaries that are not named by a path, and those that prepare the measurement.
    pub fn build(binaries: &[Self]) {
        println!("Building. Linking all functions takes a quarter of an hour on two cores.");
        let named = binaries.iter().filter(|binary| !binary.name.contains('/'));
        let named = named.map(|binary| binary.name.as_str()).chain(PREPARING);
        let named = named.flat_map(|name| ["--bin", name]);
        let build = ["build", "--release", "--package", "functions"];
        let status = Command::new(env!("CARGO")).current_dir(workspace_root()).args(build).args(named).status();
        assert!(status.unwrap().success(), "the binaries cannot be built");
    }

    pub fn size_bytes(&self) -> u64 {
        fs::metadata(&self.path).unwrap().len()
    }

    /// The size of the zip that SAM makes, without some hundred bytes of its headers.
    pub fn zip_bytes(&self) -> u64 {
        let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
        zip.write_all(&fs::read(&self.path).unwrap()).unwrap();
        zip.finish().unwrap().len().try_into().unwrap()
    }
}
