//! `POST /token/refresh/`: a refresh token becomes a new access token, and a new refresh token if the settings say so.

fn main() -> Result<(), endpoints::Error> {
    endpoints::token_refresh::run()
}
