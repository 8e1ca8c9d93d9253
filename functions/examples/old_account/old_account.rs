//! An account that has been used for long.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};
use testkit::instant_provider::{InstantProvider, MODEL};
use testkit::people::{self, PASSWORD};
use testkit::runtime_api::Function;
use testkit::stack::Stack;

use crate::filling::Filling;

/// The functions that answer its requests.
const ASKED: [&str; 7] = ["account", "audit", "chat", "conversations", "messages", "token-balance", "transactions"];
/// The most conversations of a user, less the one with the messages and one that can still be made.
const OTHER_CONVERSATIONS: usize = 998;
/// Longer than a measurement takes.
const ACCESS_TOKEN_LIFETIME: &str = "86400";
/// Time for a request or a run of the audit, less than the harness waits.
const TIMEOUT: Duration = Duration::from_secs(28);

/// The account of Ada, in a table of its own. She has one conversation with so many messages, and as many others as the number
/// of messages, up to the limit.
pub struct OldAccount {
    pub stack: Stack,
    pub messages: usize,
    /// The conversation with the messages.
    pub conversation: String,
    pub filling: Filling,
    access: String,
    past_recorder: BTreeMap<&'static str, Function>,
    through_recorder: BTreeMap<&'static str, Function>,
    /// Stops when it is dropped.
    _provider: InstantProvider,
}

/// The way of a function to the table.
#[derive(Clone, Copy)]
pub enum TableWay {
    /// Directly, for times.
    PastRecorder,
    /// By the recorder, for units.
    ThroughRecorder,
}

impl OldAccount {
    pub async fn start(find_binary: impl Fn(&str) -> PathBuf + Clone + Send + Sync + 'static, messages: usize) -> Self {
        let provider = InstantProvider::start().unwrap();
        let base_url = provider.base_url();
        // A model that is no dummy is told what was said before.
        let settings = [
            ("ACCESS_TOKEN_LIFETIME", ACCESS_TOKEN_LIFETIME),
            ("MODEL", "openai"),
            ("MODEL_ID", MODEL),
            ("OPENAI_BASE_URL", &base_url),
            ("STARTING_TOKENS", "1000000"),
        ];
        let stack = Stack::start(find_binary.clone(), &settings).await;
        people::register(&stack, "ada").await;
        let access = people::log_in(&stack, "ada", PASSWORD).await.access;
        stack.recorder().ask_for_capacity();
        let through = stack.environment();
        let mut past = through.clone();
        past.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
        past.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), stack.table().endpoint().to_owned()));
        let past_recorder = functions(&find_binary, &past).await;
        let through_recorder = functions(&find_binary, &through).await;
        let filling = Filling::default();
        let conversation = String::new();
        let mut account = Self {
            stack,
            messages,
            conversation,
            filling,
            access,
            past_recorder,
            through_recorder,
            _provider: provider,
        };
        account.fill().await;
        account
    }

    /// Makes a conversation, and says something in it, by the API. Everything else is copies of what that leaves in the table.
    async fn fill(&mut self) {
        let made = self.ask(TableWay::PastRecorder, make_conversation()).await.0;
        made.json()["id"].as_str().unwrap().clone_into(&mut self.conversation);
        self.ask(TableWay::PastRecorder, self.message()).await;
        self.filling = Filling::of(self.stack.table(), &self.conversation).await;
        // The first of them is there.
        self.filling.exchanges(self.stack.table(), self.messages - 1).await;
        self.filling.conversations(self.stack.table(), self.messages.min(OTHER_CONVERSATIONS)).await;
    }

    /// A message in the conversation with the messages.
    pub fn message(&self) -> Request {
        Request::post("/chatView/").json(&json!({"message": "Hello", "conversation": self.conversation}))
    }

    /// Sends a request of Ada's, which must succeed, and returns the answer and how long it took.
    pub async fn ask(&self, way: TableWay, request: Request) -> (Response, Duration) {
        let (response, took) = self.try_to_ask(way, request).await;
        assert!(response.status < 300, "{response:?}");
        (response, took)
    }

    pub async fn try_to_ask(&self, way: TableWay, request: Request) -> (Response, Duration) {
        let request = request.bearer(&self.access);
        let (function, resource) = self.stack.route(&request).unwrap();
        let event = request.clone().to_resource(resource).to_rest_event();
        let (answer, took) = self.invoke(way, function, &event).await;
        (Response::from_event(&answer), took)
    }

    /// Runs the audit until it has seen everything, and returns its last report.
    pub async fn audit(&self, way: TableWay) -> (Value, Duration) {
        let mut together = Duration::ZERO;
        loop {
            let (report, took) = self.invoke(way, "audit", &json!({})).await;
            together += took;
            assert_eq!((&report["mismatches"], &report["unsettled"]), (&json!([]), &json!(0)), "{report}");
            if report["finished"] == true {
                return (report, together);
            }
        }
    }

    async fn invoke(&self, way: TableWay, function: &str, event: &Value) -> (Value, Duration) {
        let functions = match way {
            TableWay::PastRecorder => &self.past_recorder,
            TableWay::ThroughRecorder => &self.through_recorder,
        };
        let began = Instant::now();
        let answer = functions[function].invoke_with_anything(event, SystemTime::now() + TIMEOUT).await;
        (answer.unwrap_or_else(|error| panic!("{error}")), began.elapsed())
    }
}

async fn functions(
    find_binary: &impl Fn(&str) -> PathBuf,
    environment: &[(String, String)],
) -> BTreeMap<&'static str, Function> {
    let mut functions = BTreeMap::new();
    for name in ASKED {
        let function = Function::start(&find_binary(name), environment.to_vec());
        function.wait_until_ready().await.unwrap_or_else(|error| panic!("{error}"));
        functions.insert(name, function);
    }
    functions
}

pub fn make_conversation() -> Request {
    Request::post("/conversations/").json(&json!({"title": "My holidays in the mountains"}))
}
