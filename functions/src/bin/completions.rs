//! `POST /v1/completions`: the model continues a text in OpenAI's older protocol, whole or streamed, and the reply is charged
//! exactly once.

fn main() -> Result<(), endpoints::Error> {
    endpoints::completions::run()
}
