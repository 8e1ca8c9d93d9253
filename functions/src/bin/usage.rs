//! `GET /usage/`: what the user's messages took, summed by day, model and API key.

fn main() -> Result<(), endpoints::Error> {
    endpoints::usage::run()
}
