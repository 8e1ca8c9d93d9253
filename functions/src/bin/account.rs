//! `/account/`: shows the user's account (`GET`), or deletes it (`DELETE`).

fn main() -> Result<(), endpoints::Error> {
    endpoints::account::run()
}
