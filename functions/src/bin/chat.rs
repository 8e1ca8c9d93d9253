//! `POST /chatView/`: the model replies to a message, whole or streamed, and the reply is charged exactly once.

fn main() -> Result<(), endpoints::Error> {
    endpoints::chat::run()
}
