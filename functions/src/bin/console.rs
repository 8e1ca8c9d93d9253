//! `GET /` and `GET /assets/{name}`: the console, or for programs a description of the API.

fn main() -> Result<(), endpoints::Error> {
    endpoints::console::run(console_files::FILES)
}
