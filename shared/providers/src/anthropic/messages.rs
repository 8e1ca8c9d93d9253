//! A conversation as the protocol takes it: instructions, and messages of two sides that begin with the user's.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::anthropic::sent_block::{CutText, MarkedBlock, SentBlock};
use crate::called_tool::{CallInput, fitting_name};
use crate::prompt::{ERROR_MARK, ReplyPart, Role, Turn};
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};

/// The longest name of a tool.
const MAX_NAME: usize = 128;

/// All turns of one side in a row.
#[derive(Serialize)]
pub(super) struct SideMessage<'a> {
    role: SideRole,
    content: Vec<MarkedBlock<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SideRole {
    User,
    Assistant,
}

/// The instructions of all `turns`. Not every model takes any among its messages.
pub(super) fn system(turns: &[Turn], is_marked: bool) -> Vec<MarkedBlock<'_>> {
    let turns = turns.iter().filter(|turn| turn.role == Role::System);
    turns.flat_map(|turn| words_of(turn, is_marked)).collect()
}

/// The messages of `turns` to `provider`, with the marks of the caller if `is_marked`. Blank turns are left out, and so are a reply and
/// its calls at the beginning, with their results: what they answered is no longer in the context. There are none if no turn
/// of the user's says or shows anything.
pub(super) fn messages<'a>(turns: &'a [Turn], provider: &'a str, is_marked: bool) -> Vec<SideMessage<'a>> {
    let said = turns.iter().filter(|turn| is_said(turn)).skip_while(|turn| turn.role != Role::User);
    let said: Vec<(SideRole, &Turn)> = said.map(|turn| (SideRole::of(turn.role), turn)).collect();
    let mut writer = SideWriter { provider, is_marked, calls: ClaudeCallIds::default() };
    let sides = said.chunk_by(|one, next| one.0 == next.0);
    sides.map(|turns| writer.message(turns[0].0, turns.iter().map(|(_, turn)| *turn))).collect()
}

/// Marks the end of the last of the user's `messages`.
pub(super) fn mark_the_last_of_the_user(messages: &mut [SideMessage<'_>]) {
    if let Some(message) = messages.iter_mut().rev().find(|message| message.role == SideRole::User) {
        MarkedBlock::mark_last(&mut message.content);
    }
}

impl SideRole {
    /// The role of `role`'s turns. Results of tools come from the user's side.
    fn of(role: Role) -> Self {
        if role == Role::Assistant { Self::Assistant } else { Self::User }
    }
}

/// Whether `turn` is a part of a message. Of one that only reasoned, nothing may be sent.
fn is_said(turn: &Turn) -> bool {
    let has_words = || !turn.text.trim().is_empty();
    match turn.role {
        // The instructions are apart from the messages.
        Role::System => false,
        Role::User => !turn.images.is_empty() || has_words(),
        Role::Assistant => !turn.calls.is_empty() || has_words(),
        Role::Tool => true,
    }
}

/// The texts of `turn` and the images among them, with a mark at the end if the turn has one.
fn words_of(turn: &Turn, is_marked: bool) -> Vec<MarkedBlock<'_>> {
    let mut blocks = unmarked_end(turn, is_marked);
    if turn.is_cached && is_marked {
        MarkedBlock::mark_last(&mut blocks);
    }
    blocks
}

fn unmarked_end(turn: &Turn, is_marked: bool) -> Vec<MarkedBlock<'_>> {
    let mut text = CutText::new(&turn.text, &turn.borders, is_marked);
    let mut blocks = Vec::new();
    for image in &turn.images {
        blocks.extend(text.up_to(image.at));
        blocks.push(MarkedBlock::of_image(image));
    }
    blocks.extend(text.rest());
    blocks
}

struct SideWriter<'a> {
    /// The catalogue's name of the server.
    provider: &'a str,
    is_marked: bool,
    calls: ClaudeCallIds<'a>,
}

impl<'a> SideWriter<'a> {
    /// The message of these turns, in their order but for results: the protocol takes them before all else.
    fn message(&mut self, role: SideRole, turns: impl Iterator<Item = &'a Turn>) -> SideMessage<'a> {
        if role == SideRole::Assistant {
            self.calls.forget_earlier();
        }
        let (mut content, mut others) = (Vec::new(), Vec::new());
        for turn in turns {
            match turn.role {
                Role::System => {}
                Role::User => others.extend(words_of(turn, self.is_marked)),
                Role::Assistant => others.extend(self.reply(turn)),
                Role::Tool => match turn.answers.as_deref().and_then(|id| self.calls.latest.get(id).cloned()) {
                    Some(id) => content.push(self.result(id, turn)),
                    None => others.extend(result_in_words(turn)),
                },
            }
        }
        content.append(&mut others);
        // The protocol takes no message that ends with reasoning.
        while content.last().is_some_and(MarkedBlock::is_reasoning) {
            content.pop();
        }
        SideMessage { role, content }
    }

    /// The model's own words and calls, among them the reasoning that has a proof of this protocol, each where it was. The
    /// protocol takes no reasoning without the proof that it came with.
    fn reply(&mut self, turn: &'a Turn) -> Vec<MarkedBlock<'a>> {
        let mut text = CutText::new(&turn.text, &turn.borders, self.is_marked);
        let mut blocks = Vec::new();
        for part in turn.reply_parts() {
            match part {
                ReplyPart::Words(words) => blocks.extend(text.up_to(words.end)),
                ReplyPart::Call(call) => blocks.push(self.calls.call(call)),
                ReplyPart::Reasoning { words, proof } => blocks.extend(self.reasoning(words, proof)),
            }
        }
        if turn.is_cached && self.is_marked {
            MarkedBlock::mark_last(&mut blocks);
        }
        blocks
    }

    fn reasoning(&self, thinking: &'a str, proof: &'a Proof) -> Option<MarkedBlock<'a>> {
        let data = &proof.data;
        let block = match proof.kind {
            ProofKind::Signature => SentBlock::Thinking { thinking, signature: data },
            ProofKind::Redacted | ProofKind::Encrypted => SentBlock::RedactedThinking { data },
        };
        is_for(self.provider, proof).then(|| block.into())
    }

    fn result(&self, tool_use_id: Cow<'a, str>, turn: &'a Turn) -> MarkedBlock<'a> {
        let content = unmarked_end(turn, self.is_marked);
        let mut block = [SentBlock::ToolResult { tool_use_id, content, is_error: turn.is_error }.into()];
        if turn.is_cached && self.is_marked {
            MarkedBlock::mark_last(&mut block);
        }
        let [block] = block;
        block
    }
}

/// A result without its call, which the protocol does not take as one.
fn result_in_words(turn: &Turn) -> impl Iterator<Item = MarkedBlock<'_>> {
    let mark = if turn.is_error { ERROR_MARK } else { "" };
    let words = MarkedBlock::of_words(format!("[Result of a call: {mark}{}]", turn.text));
    words.into_iter().chain(turn.images.iter().map(MarkedBlock::of_image))
}

/// Whether `proof` may be sent to `provider`: another one refuses it.
pub(super) fn is_for(provider: &str, proof: &Proof) -> bool {
    proof.kind != ProofKind::Encrypted && proof.provider.as_deref().is_none_or(|name| name == provider)
}

/// The ids of the calls of a conversation up to a turn. A caller's id is kept if the protocol takes it and no call before has
/// it; else the call's number is its id. Ids of earlier turns stay the same when the conversation goes on, so that the
/// provider's cache finds them.
#[derive(Default)]
struct ClaudeCallIds<'a> {
    used: HashSet<Cow<'a, str>>,
    /// The least number that was not tried as an id: none is tried twice, so that the work is as much as there are calls.
    untried: usize,
    /// The calls of the model's last message, by callers' ids. The protocol takes results of these alone.
    latest: HashMap<&'a str, Cow<'a, str>>,
}

impl<'a> ClaudeCallIds<'a> {
    fn forget_earlier(&mut self) {
        self.latest.clear();
    }

    fn call(&mut self, call: &'a ToolCall) -> MarkedBlock<'a> {
        let ToolCall { id, name, arguments } = call;
        let sent_id = self.fitting_id(id);
        self.used.insert(sent_id.clone());
        self.latest.insert(id, sent_id.clone());
        let (name, input) = (fitting_name(name, MAX_NAME), CallInput::of(arguments));
        SentBlock::ToolUse { id: sent_id, name, input }.into()
    }

    fn fitting_id(&mut self, id: &'a str) -> Cow<'a, str> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !id.is_empty() && id.bytes().all(fits) && !self.used.contains(id) {
            return id.into();
        }
        self.untried = self.untried.max(self.used.len());
        loop {
            let id = format!("call_{}", self.untried);
            self.untried += 1;
            if !self.used.contains(id.as_str()) {
                return id.into();
            }
        }
    }
}
