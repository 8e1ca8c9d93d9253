//! This gateway: a table, people with API keys, and processes of `chat-completions`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::people::{self, PASSWORD};
use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::timings::Timings;

use crate::answer_times::{AnswerTimes, Arriving};
use crate::round_trips::RoundTrips;
use crate::way::{READERS, body};

/// The table and its people.
pub struct Gateways {
    stack: Stack,
    keys: Vec<String>,
}

/// As many processes as there are readers, since Lambda gives each one request at a time.
pub struct Functions {
    /// Each with the API key of a person of its own.
    processes: Vec<(Function, String)>,
}

impl Gateways {
    /// Gives each reader an account and an API key.
    pub async fn prepare(find_binary: impl Fn(&str) -> PathBuf + Send + Sync + 'static, base_url: &str) -> Self {
        let settings = [
            ("LOG_LEVEL", "info"),
            ("MODEL", "openai"),
            ("MODEL_ID", testkit::instant_provider::MODEL),
            ("OPENAI_BASE_URL", base_url),
            ("PRICING", "usage"),
            ("REGISTRATIONS_PER_HOUR", "0"),
            ("STARTING_TOKENS", "1000000000"),
        ];
        let stack = Stack::start(find_binary, &settings).await;
        let mut keys = Vec::new();
        for number in 0..READERS {
            let username = format!("reader-{number}");
            people::register(&stack, &username).await;
            let access = people::log_in(&stack, &username, PASSWORD).await.access;
            keys.push(people::make_api_key(&stack, &access).await.key);
        }
        Self { stack, keys }
    }

    /// Starts a process of the binary for each reader. Returns them, and how long each took until it asked for work.
    pub async fn start(&self, binary: &Path) -> (Functions, Timings) {
        let mut environment = self.stack.environment();
        environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
        environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), self.stack.table().endpoint().to_owned()));
        let (mut processes, mut ready) = (Vec::new(), Timings::default());
        for key in &self.keys {
            let began = Instant::now();
            let function = Function::start(binary, environment.clone());
            function.wait_until_ready().await.unwrap_or_else(|error| panic!("{error}"));
            ready.add(began.elapsed());
            processes.push((function, key.clone()));
        }
        (Functions { processes }, ready)
    }

    pub fn round_trips(&self) -> RoundTrips {
        RoundTrips::of(self.stack.table())
    }

    /// The requests to `DynamoDB` of a streamed answer, once the function is warm.
    pub async fn requests_of_an_answer(&self) -> Vec<String> {
        for _ in 0..2 {
            self.stack.recorder().clear();
            let request = Request::post("/v1/chat/completions").json(&body(true)).bearer(&self.keys[0]);
            let response = self.stack.send(request).await;
            assert_eq!(response.status, 200, "{response:?}");
        }
        self.stack.recorder().requests().into_iter().map(|request| request.operation).collect()
    }
}

impl Functions {
    /// Asks the process of a reader, and reads the answer to its end.
    pub async fn ask(&self, reader: usize, body: &Value) -> AnswerTimes {
        let (function, key) = &self.processes[reader];
        let event = Request::post("/v1/chat/completions").json(body).bearer(key).to_rest_event();
        let mut arriving = Arriving::asked_now();
        let mut stream = function.stream(&event).await.unwrap_or_else(|error| panic!("{error}"));
        let prelude = stream.prelude().await.unwrap();
        assert_eq!(prelude["statusCode"], json!(200), "{prelude}");
        while let Some(part) = stream.next().await.unwrap() {
            arriving.part(&part);
        }
        arriving.ended()
    }

    /// The ids of the processes.
    pub fn process_ids(&self) -> Vec<u32> {
        self.processes.iter().map(|(function, _)| function.process_id()).collect()
    }
}
