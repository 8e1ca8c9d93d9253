//! `GET /transactions/`: every change in the user's credits, newest first.

fn main() -> Result<(), endpoints::Error> {
    endpoints::transactions::run()
}
