//! `/keys/`: lists the user's API keys (`GET`), or makes a new one (`POST`). `/keys/{id}/`: ends one (`DELETE`).

fn main() -> Result<(), endpoints::Error> {
    endpoints::keys::run()
}
