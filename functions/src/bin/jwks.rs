//! `GET /.well-known/jwks.json`: the public keys with which anybody can verify the API's tokens.

fn main() -> Result<(), endpoints::Error> {
    endpoints::jwks::run()
}
