//! A provider's protocol as its server speaks it.

use serde_json::Value;
use shared::domain::reasoning_proof::ProofKind;

use crate::doors::case::{End, Failure, Script, Thing};

/// The id to which OpenAI binds its ciphertext of reasoning.
pub const REASONING_ID: &str = "rs_1";

/// A protocol of providers.
pub trait Server: Send + Sync {
    /// Its name in the table of losses, and in the names of models.
    fn name(&self) -> &'static str;

    /// The catalogue's provider at `address`, which is `http://127.0.0.1:` and a port.
    fn provider(&self, address: &str) -> Value;

    /// The provider's own name of the model that is asked through the door `door`. It tells the requests apart.
    fn model(&self, door: &str) -> String;

    /// The things of a reply that the protocol has no member for, or that its client does not hand on.
    fn cannot_tell(&self) -> &'static [Thing];

    /// The kind of the proofs that the server makes and wants back.
    fn proof_kind(&self) -> Option<ProofKind> {
        None
    }

    /// The answer to a request, which wants a stream or a whole answer.
    fn answer(&self, script: &Script, streamed: bool) -> Served;

    /// The model and whether a stream is wanted, of a request.
    fn asked(&self, path: &str, body: &Value) -> (String, bool);

    /// What the body of a request says.
    fn arrived(&self, body: &Value) -> Arrived;
}

/// An answer of a server.
#[derive(Debug)]
pub struct Served {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub ending: Ending,
}

/// The way in which an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Whole,
    /// The connection is closed before all bytes were sent.
    Cut,
    /// The connection stays open, and nothing more is sent.
    Silence,
    /// The same, before the head.
    NoHead,
}

impl Served {
    pub fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), content_type, body: body.into(), ending: Ending::Whole }
    }

    pub fn events(body: impl Into<Vec<u8>>) -> Self {
        Self::ok("text/event-stream", body)
    }

    pub fn json(body: &Value) -> Self {
        Self::ok("application/json", body.to_string())
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The ending for a failure.
    pub fn after(self, failure: Failure) -> Self {
        let ending = match failure {
            Failure::CutBeforeTheFirstWord | Failure::CutAfterWords => Ending::Cut,
            Failure::SilentAfterWords => Ending::Silence,
            Failure::Silent => Ending::NoHead,
            Failure::Status(_) | Failure::NobodyThere | Failure::ErrorAfterWords | Failure::NoEnd => Ending::Whole,
        };
        Self { ending, ..self }
    }
}

/// A request as a provider understands it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrived {
    /// The instructions before the first turn.
    pub system: String,
    pub turns: Vec<ArrivedTurn>,
    pub tools: Vec<String>,
    pub has_schema: bool,
    pub reasons: bool,
    pub wants_summary: bool,
    pub max_output_tokens: u64,
    pub temperature: Option<f64>,
    pub stops: Vec<String>,
    pub seed: Option<u64>,
    pub presence_penalty: Option<f64>,
    /// The name of the one who speaks.
    pub name: Option<String>,
    /// How closely the model looks at an image.
    pub detail: Option<String>,
}

/// A turn of the conversation. Results and what the user says beside them are turns of their own.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivedTurn {
    System(String),
    User { text: String, images: usize },
    Reply { reasoning: String, text: String, calls: Vec<(String, Value)>, proofs: Vec<String> },
    Result { text: String, is_error: bool, images: usize },
}

/// The end of a reply in a protocol's words.
pub fn end_in(words: [&'static str; 4], end: End) -> &'static str {
    let [stop, length, calls, filtered] = words;
    match end {
        End::Stop => stop,
        End::Length => length,
        End::Calls => calls,
        End::Filtered => filtered,
    }
}

/// A text cut in the middle, as servers cut what they send.
pub fn halves(text: &str) -> impl Iterator<Item = &str> {
    let middle = text.floor_char_boundary(text.len() / 2);
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|half| !half.is_empty())
}

/// The arguments of a call, which are an object or the text of one.
pub fn arguments(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| serde_json::from_str(text).unwrap())
}

/// The one number of a member that must be one.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The text of a member that must be one.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A stream of these events, of which each has the name that is its type.
pub fn named_events(events: &[Value]) -> String {
    let named = |event: &Value| format!("event: {}\ndata: {event}\n\n", text(&event["type"]));
    events.iter().map(named).collect::<Vec<_>>().concat()
}
