//! The cases. Each is written once and runs at every door, at every provider, whole and streamed.

use crate::doors::case::{COUNTS, Call, Case, Counts, Doing, End, Failure, Said, Script, Told, Turn};

const TURIN: Call = Call { id: "call_a", arguments: r#"{"city":"Turin"}"# };
const OSLO: Call = Call { id: "call_b", arguments: r#"{"city":"Oslo"}"# };

/// All cases.
pub fn all() -> Vec<Case> {
    [conversations(), tools(), reasoning(), endings(), failures(), ways_of_sending()].concat()
}

fn tells(told: Told) -> Script {
    Script::Tells(told)
}

fn hi() -> Script {
    tells(Told::text("Hi there"))
}

fn conversations() -> Vec<Case> {
    let hello = Said::hello;
    let image = Turn::User { text: "What is this?", has_image: true };
    let reply = |text| Turn::Reply(Told::text(text));
    vec![
        Case::of_hello("a plain question", hi()).also_asked_whole(),
        Case::new("instructions", Said { system: Some("Be brief."), ..hello() }, hi()),
        Case::new(
            "several turns",
            Said {
                system: Some("Be brief."),
                turns: vec![Turn::user("One"), reply("Uno"), Turn::user("Two")],
                ..hello()
            },
            hi(),
        ),
        Case::new(
            "a reply before all questions",
            Said { turns: vec![reply("Hi"), Turn::user("Two")], ..hello() },
            hi(),
        ),
        Case::new(
            "instructions in the middle",
            Said {
                system: Some("Be brief."),
                turns: vec![Turn::user("One"), reply("Uno"), Turn::System("In French."), Turn::user("Two")],
                ..hello()
            },
            hi(),
        ),
        Case::new("a name of the speaker", Said { name: Some("ada"), ..hello() }, hi()),
        Case::new("an image", Said { turns: vec![image.clone()], ..hello() }, hi()),
        Case::new("an image at a closer look", Said { turns: vec![image], detail: Some("low"), ..hello() }, hi()),
        Case::new("structured output", Said { has_schema: true, ..hello() }, tells(Told::text(r#"{"city":"Turin"}"#))),
        Case::new(
            "limits and sampling",
            Said { max_output_tokens: Some(40), temperature: Some(0.5), ..hello() },
            tells(Told { end: End::Length, usage: Some(Counts { output: 40, ..COUNTS }), ..Told::text("And then") }),
        ),
        Case::new("a text that stops the reply", Said { stop: Some("END"), ..hello() }, hi()),
        Case::new("a seed", Said { seed: Some(7), ..hello() }, hi()),
        Case::new("a penalty", Said { presence_penalty: Some(0.5), ..hello() }, hi()),
        Case::new("a temperature above 1", Said { temperature: Some(1.5), ..hello() }, hi()),
        Case::of_hello("words of many bytes", tells(Told::text("è così: 😀 – “sì”\n\ndata: [DONE]\n\nevent: x"))),
    ]
}

/// A question with the tool, and its first turns.
fn asked_of_tool(turns: Vec<Turn>) -> Said {
    let turns = [vec![Turn::user("How warm is it?")], turns].concat();
    Said { has_tool: true, turns, ..Said::default() }
}

fn called(calls: &[Call]) -> Turn {
    Turn::Reply(Told::calls(calls))
}

fn tools() -> Vec<Case> {
    let failed = |has_image: bool, is_error: bool| Turn::Result { id: "call_a", text: "none", is_error, has_image };
    vec![
        Case::new("a call", asked_of_tool(vec![]), tells(Told::calls(&[TURIN]))),
        Case::new("words and two calls", asked_of_tool(vec![]), {
            tells(Told { text: "I look.", ..Told::calls(&[TURIN, OSLO]) })
        })
        .also_asked_whole(),
        Case::new(
            "results of two calls",
            asked_of_tool(vec![called(&[TURIN, OSLO]), Turn::result("call_a", "21"), Turn::result("call_b", "-3")]),
            tells(Told::text("Warm, and cold.")),
        ),
        Case::new(
            "a second call after a result and words",
            asked_of_tool(vec![
                called(&[TURIN]),
                Turn::result("call_a", "21"),
                Turn::Reply(Told::text("Warm.")),
                Turn::user("And in Oslo?"),
            ]),
            tells(Told::calls(&[OSLO])),
        ),
        Case::new("a tool that failed", asked_of_tool(vec![called(&[TURIN]), failed(false, true)]), hi()),
        Case::new("an image from a tool", asked_of_tool(vec![called(&[TURIN]), failed(true, false)]), hi()),
    ]
}

fn reasoning() -> Vec<Case> {
    let effort = Some("low");
    let thought =
        Told { reasoning: Some("A city. Warm?"), proof: Some("c2lnbmF0dXJl".to_owned()), ..Told::text("Warm.") };
    let called = Told { calls: vec![TURIN], end: End::Calls, text: "", ..thought.clone() };
    let goes_on = |proof| vec![Turn::Reply(Told { proof, ..called.clone() }), Turn::result("call_a", "21")];
    let (proved, unproved) = (goes_on(thought.proof.clone()), goes_on(None));
    vec![
        Case::new("reasoning", Said { effort, ..Said::hello() }, tells(thought.clone())),
        Case::new(
            "reasoning that is to be shown",
            Said { effort, wants_summary: true, ..Said::hello() },
            tells(thought.clone()),
        ),
        Case::of_hello("reasoning that nobody asked for", tells(thought.clone())).also_asked_whole(),
        Case::new("reasoning before a call", Said { effort, ..asked_of_tool(vec![]) }, tells(called))
            .also_asked_whole(),
        Case::new("reasoning goes on after a call", Said { effort, ..asked_of_tool(proved) }, tells(thought.clone())),
        Case::new(
            "reasoning goes on after a call, without a proof",
            Said { effort, ..asked_of_tool(unproved) },
            tells(thought.clone()),
        ),
        Case::new(
            "nothing but reasoning",
            Said { effort, ..Said::hello() },
            tells(Told { text: "", end: End::Length, ..thought }),
        ),
    ]
}

fn endings() -> Vec<Case> {
    let filtered = Told { end: End::Filtered, ..Told::text("I cannot") };
    vec![
        Case::of_hello("an empty reply", tells(Told::text(""))),
        Case::of_hello("an empty reply at its limit", tells(Told { end: End::Length, ..Told::text("") }))
            .also_asked_whole(),
        Case::of_hello("a filtered reply", tells(filtered.clone())).also_asked_whole(),
        Case::of_hello("an empty filtered reply", tells(Told { text: "", ..filtered.clone() })),
        Case::of_hello("a refusal", tells(Told { is_refusal: true, ..filtered })).also_asked_whole(),
        Case::of_hello("no count", tells(Told { usage: None, ..Told::text("Hi there") })).also_asked_whole(),
        Case::of_hello("a count of no cache", {
            let usage = Some(Counts { input: 9, cached: 0, cache_write: 0, output: 3, reasoning: 0 });
            tells(Told { usage, ..Told::text("Hi there") })
        }),
    ]
}

fn failures() -> Vec<Case> {
    let fails = |name, failure| Case::of_hello(name, Script::Fails(failure));
    vec![
        fails("the provider refuses", Failure::Status(400)).also_asked_whole(),
        fails("the provider wants another key", Failure::Status(401)).also_asked_whole(),
        fails("the provider has enough to do", Failure::Status(429)).also_asked_whole(),
        fails("the provider failed", Failure::Status(500)).also_asked_whole(),
        fails("the provider is away", Failure::Status(503)).also_asked_whole(),
        fails("nobody is there", Failure::NobodyThere).also_asked_whole(),
        fails("a cut before the first word", Failure::CutBeforeTheFirstWord).also_asked_whole(),
        fails("a cut after words", Failure::CutAfterWords),
        fails("an error after words", Failure::ErrorAfterWords),
        fails("words without an end", Failure::NoEnd),
        fails("a deadline after words", Failure::SilentAfterWords).doing(Doing::Late),
        fails("a deadline before words", Failure::Silent).doing(Doing::Late).also_asked_whole(),
    ]
}

fn ways_of_sending() -> Vec<Case> {
    let proof = Some("c2lnbmF0dXJl".to_owned());
    let everything = Told { text: "I look.", reasoning: Some("A city."), proof, ..Told::calls(&[TURIN, OSLO]) };
    let beyond = Some(Counts { output: 1_000_000, ..COUNTS });
    vec![
        Case::of_hello("twice with one key", hi()).doing(Doing::Twice),
        Case::new("twice with one key, with calls", asked_of_tool(vec![]), tells(everything)).doing(Doing::Twice),
        Case::of_hello("no balance", hi()).doing(Doing::Poor),
        Case::of_hello("a bound of the cost", tells(Told { usage: beyond, ..Told::text("Hi there") }))
            .doing(Doing::Bounded),
    ]
}
