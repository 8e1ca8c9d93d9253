//! `POST /token/verify/`: tells whether an access or refresh token is valid.

fn main() -> Result<(), endpoints::Error> {
    endpoints::token_verify::run()
}
