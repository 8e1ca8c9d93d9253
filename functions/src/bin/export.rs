//! `GET /export/`: all that is stored of the user, as lines of JSON, in pages.

fn main() -> Result<(), endpoints::Error> {
    endpoints::export::run()
}
