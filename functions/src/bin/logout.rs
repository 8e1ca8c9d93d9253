//! `POST /logout/`: ends a session, or all sessions of the user, and with them the API keys if that is asked for.

fn main() -> Result<(), endpoints::Error> {
    endpoints::logout::run()
}
