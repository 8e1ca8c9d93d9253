//! `POST /v1/responses`: the model continues a conversation in the protocol of OpenAI's Responses, whole or streamed, and the
//! reply is charged exactly once.

fn main() -> Result<(), endpoints::Error> {
    endpoints::openai_responses::run()
}
