//! The console's files, as `npm run build` in `console/` left them in `console/dist` when this was compiled.
//!
//! Nothing but the binary of the function `console` depends on it, so that a change of the console compiles no handler. Without
//! `console/dist` there are no files. Begin with `build.rs`, which embeds them.

use endpoints::console::ConsoleFile;

/// The files; none if the console was not built.
pub const FILES: &[ConsoleFile] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
