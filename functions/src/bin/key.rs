//! `GET /v1/key`: the API key of the request, its limits, and what is left of its budget.

fn main() -> Result<(), endpoints::Error> {
    endpoints::key::run()
}
