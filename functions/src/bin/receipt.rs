//! `GET /transactions/{id}/receipt/`: a signed receipt of one of the user's transactions.

fn main() -> Result<(), endpoints::Error> {
    endpoints::receipt::run()
}
