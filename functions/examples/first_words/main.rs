//! The time that this gateway adds to a model's reply: until the first word, the last word and the end of an answer, one at a
//! time and 16 at once, beside the provider alone and beside `LiteLLM`'s proxy, all in one run.
//!
//! The provider replies at once. The functions are real binaries over the Lambda Runtime API, warm and with an API key; the
//! table is an embedded `DynamoDB`. Arguments name other binaries of `chat-completions`, to measure them side by side.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod answer_times;
mod arguments;
mod gateway;
mod http_server;
mod lite_llm;
mod round_trips;
mod tables;
mod turns;
mod way;

use std::sync::Arc;

use arguments::Arguments;
use gateway::Gateways;
use http_server::HttpServer;
use lite_llm::LiteLlm;
use testkit::built_functions::built_beside;
use testkit::instant_provider::InstantProvider;
use turns::{in_turns, side_by_side};
use way::{Asking, Way};

/// The function that is measured, and those by which people get their API keys.
const FUNCTIONS: [&str; 4] = ["chat-completions", "keys", "login", "register"];

#[tokio::main]
async fn main() {
    let arguments = Arguments::read();
    let find_binary = built_beside("first_words", &FUNCTIONS);
    let provider = InstantProvider::start().unwrap();
    let lite_llm = if arguments.with_lite_llm { Some(LiteLlm::start(&provider.base_url()).await) } else { None };
    let gateways = Gateways::prepare(find_binary.clone(), &provider.base_url()).await;
    let mut ways = vec![Way::new("the provider alone", Asking::Http(HttpServer::new(&provider.base_url(), "none")))];
    for (name, path) in arguments.binaries(find_binary("chat-completions")) {
        let (functions, ready) = gateways.start(&path).await;
        ways.push(Way { ready: Some(ready), ..Way::new(&name, Asking::Functions(functions)) });
    }
    if let Some(lite_llm) = &lite_llm {
        ways.push(lite_llm.way());
    }
    let ways: Vec<Arc<Way>> = ways.into_iter().map(Arc::new).collect();
    let alone = in_turns(&ways, gateways.round_trips(), &arguments).await;
    let requests = gateways.requests_of_an_answer().await;
    let at_once = side_by_side(&ways, &arguments).await;
    tables::print(&ways, &alone, &at_once, &requests);
}
