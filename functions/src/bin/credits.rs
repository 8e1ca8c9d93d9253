//! `GET /v1/credits`: the credits of an account, and those of them that are spent.

fn main() -> Result<(), endpoints::Error> {
    endpoints::credits::run()
}
