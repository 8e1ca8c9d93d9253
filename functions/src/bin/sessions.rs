//! `/sessions/`: lists the user's sessions (`GET`). `/sessions/{id}/`: ends one of them (`DELETE`).

fn main() -> Result<(), endpoints::Error> {
    endpoints::sessions::run()
}
