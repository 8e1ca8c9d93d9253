//! `GET /token_balance/`: the credits that the user can spend.

fn main() -> Result<(), endpoints::Error> {
    endpoints::token_balance::run()
}
