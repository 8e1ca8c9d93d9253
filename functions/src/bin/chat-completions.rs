//! `POST /v1/chat/completions`: the model continues a conversation in OpenAI's protocol, whole or streamed, and the reply
//! is charged exactly once.

fn main() -> Result<(), endpoints::Error> {
    endpoints::chat_completions::run()
}
