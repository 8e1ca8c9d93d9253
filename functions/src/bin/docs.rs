//! `GET /docs/`: the API's description as a page on which each request can be tried, with Swagger UI's own files.

fn main() -> Result<(), endpoints::Error> {
    endpoints::docs::run()
}
