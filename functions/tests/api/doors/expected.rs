//! What a case has to come to between two protocols.

use serde_json::Value;
use shared::domain::reasoning_proof::{Proof, ProofKind};

use crate::doors::caller::{Caller, Fault, Heard, HeardCall, HeardCounts};
use crate::doors::case::{Case, Counts, Doing, End, Failure, Said, Script, TOOL, Thing, Told, Turn, WORDS};
use crate::doors::losses::{self, Outcome};
use crate::doors::server::{Arrived, ArrivedTurn, REASONING_ID, Server};

/// The most output tokens of every model.
pub const MAX_OUTPUT_TOKENS: u64 = 4096;

/// The expected end of an exchange.
#[derive(Debug)]
pub enum Expected {
    /// The protocol of the caller cannot say the case.
    Unsayable,
    /// The request is refused, or its stream has nothing but an error, and nothing is charged.
    Refused { status: u16, fault: Fault },
    /// There is an answer of status 200, which is charged.
    Answered(Heard),
}

/// Where a case is looked at.
#[derive(Clone, Copy)]
pub struct Between<'a> {
    pub case: &'a Case,
    pub caller: &'a dyn Caller,
    pub server: &'a dyn Server,
    pub streamed: bool,
}

impl Between<'_> {
    /// A fault with the exchange that has it.
    pub fn fault_of(self, asked_whole: bool, fault: &str) -> String {
        let Self { case, caller, server, streamed } = self;
        let (case, caller, server) = (case.name, caller.name(), server.name());
        format!("{case}, {caller} at {server}, streamed: {streamed}, asked whole: {asked_whole}: {fault}")
    }

    /// The expected end.
    pub fn expected(self) -> Expected {
        let things = self.case.said.things();
        if things.iter().any(|thing| self.caller.cannot_say().contains(thing)) {
            return Expected::Unsayable;
        }
        if let Some(name) = things.iter().find_map(|thing| self.refused(*thing)) {
            let parameter = Some(self.caller.parameter(name).to_owned());
            let fault = Fault { parameter, ..self.fault("unsupported_parameter") };
            return Expected::Refused { status: 400, fault };
        }
        if self.case.doing == Doing::Poor {
            return Expected::Refused { status: 402, fault: self.fault("insufficient_quota") };
        }
        match &self.case.script {
            Script::Tells(told) => Expected::Answered(self.heard(told)),
            Script::Fails(failure) => self.failed(*failure),
        }
    }

    fn loss(self, thing: Thing) -> Option<Outcome> {
        losses::of(self.caller.name(), self.server.name(), thing)
    }

    fn refused(self, thing: Thing) -> Option<&'static str> {
        match self.loss(thing) {
            Some(Outcome::Refused(name)) => Some(name),
            _ => None,
        }
    }

    fn fault(self, code: &'static str) -> Fault {
        Fault { code: self.caller.code(code).to_owned(), parameter: None }
    }

    fn failed(self, failure: Failure) -> Expected {
        let words = Heard { text: WORDS.to_owned(), ..Heard::default() };
        let (status, code) = match failure {
            Failure::SilentAfterWords => return Expected::Answered(Heard { end: Some(End::Length), ..words }),
            failure if failure.is_after_words() && self.streamed => {
                return Expected::Answered(Heard { error: Some(self.fault("model_broke_off")), ..words });
            }
            failure if failure.is_after_words() => {
                return Expected::Answered(Heard { end: Some(End::Length), ..words });
            }
            Failure::Status(400) => (400, "model_refused"),
            Failure::Status(401) => (502, "model_misconfigured"),
            Failure::Status(429) => (429, "rate_limit_exceeded"),
            Failure::Status(503) | Failure::NobodyThere => (503, "unavailable"),
            _ => (502, "model_failed"),
        };
        let is_told_in_events = self.streamed && self.caller.tells_final_failures_in_events() && status == 502;
        Expected::Refused { status: if is_told_in_events { 200 } else { status }, fault: self.fault(code) }
    }

    /// The reply as the caller hears it.
    fn heard(self, told: &Told) -> Heard {
        let hears = |thing: Thing| !self.caller.cannot_hear().contains(&thing) && self.tells(thing);
        let is_shown = self.case.said.effort.is_some() || self.loss(Thing::UnaskedReasoning).is_none();
        let is_anthropics = self.server.proof_kind() != Some(ProofKind::Encrypted);
        let proofs = told.proof.as_deref().filter(|_| hears(Thing::Proof) && (is_shown || is_anthropics));
        // A server that has a member for a refusal ends it as any reply.
        let is_lost_refusal = told.is_refusal && self.tells(Thing::Refusal) && !hears(Thing::Refusal);
        Heard {
            reasoning: told.reasoning.filter(|_| hears(Thing::Reasoning) && is_shown).unwrap_or_default().to_owned(),
            proofs: proofs.into_iter().map(|data| self.handed_out(data)).collect(),
            text: told.text.to_owned(),
            calls: told.calls.iter().map(HeardCall::from).collect(),
            end: Some(if is_lost_refusal { End::Stop } else { told.end }),
            usage: self.counts().map(|counts| HeardCounts {
                input: counts.input,
                cached: counts.cached,
                cache_write: hears(Thing::CountOfCacheWrites).then_some(counts.cache_write),
                output: counts.output,
                reasoning: Some(counts.reasoning),
            }),
            ..Heard::default()
        }
    }

    /// The proof of these data as the caller's protocol has it: as it came, or with its maker beside it.
    fn handed_out(self, data: &str) -> String {
        let (Some(kind), Some(native)) = (self.server.proof_kind(), self.caller.proof_kind()) else {
            return data.to_owned();
        };
        let id = (kind == ProofKind::Encrypted).then(|| REASONING_ID.to_owned());
        Proof { kind, provider: Some(self.server.name().to_owned()), id, data: data.to_owned() }.written(native)
    }

    /// The conversation as the caller sends it, with the proofs that it was handed out before.
    pub fn said(self) -> Said {
        let mut said = self.case.said.clone();
        for turn in &mut said.turns {
            if let Turn::Reply(told) = turn {
                told.proof = told.proof.as_deref().map(|data| self.handed_out(data));
            }
        }
        said
    }

    fn tells(self, thing: Thing) -> bool {
        !self.server.cannot_tell().contains(&thing)
    }

    /// The usage that is charged, if it is not ours.
    pub fn counts(self) -> Option<Counts> {
        let Script::Tells(told) = &self.case.script else { return None };
        let counts = told.usage.filter(|_| !self.case.is_estimated())?;
        let reasoning = if self.tells(Thing::CountOfReasoning) { counts.reasoning } else { 0 };
        Some(Counts { reasoning, ..counts })
    }

    /// The request as it has to arrive at the provider.
    pub fn arrival(self) -> Arrived {
        let Said { system, turns, has_tool, has_schema, effort, wants_summary, name, detail, .. } = &self.case.said;
        let Said { max_output_tokens, temperature, stop, seed, presence_penalty, .. } = &self.case.said;
        let loss = |thing: Thing| self.loss(thing);
        let things = self.case.said.things();
        let is_lost = |thing: Thing| things.contains(&thing) && loss(thing) == Some(Outcome::Lost);
        let reasons = effort.is_some() && !is_lost(Thing::EffortAfterCall) && !is_lost(Thing::EffortAfterUnprovedCall);
        let unless_lost = |word: Option<&str>, thing: Thing| word.filter(|_| !is_lost(thing)).map(str::to_owned);
        let first = usize::from(is_lost(Thing::FirstReply));
        let moved =
            turns.iter().filter(|_| loss(Thing::LaterSystem) == Some(Outcome::First)).filter_map(|turn| match turn {
                Turn::System(text) => Some(*text),
                _ => None,
            });
        Arrived {
            system: system.iter().copied().chain(moved).collect(),
            turns: turns[first..].iter().flat_map(|turn| arrived_turns(turn, &loss)).collect(),
            tools: has_tool.then(|| TOOL.to_owned()).into_iter().collect(),
            has_schema: *has_schema,
            reasons,
            wants_summary: *wants_summary && !is_lost(Thing::Summary),
            max_output_tokens: max_output_tokens.unwrap_or(MAX_OUTPUT_TOKENS),
            temperature: *temperature,
            stops: stop.iter().map(|stop| (*stop).to_owned()).collect(),
            seed: *seed,
            presence_penalty: *presence_penalty,
            name: unless_lost(*name, Thing::Name),
            detail: unless_lost(*detail, Thing::Detail),
        }
    }
}

fn arrived_turns(turn: &Turn, loss: &dyn Fn(Thing) -> Option<Outcome>) -> Vec<ArrivedTurn> {
    match turn {
        Turn::System(_) if loss(Thing::LaterSystem) == Some(Outcome::First) => Vec::new(),
        Turn::System(text) => vec![ArrivedTurn::System((*text).to_owned())],
        Turn::User { text, has_image } => {
            vec![ArrivedTurn::User { text: (*text).to_owned(), images: (*has_image).into() }]
        }
        Turn::Reply(told) => {
            let calls = told.calls.iter().map(|call| {
                let arguments: Value = serde_json::from_str(call.arguments).unwrap();
                (TOOL.to_owned(), arguments)
            });
            let is_lost = |thing: Thing| loss(thing) == Some(Outcome::Lost);
            let proofs = told.proof.clone().filter(|_| !is_lost(Thing::Proof));
            let has_proof = proofs.is_some();
            let reasoning = told.reasoning.filter(|_| has_proof || !is_lost(Thing::UnprovedReasoning));
            vec![ArrivedTurn::Reply {
                reasoning: reasoning.unwrap_or_default().to_owned(),
                text: told.text.to_owned(),
                calls: calls.collect(),
                proofs: proofs.into_iter().collect(),
            }]
        }
        Turn::Result { text, is_error, has_image, .. } => {
            let mark = loss(Thing::FailedResult).filter(|_| *is_error);
            let text =
                if let Some(Outcome::Marked(mark)) = mark { format!("{mark}{text}") } else { (*text).to_owned() };
            let follows = *has_image && loss(Thing::ImageOfResult) == Some(Outcome::Follows);
            let images = (*has_image && !follows).into();
            let result = ArrivedTurn::Result { text, is_error: *is_error && mark.is_none(), images };
            let image = follows.then(|| ArrivedTurn::User { text: String::new(), images: 1 });
            std::iter::once(result).chain(image).collect()
        }
    }
}
