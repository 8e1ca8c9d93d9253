//! `POST /v1/embeddings`: a model makes vectors of texts, and they are charged exactly once.

fn main() -> Result<(), endpoints::Error> {
    endpoints::embeddings::run()
}
