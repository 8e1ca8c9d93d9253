//! The table of what is lost or refused between a caller's protocol and a provider's. docs/doors.md shows it.

use crate::doors::case::Thing;

/// A line of the table. A name that is `*` stands for every protocol.
pub struct Loss {
    pub caller: &'static str,
    pub server: &'static str,
    pub thing: Thing,
    pub outcome: Outcome,
    /// What happens, in words.
    pub words: &'static str,
}

/// What happens to the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request is sent without it.
    Lost,
    /// The words begin with this mark in its place.
    Marked(&'static str),
    /// The user's next turn has it.
    Follows,
    /// It comes before all turns.
    First,
    /// The request is refused, and names this parameter of chat completions, or the door's own name of it.
    Refused(&'static str),
}

const LOSSES: &[Loss] = &[
    Loss {
        caller: "chat-completions",
        server: "*",
        thing: Thing::Proof,
        outcome: Outcome::Lost,
        words: "proofs of reasoning (signatures, encrypted reasoning) have no member",
    },
    Loss {
        caller: "messages",
        server: "*",
        thing: Thing::LaterSystem,
        outcome: Outcome::First,
        words: "instructions among the messages come before all turns",
    },
    Loss {
        caller: "messages",
        server: "*",
        thing: Thing::UnaskedReasoning,
        outcome: Outcome::Lost,
        words: "reasoning that was not asked for is not shown, but for Anthropic's signatures",
    },
    Loss {
        caller: "completions",
        server: "*",
        thing: Thing::Refusal,
        outcome: Outcome::Lost,
        words: "a refusal is a text that ends as any other",
    },
    Loss {
        caller: "completions",
        server: "*",
        thing: Thing::Reasoning,
        outcome: Outcome::Lost,
        words: "reasoning is not handed on",
    },
    Loss {
        caller: "*",
        server: "openai",
        thing: Thing::Proof,
        outcome: Outcome::Lost,
        words: "proofs of reasoning have no member",
    },
    Loss {
        caller: "*",
        server: "openai",
        thing: Thing::ImageOfResult,
        outcome: Outcome::Follows,
        words: "images of a tool's result follow it, in a message of the user",
    },
    Loss {
        caller: "*",
        server: "openai",
        thing: Thing::FailedResult,
        outcome: Outcome::Marked("Error: "),
        words: "the result of a tool that failed begins with `Error: `",
    },
    Loss {
        caller: "*",
        server: "openai",
        thing: Thing::Summary,
        outcome: Outcome::Lost,
        words: "that reasoning is to be shown is not said",
    },
    Loss {
        caller: "*",
        server: "responses",
        thing: Thing::UnprovedReasoning,
        outcome: Outcome::Lost,
        words: "reasoning without a proof is left out",
    },
    Loss { caller: "*", server: "responses", thing: Thing::Name, outcome: Outcome::Lost, words: "`name` is left out" },
    Loss {
        caller: "*",
        server: "responses",
        thing: Thing::FailedResult,
        outcome: Outcome::Marked("Error: "),
        words: "the result of a tool that failed begins with `Error: `",
    },
    Loss {
        caller: "*",
        server: "responses",
        thing: Thing::Stop,
        outcome: Outcome::Refused("stop"),
        words: "`stop` is refused: Responses have none",
    },
    Loss {
        caller: "*",
        server: "responses",
        thing: Thing::Seed,
        outcome: Outcome::Refused("seed"),
        words: "`seed` is refused: Responses have none",
    },
    Loss {
        caller: "*",
        server: "responses",
        thing: Thing::Penalty,
        outcome: Outcome::Refused("presence_penalty"),
        words: "penalties are refused: Responses have none",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::FirstReply,
        outcome: Outcome::Lost,
        words: "a reply before the first question is left out, with its calls and their results",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::LaterSystem,
        outcome: Outcome::First,
        words: "instructions in the middle come before all turns",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::UnprovedReasoning,
        outcome: Outcome::Lost,
        words: "reasoning without a proof is left out",
    },
    Loss { caller: "*", server: "anthropic", thing: Thing::Name, outcome: Outcome::Lost, words: "`name` is left out" },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::Detail,
        outcome: Outcome::Lost,
        words: "the `detail` of an image is left out",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::EffortAfterUnprovedCall,
        outcome: Outcome::Lost,
        words: "Claude does not reason while a loop of tools goes on whose reasoning has lost its proof",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::Seed,
        outcome: Outcome::Refused("seed"),
        words: "`seed` is refused: Messages have none",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::Penalty,
        outcome: Outcome::Refused("presence_penalty"),
        words: "penalties are refused: Messages have none",
    },
    Loss {
        caller: "*",
        server: "anthropic",
        thing: Thing::HighTemperature,
        outcome: Outcome::Refused("temperature"),
        words: "a temperature above 1 is refused",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::FirstReply,
        outcome: Outcome::Lost,
        words: "a reply before the first question is left out, with its calls and their results",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::LaterSystem,
        outcome: Outcome::First,
        words: "instructions in the middle come before all turns",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::UnprovedReasoning,
        outcome: Outcome::Lost,
        words: "reasoning is not sent",
    },
    Loss { caller: "*", server: "bedrock", thing: Thing::Name, outcome: Outcome::Lost, words: "`name` is left out" },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::Detail,
        outcome: Outcome::Lost,
        words: "the `detail` of an image is left out",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::Summary,
        outcome: Outcome::Lost,
        words: "that reasoning is to be shown is not said",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::Proof,
        outcome: Outcome::Lost,
        words: "proofs of reasoning are neither sent nor handed on",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::EffortAfterCall,
        outcome: Outcome::Lost,
        words: "Claude does not reason while a loop of tools goes on",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::Seed,
        outcome: Outcome::Refused("seed"),
        words: "`seed` is refused: Converse has none",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::Penalty,
        outcome: Outcome::Refused("presence_penalty"),
        words: "penalties are refused: Converse has none",
    },
    Loss {
        caller: "*",
        server: "bedrock",
        thing: Thing::HighTemperature,
        outcome: Outcome::Refused("temperature"),
        words: "a temperature above 1 is refused",
    },
];

/// What happens to `thing` between these protocols, if anything.
pub fn of(caller: &str, server: &str, thing: Thing) -> Option<Outcome> {
    let is_of = |wanted: &str, name: &str| wanted == "*" || wanted == name;
    let found =
        LOSSES.iter().find(|loss| loss.thing == thing && is_of(loss.caller, caller) && is_of(loss.server, server));
    found.map(|loss| loss.outcome)
}

/// The table as docs/doors.md has it.
pub fn table() -> String {
    let name = |name: &'static str| if name == "*" { "every" } else { name };
    let line = |loss: &Loss| format!("| {} | {} | {} |\n", name(loss.caller), name(loss.server), loss.words);
    let head = "| caller's protocol | provider's protocol | what happens |\n|---|---|---|\n".to_owned();
    head + &LOSSES.iter().map(line).collect::<String>()
}
