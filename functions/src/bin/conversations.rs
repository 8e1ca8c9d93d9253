//! `/conversations/`: lists the user's conversations (`GET`), or makes one (`POST`). `/conversations/{id}/`: gives one another
//! title (`PATCH`), or deletes it (`DELETE`). `/conversations/{id}/messages/`: lists its messages (`GET`).

fn main() -> Result<(), endpoints::Error> {
    endpoints::conversations::run()
}
