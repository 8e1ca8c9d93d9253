//! `POST /v1/messages`: the model continues a conversation in Anthropic's protocol, whole or streamed, and the reply is
//! charged exactly once. `POST /v1/messages/count_tokens` estimates the length of a prompt.

fn main() -> Result<(), endpoints::Error> {
    endpoints::anthropic_messages::run()
}
