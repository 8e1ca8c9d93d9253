//! `GET /messages/`: the user's messages with their replies, newest first.

fn main() -> Result<(), endpoints::Error> {
    endpoints::messages::run()
}
