//! A case in words of no protocol: what is said to a model, what the model says, and how it is asked.

/// A case of the table.
#[derive(Clone)]
pub struct Case {
    /// Its name in the faults.
    pub name: &'static str,
    /// The request.
    pub said: Said,
    /// The provider's part.
    pub script: Script,
    /// The way in which the request is sent.
    pub doing: Doing,
    /// Whether the case is also that of models which are never asked for streams.
    pub is_asked_whole: bool,
}

impl Case {
    pub fn new(name: &'static str, said: Said, script: Script) -> Self {
        Self { name, said, script, doing: Doing::Once, is_asked_whole: false }
    }

    /// The case of a request that says hello.
    pub fn of_hello(name: &'static str, script: Script) -> Self {
        Self::new(name, Said::hello(), script)
    }

    pub fn also_asked_whole(self) -> Self {
        Self { is_asked_whole: true, ..self }
    }

    pub fn doing(self, doing: Doing) -> Self {
        Self { doing, ..self }
    }

    /// Whether some count of its bill is our estimate or our limit, and not a number of the provider's. Estimates are of the
    /// request as a client writes it, so they differ from door to door.
    pub fn is_estimated(&self) -> bool {
        match &self.script {
            Script::Tells(told) => told.usage.is_none() || self.doing == Doing::Bounded,
            Script::Fails(_) => true,
        }
    }

    /// Whether the case is about a provider that cannot be reached.
    pub fn needs_nobody_there(&self) -> bool {
        matches!(self.script, Script::Fails(Failure::NobodyThere))
    }
}

/// The way in which a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Once,
    /// Twice with the same idempotency key: the second answer is the first one, and costs nothing.
    Twice,
    /// With a deadline that passes while the provider is silent.
    Late,
    /// By a user whose balance pays for no reply.
    Poor,
    /// With a `max_cost` below what the reply could cost.
    Bounded,
}

/// The credits of [`Doing::Bounded`].
pub const MAX_COST: u64 = 1500;

/// A conversation that is to be continued.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub system: Option<&'static str>,
    pub turns: Vec<Turn>,
    /// Whether the tool [`TOOL`] is offered.
    pub has_tool: bool,
    /// Whether the reply is to be JSON of [`schema`].
    pub has_schema: bool,
    pub effort: Option<&'static str>,
    /// Whether the words of the reasoning are wanted, as far as the model shows them.
    pub wants_summary: bool,
    /// The name of the one who speaks, in the last turn of the user.
    pub name: Option<&'static str>,
    /// How closely the model looks at an image.
    pub detail: Option<&'static str>,
    pub max_output_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub stop: Option<&'static str>,
    pub seed: Option<u64>,
    pub presence_penalty: Option<f64>,
}

/// A turn of a conversation.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Instructions in the middle of the conversation.
    System(&'static str),
    User {
        text: &'static str,
        has_image: bool,
    },
    Reply(Told),
    Result {
        id: &'static str,
        text: &'static str,
        is_error: bool,
        has_image: bool,
    },
}

impl Turn {
    pub fn user(text: &'static str) -> Self {
        Self::User { text, has_image: false }
    }

    pub fn result(id: &'static str, text: &'static str) -> Self {
        Self::Result { id, text, is_error: false, has_image: false }
    }
}

impl Said {
    pub fn hello() -> Self {
        Self { turns: vec![Turn::user("Hello")], ..Self::default() }
    }

    /// The number of images.
    pub fn images(&self) -> u64 {
        let has_image =
            |turn: &&Turn| matches!(turn, Turn::User { has_image: true, .. } | Turn::Result { has_image: true, .. });
        self.turns.iter().filter(has_image).count() as u64
    }

    /// Whether the reply goes on with one that called a tool.
    pub fn goes_on_after_a_call(&self) -> bool {
        matches!(self.turns.last(), Some(Turn::Result { .. }))
    }

    /// What some protocol or provider has no room for.
    pub fn things(&self) -> Vec<Thing> {
        let result = |wanted: fn(bool, bool) -> bool| {
            let mut turns = self.turns.iter();
            turns.any(|turn| matches!(turn, Turn::Result { is_error, has_image, .. } if wanted(*is_error, *has_image)))
        };
        let has_proof = self.turns.iter().any(|turn| matches!(turn, Turn::Reply(told) if told.proof.is_some()));
        let goes_on = self.effort.is_some() && self.goes_on_after_a_call();
        let is_unproved =
            |turn: &Turn| matches!(turn, Turn::Reply(told) if told.reasoning.is_some() && told.proof.is_none());
        [
            (Thing::Tools, self.has_tool),
            (Thing::ImageOfResult, result(|_, has_image| has_image)),
            (Thing::FailedResult, result(|is_error, _| is_error)),
            (Thing::Proof, has_proof),
            (Thing::UnprovedReasoning, self.turns.iter().any(is_unproved)),
            (Thing::FirstReply, matches!(self.turns.first(), Some(Turn::Reply(_)))),
            (Thing::LaterSystem, self.turns.iter().any(|turn| matches!(turn, Turn::System(_)))),
            (Thing::Name, self.name.is_some()),
            (Thing::Detail, self.detail.is_some()),
            (Thing::Schema, self.has_schema),
            (Thing::Effort, self.effort.is_some()),
            (Thing::EffortAfterCall, goes_on),
            (Thing::Summary, self.wants_summary),
            (Thing::EffortAfterUnprovedCall, goes_on && !has_proof),
            (Thing::System, self.system.is_some()),
            (Thing::Conversation, self.turns.len() > 1),
            (Thing::Image, self.turns.iter().any(|turn| matches!(turn, Turn::User { has_image: true, .. }))),
            (Thing::Stop, self.stop.is_some()),
            (Thing::Seed, self.seed.is_some()),
            (Thing::Penalty, self.presence_penalty.is_some()),
            (Thing::HighTemperature, self.temperature.is_some_and(|temperature| temperature > 1.0)),
        ]
        .into_iter()
        .filter_map(|(thing, is_there)| is_there.then_some(thing))
        .collect()
    }
}

/// A part of a conversation for which some protocol or provider has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Tools,
    ImageOfResult,
    FailedResult,
    Proof,
    /// Words of reasoning that came without a proof.
    UnprovedReasoning,
    /// Reasoning of a model that nobody asked to reason.
    UnaskedReasoning,
    /// A reply before which nobody asked anything.
    FirstReply,
    /// Instructions in the middle.
    LaterSystem,
    Name,
    Detail,
    Schema,
    Effort,
    EffortAfterCall,
    /// The same where the reasoning before the call has no proof.
    EffortAfterUnprovedCall,
    /// That the words of the reasoning are wanted.
    Summary,
    System,
    Conversation,
    Image,
    Stop,
    Seed,
    Penalty,
    /// A temperature above 1.
    HighTemperature,
    /// Of an answer: that its words are a refusal and no text.
    Refusal,
    /// Of an answer: the words of the reasoning.
    Reasoning,
    /// Of an answer: how many tokens were reasoning.
    CountOfReasoning,
    /// Of an answer: how many tokens were written to the cache.
    CountOfCacheWrites,
}

/// The provider's part in a case.
#[derive(Clone, Debug)]
pub enum Script {
    Tells(Told),
    Fails(Failure),
}

/// A reply as it is meant.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub reasoning: Option<&'static str>,
    /// The proof that the reasoning is the model's.
    pub proof: Option<String>,
    pub text: &'static str,
    /// Whether [`text`](Self::text) is the sentence with which the model refuses.
    pub is_refusal: bool,
    pub calls: Vec<Call>,
    pub end: End,
    pub usage: Option<Counts>,
}

impl Told {
    pub fn text(text: &'static str) -> Self {
        Self { text, usage: Some(COUNTS), ..Self::default() }
    }

    pub fn calls(calls: &[Call]) -> Self {
        Self { calls: calls.to_vec(), end: End::Calls, ..Self::text("") }
    }
}

/// A call of the tool [`TOOL`], with its arguments as the model writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: &'static str,
    pub arguments: &'static str,
}

/// The way in which a reply ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    Stop,
    Length,
    Calls,
    /// A filter or the model itself refused.
    Filtered,
}

/// A provider's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The answer is this status.
    Status(u16),
    NobodyThere,
    /// The connection is closed after the head of the answer.
    CutBeforeTheFirstWord,
    /// The connection is closed after [`WORDS`].
    CutAfterWords,
    /// The protocol's own error comes after [`WORDS`].
    ErrorAfterWords,
    /// The answer ends in order after [`WORDS`], and no reason is given.
    NoEnd,
    /// Nothing more comes after [`WORDS`], and the connection stays open.
    SilentAfterWords,
    /// Nothing comes at all.
    Silent,
}

impl Failure {
    /// Whether [`WORDS`] were handed out before.
    pub fn is_after_words(self) -> bool {
        matches!(self, Self::CutAfterWords | Self::ErrorAfterWords | Self::NoEnd | Self::SilentAfterWords)
    }
}

/// The words before a failure.
pub const WORDS: &str = "Well, let me";

/// Tokens as a provider counts them: `cached` and `cache_write` are among the `input`, and `reasoning` among the `output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub input: u64,
    pub cached: u64,
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
}

/// Counts that are all different, and within the limits of the shortest request.
pub const COUNTS: Counts = Counts { input: 61, cached: 23, cache_write: 11, output: 31, reasoning: 7 };

/// The name of the one tool that there is.
pub const TOOL: &str = "weather";

/// The description of [`TOOL`].
pub const TOOL_DESCRIPTION: &str = "The weather of a city.";

/// The schema of the arguments of [`TOOL`], and of a reply that is to be JSON.
pub fn schema() -> serde_json::Value {
    serde_json::json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    })
}

/// A picture of one pixel.
pub const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
