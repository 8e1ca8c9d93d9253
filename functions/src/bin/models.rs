//! `GET /v1/models` and `/v1/models/{id}`: the models that the API offers, in OpenAI's protocol, and their prices.

fn main() -> Result<(), endpoints::Error> {
    endpoints::models::run()
}
