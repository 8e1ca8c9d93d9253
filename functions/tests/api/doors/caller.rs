//! A protocol as its clients speak it.

use serde_json::Value;
use shared::domain::reasoning_proof::ProofKind;
use testkit::gateway::{Request, Response};

use crate::doors::case::{Call, End, Said, Thing};

/// A protocol of callers.
pub trait Caller: Sync {
    /// Its name in the table of losses, and in the names of models.
    fn name(&self) -> &'static str;

    /// The binary that answers.
    fn function(&self) -> &'static str;

    /// The things that no request of the protocol can say.
    fn cannot_say(&self) -> &'static [Thing];

    /// The things of a reply that no answer of the protocol has room for.
    fn cannot_hear(&self) -> &'static [Thing];

    /// The kind of the proofs that the protocol has a member for.
    fn proof_kind(&self) -> Option<ProofKind> {
        None
    }

    /// The request. Only what the protocol [can say](Self::cannot_say) is in `said`.
    fn request(&self, model: &str, said: &Said, streamed: bool, more: Value) -> Request;

    /// The whole answer, of status 200.
    fn whole(&self, answer: &Value) -> Heard;

    /// The events of a streamed answer, put together as a client does it. Panics where their order is wrong.
    fn streamed(&self, response: &Response) -> Heard;

    /// The code and the parameter in the body of an error.
    fn error(&self, body: &Value) -> Fault;

    /// Whether a streamed answer tells of a failure that forbids a repetition by its events alone.
    fn tells_final_failures_in_events(&self) -> bool {
        false
    }

    /// The protocol's name of a parameter of chat completions.
    fn parameter(&self, name: &'static str) -> &'static str {
        name
    }

    /// The protocol's code for one of chat completions.
    fn code(&self, code: &'static str) -> &'static str {
        code
    }
}

/// An answer as its caller understands it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub reasoning: String,
    pub proofs: Vec<String>,
    /// The words, also those of a refusal.
    pub text: String,
    pub calls: Vec<HeardCall>,
    /// None: the stream ended with an error.
    pub end: Option<End>,
    pub usage: Option<HeardCounts>,
    pub cost: Option<u64>,
    pub error: Option<Fault>,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeardCall {
    pub id: String,
    pub name: String,
    pub arguments: Value,
}

impl From<&Call> for HeardCall {
    fn from(call: &Call) -> Self {
        let arguments = serde_json::from_str(call.arguments).unwrap();
        Self { id: call.id.to_owned(), name: crate::doors::case::TOOL.to_owned(), arguments }
    }
}

/// The counts that an answer shows. `None` are those that the protocol has no member for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeardCounts {
    pub input: u64,
    pub cached: u64,
    pub cache_write: Option<u64>,
    pub output: u64,
    pub reasoning: Option<u64>,
}

/// An error: its code, and the parameter that it names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    pub code: String,
    pub parameter: Option<String>,
}

impl Fault {
    /// Reads `code` and `param` of this object.
    pub fn of(error: &Value) -> Self {
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        Self { code: text("code").unwrap_or_else(|| panic!("no code in {error}")), parameter: text("param") }
    }
}

/// The text of a member that must be one.
pub fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
