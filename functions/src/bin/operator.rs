//! `operator`: grants credits, shows, deactivates and activates accounts, stops and resumes messages and registrations,
//! and keeps the catalogue of models, for the people who run the API. IAM decides who may invoke it; no path of the API
//! leads to it.

fn main() -> Result<(), endpoints::Error> {
    endpoints::operator::run()
}
