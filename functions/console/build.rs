//! Reads `console/dist/files.json`, which the console's build writes last, and writes the list of files that `src/main.rs`
//! includes. The compiler embeds their content.

use std::env;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The console's build, seen from this crate.
const DIST: &str = "../../console/dist";

/// The name of the console's page. Without it the list is of no use.
const PAGE: &str = "index.html";

/// The most files. The console has a few dozen.
const MOST_FILES: usize = 1000;

/// A file in the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltFile {
    name: String,
    #[serde(rename = "type")]
    content_type: String,
    etag: String,
    encodings: Vec<Encoding>,
    immutable: bool,
}

/// A coding that the build has made of a file.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Br,
    Gzip,
}

impl Encoding {
    fn file_ending(self) -> &'static str {
        match self {
            Self::Br => ".br",
            Self::Gzip => ".gz",
        }
    }

    fn variant(self) -> &'static str {
        match self {
            Self::Br => "Brotli",
            Self::Gzip => "Gzip",
        }
    }
}

fn main() {
    if let Err(problem) = embed() {
        println!(
            "cargo::error=console/dist {problem}. `npm run build` in console/ makes it anew; without it there is no console."
        );
    }
}

fn embed() -> Result<(), String> {
    let refused = |error: io::Error| format!("cannot be used: {error}");
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join(DIST);
    // The folder is in the repository: Cargo would take one that is not there for one that changes all the time.
    println!("cargo::rerun-if-changed={DIST}");
    let dist = dist.canonicalize().map_err(refused)?;
    let files = built_files(&dist)?;
    let list = rust_list(&files, &dist);
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("files.rs");
    fs::write(target, list).map_err(refused)
}

/// The files of the list; none if there is no list.
fn built_files(dist: &Path) -> Result<Vec<BuiltFile>, String> {
    let list = match fs::read_to_string(dist.join("files.json")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        list => list.map_err(|error| format!("has a list, files.json, that cannot be read: {error}"))?,
    };
    let files: Vec<BuiltFile> =
        serde_json::from_str(&list).map_err(|error| format!("has a list, files.json, that is broken: {error}"))?;
    if files.len() > MOST_FILES || files.iter().all(|file| file.name != PAGE) {
        return Err(format!("has a list, files.json, without {PAGE} or of more than {MOST_FILES} files"));
    }
    match files.iter().find(|file| !file.is_sound(dist)) {
        Some(file) => Err(format!(
            "has a list, files.json, whose file {:?} is not there or has a bad name, type or tag",
            file.name
        )),
        None => Ok(files),
    }
}

impl BuiltFile {
    /// Whether it can be served: under its name and with its headers.
    fn is_sound(&self, dist: &Path) -> bool {
        let name = self.name.strip_prefix("assets/").unwrap_or(&self.name);
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let is_of_header = |letter: char| letter.is_ascii_graphic() && !"\",\\".contains(letter);
        let tag = self.opaque_tag();
        let forms = self.encodings.iter().map(|encoding| encoding.file_ending()).chain([""]);
        !name.starts_with('.')
            && name.chars().all(is_of_name)
            && self.content_type.chars().all(|letter| letter == ' ' || is_of_header(letter))
            && !tag.is_empty()
            && tag.chars().all(is_of_header)
            && forms.map(|ending| format!("{}{ending}", self.name)).all(|form| dist.join(form).is_file())
    }

    /// The part of the tag that is between the quotes, which the build may have marked as weak or not.
    fn opaque_tag(&self) -> &str {
        let tag = self.etag.strip_prefix("W/").unwrap_or(&self.etag);
        tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or_default()
    }
}

/// The list as Rust writes it.
fn rust_list(files: &[BuiltFile], dist: &Path) -> String {
    let content = |form: &str| format!("include_bytes!({:?})", dist.join(form).to_string_lossy());
    let mut list = "&[\n".to_owned();
    for file in files {
        let BuiltFile { name, content_type, encodings, immutable, .. } = file;
        let tag = format!("W/\"{}\"", file.opaque_tag());
        let encoded = encodings.iter().map(|encoding| {
            let content = content(&format!("{name}{}", encoding.file_ending()));
            format!("(shared::http::ContentCoding::{}, {content}), ", encoding.variant())
        });
        let [plain, encoded] = [content(name), encoded.collect()];
        // Nothing refuses to be written into a text.
        let _ = writeln!(
            list,
            "ConsoleFile {{ name: {name:?}, content_type: {content_type:?}, tag: {tag:?}, is_immutable: {immutable}, \
             plain: {plain}, encoded: &[{encoded}] }},"
        );
    }
    list + "]\n"
}
