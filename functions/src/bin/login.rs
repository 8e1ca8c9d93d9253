//! `POST /login/`: a username and its password begin a session, with an access token and a refresh token.

fn main() -> Result<(), endpoints::Error> {
    endpoints::login::run()
}
