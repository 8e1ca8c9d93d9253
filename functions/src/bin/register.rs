//! `POST /register/`: a username and a password become an account with credits to start with.

fn main() -> Result<(), endpoints::Error> {
    endpoints::register::run()
}
