//! A way to a reply of the provider.

use serde_json::{Value, json};
use testkit::instant_provider::MODEL;
use testkit::process_usage::ProcessUsage;
use testkit::timings::Timings;

use crate::answer_times::AnswerTimes;
use crate::gateway::Functions;
use crate::http_server::HttpServer;

/// The readers at once.
pub const READERS: usize = 16;

/// Who is asked.
pub enum Asking {
    Http(HttpServer),
    Functions(Functions),
}

/// A way to a reply, with what is known about its processes.
pub struct Way {
    pub name: String,
    pub asking: Asking,
    /// How long its processes took until they were ready.
    pub ready: Option<Timings>,
    /// The processes, if they are not functions.
    pub servers: Vec<u32>,
}

impl Way {
    pub fn new(name: &str, asking: Asking) -> Self {
        Self { name: name.to_owned(), asking, ready: None, servers: Vec::new() }
    }

    pub async fn ask(&self, reader: usize, body: &Value) -> AnswerTimes {
        match &self.asking {
            Asking::Http(server) => server.ask(body).await,
            Asking::Functions(functions) => functions.ask(reader, body).await,
        }
    }

    /// The number of its processes, and their resident memory together. The provider is a part of this program.
    pub fn memory(&self) -> Option<(usize, u64)> {
        let processes = match &self.asking {
            Asking::Http(_) => self.servers.clone(),
            Asking::Functions(functions) => functions.process_ids(),
        };
        let memory = processes.iter().map(|id| ProcessUsage::of_process(*id).resident_memory_bytes()).sum();
        (!processes.is_empty()).then_some((processes.len(), memory))
    }
}

/// The body of the request that is measured.
pub fn body(stream: bool) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": stream})
}
