//! `POST /v1/quote`: the least balance that a chat completion needs, and the most that it can cost. Nothing is held, and no
//! model is asked.

fn main() -> Result<(), endpoints::Error> {
    endpoints::quote::run()
}
