//! Creates a superuser on a laptop: `cargo local -- createsuperuser` runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    endpoints::create_superuser::run()
}
