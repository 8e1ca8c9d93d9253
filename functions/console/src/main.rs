//! `GET /` and `GET /assets/{name}`: the console, or for programs a description of the API.
//!
//! It has the console's files in it, as `npm run build` in `console/` left them in `console/dist`, and none where nobody
//! ran that. It is a package of its own, since all functions of a package are linked again when something changes that one
//! of them has in it. Begin with `build.rs`, which embeds the files.

use endpoints::console::ConsoleFile;

/// The files; none if the console was not built.
const FILES: &[ConsoleFile] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

fn main() -> Result<(), endpoints::Error> {
    endpoints::console::run(FILES)
}
