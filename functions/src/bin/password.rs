//! `POST /password/`: changes the user's password, which ends all other sessions.

fn main() -> Result<(), endpoints::Error> {
    endpoints::password::run()
}
