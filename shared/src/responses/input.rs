//! The conversation that a caller sends: instructions, and items.

use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};
use providers::prompt::{Role, Turn};
use serde_json::value::RawValue;

use crate::door::{
    ImageRoom, MAX_ID_BYTES, MAX_TOOLS, ParameterFault, Parameters, ProtocolError, TurnBuilder, is_text,
};
use crate::http::Elements;
use crate::responses::content;
use crate::responses::offered_tools::OfferedTools;
use crate::responses::tool_names::{SEARCH, call_of_custom_tool, model_name};

/// The members of all items that are asked for.
const MEMBERS: [&str; 12] = [
    "type",
    "role",
    "content",
    "id",
    "call_id",
    "name",
    "namespace",
    "arguments",
    "input",
    "output",
    "summary",
    "encrypted_content",
];

/// The most items of a conversation: reasoning, a call and its result are three.
const MAX_ITEMS: usize = 8192;

/// The text between two paragraphs of a summary.
const BETWEEN_PARAGRAPHS: &str = "\n\n";

/// The conversation so far. Items of the model that follow each other are one turn.
struct ConversationReader<'a> {
    turns: Vec<Turn>,
    /// The model's turn, if the last item was the model's.
    reply: Option<TurnBuilder>,
    room: ImageRoom,
    tools: &'a mut OfferedTools,
}

/// Reads `instructions` and `input`. Tools that the conversation offers are added to `tools`.
pub(super) fn parse(fields: &Parameters<'_>, tools: &mut OfferedTools) -> Result<Vec<Turn>, ProtocolError> {
    let instructions = fields.text("instructions")?.map(|text| Turn::text(Role::System, text));
    let mut reader = ConversationReader {
        turns: instructions.into_iter().collect(),
        reply: None,
        room: ImageRoom::default(),
        tools,
    };
    let rule = format!("a string or an array of 1 to {MAX_ITEMS} items");
    let input = fields.get("input").ok_or_else(|| fields.refuse("input", ParameterFault::Missing, ""))?;
    if is_text(input) {
        reader.turns.push(Turn::text(Role::User, fields.text_of("input", input, &rule)?));
        return Ok(reader.turns);
    }
    let items = Elements::of(input).ok_or_else(|| fields.refuse("input", ParameterFault::Type, &rule))?;
    if !(1..=MAX_ITEMS).contains(&items.clone().take(MAX_ITEMS + 1).count()) {
        return Err(fields.refuse("input", ParameterFault::Value, &rule));
    }
    for (index, item) in items.enumerate() {
        reader.item(item, format!("input[{index}]"))?;
        if reader.reply.as_ref().is_some_and(TurnBuilder::is_full) {
            let rule = format!("items of which at most {MAX_TOOLS} calls and as many proofs follow each other");
            return Err(fields.refuse("input", ParameterFault::Value, &rule));
        }
    }
    reader.end_reply();
    Ok(reader.turns)
}

impl ConversationReader<'_> {
    fn item(&mut self, item: &RawValue, place: String) -> Result<(), ProtocolError> {
        let fields = Parameters::of(item, place.clone(), &MEMBERS)?;
        match fields.text("type")?.as_deref() {
            Some("message") => self.message(&fields),
            Some("function_call") => self.function_call(&fields),
            Some("custom_tool_call") => self.custom_tool_call(&fields),
            Some("function_call_output" | "custom_tool_call_output") => self.output(&fields),
            Some("reasoning") => self.reasoning(&fields),
            Some("additional_tools") => self.tools.add(&Parameters::of(item, place, &["tools"])?).map(|_| ()),
            Some("tool_search_call") => self.search_call(&fields),
            Some("tool_search_output") => self.search_output(&fields, &Parameters::of(item, place, &["tools"])?),
            // OpenAI's own search, of which nothing is said but the words that were searched.
            Some("web_search_call") => Ok(()),
            Some("item_reference") => Err(reference(&fields)),
            Some(_) => Err(fields.refuse("type", ParameterFault::Unsupported, KNOWN_TYPES)),
            None if fields.get("role").is_some() => self.message(&fields),
            None if fields.get("id").is_some() => Err(reference(&fields)),
            None => Err(fields.refuse("type", ParameterFault::Missing, "")),
        }
    }

    fn message(&mut self, fields: &Parameters<'_>) -> Result<(), ProtocolError> {
        let role = match required(fields, "role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" | "developer" => Role::System,
            _ => {
                let rule = "user, assistant, system or developer";
                return Err(fields.refuse("role", ParameterFault::Value, rule));
            }
        };
        if role == Role::Assistant {
            let reply = self.reply.get_or_insert_with(|| TurnBuilder::new(Role::Assistant));
            return content::add(reply, fields, "content", role, &mut self.room);
        }
        self.turn(fields, "content", role, None)
    }

    /// A turn of `role` that is no reply.
    fn turn(
        &mut self,
        fields: &Parameters<'_>,
        content: &str,
        role: Role,
        answers: Option<String>,
    ) -> Result<(), ProtocolError> {
        self.end_reply();
        let mut turn = TurnBuilder::new(role);
        content::add(&mut turn, fields, content, role, &mut self.room)?;
        self.turns.push(Turn { answers, ..turn.into_turn() });
        Ok(())
    }

    fn output(&mut self, fields: &Parameters<'_>) -> Result<(), ProtocolError> {
        let answers = required(fields, "call_id")?;
        self.turn(fields, "output", Role::Tool, Some(answers))
    }

    fn function_call(&mut self, fields: &Parameters<'_>) -> Result<(), ProtocolError> {
        let arguments = fields.text("arguments")?;
        let arguments = arguments.ok_or_else(|| fields.refuse("arguments", ParameterFault::Missing, ""))?;
        let call =
            ToolCall { id: required(fields, "call_id")?, name: called(fields)?, arguments: arguments.into_owned() };
        self.reply().call(call);
        Ok(())
    }

    fn custom_tool_call(&mut self, fields: &Parameters<'_>) -> Result<(), ProtocolError> {
        let input = fields.text("input")?.ok_or_else(|| fields.refuse("input", ParameterFault::Missing, ""))?;
        let call = call_of_custom_tool(required(fields, "call_id")?, called(fields)?, &input);
        self.reply().call(call);
        Ok(())
    }

    /// A search without an id was OpenAI's own.
    fn search_call(&mut self, fields: &Parameters<'_>) -> Result<(), ProtocolError> {
        let Some(id) = fields.short_text("call_id", MAX_ID_BYTES)? else { return Ok(()) };
        let arguments = fields.get("arguments");
        let arguments = arguments.ok_or_else(|| fields.refuse("arguments", ParameterFault::Missing, ""))?;
        self.reply().call(ToolCall { id, name: SEARCH.to_owned(), arguments: arguments.get().to_owned() });
        Ok(())
    }

    /// The tools that a search found are offered from then on. The model is told their names.
    fn search_output(&mut self, fields: &Parameters<'_>, found: &Parameters<'_>) -> Result<(), ProtocolError> {
        let answers = fields.short_text("call_id", MAX_ID_BYTES)?;
        let names = self.tools.add(found)?;
        if answers.is_some() {
            self.end_reply();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            let told = if names.is_empty() { "Found nothing.".to_owned() } else { format!("Found: {names}.") };
            self.turns.push(Turn { answers, ..Turn::text(Role::Tool, told) });
        }
        Ok(())
    }

    fn reasoning(&mut self, fields: &Parameters<'_>) -> Result<(), ProtocolError> {
        let mut words = paragraphs(fields, "summary")?;
        if words.is_empty() {
            words = paragraphs(fields, "content")?;
        }
        let data = fields.text("encrypted_content")?.filter(|data| !data.is_empty());
        let id = fields.short_text("id", MAX_ID_BYTES)?;
        let reply = self.reply();
        reply.reasoning(&words);
        if let Some(data) = data {
            reply.proof(proof(&data, id));
        }
        Ok(())
    }

    /// The model's turn that the next item belongs to.
    fn reply(&mut self) -> &mut TurnBuilder {
        self.reply.get_or_insert_with(|| TurnBuilder::new(Role::Assistant))
    }

    fn end_reply(&mut self) {
        self.turns.extend(self.reply.take().map(TurnBuilder::into_turn));
    }
}

/// The types of items that are taken.
const KNOWN_TYPES: &str = ", except for message, reasoning, function_call, custom_tool_call, tool_search_call, their outputs, \
                           additional_tools and web_search_call";

/// The AI SDK's `openai()` refers to items where it is not told that nothing is stored.
fn reference(fields: &Parameters<'_>) -> ProtocolError {
    let rule = " for an item that was sent before: nothing is kept between two requests. Set 'store' to false, so that your \
                client sends the items themselves";
    fields.refuse("id", ParameterFault::Unsupported, rule)
}

fn required(fields: &Parameters<'_>, name: &str) -> Result<String, ProtocolError> {
    fields.short_text(name, MAX_ID_BYTES)?.ok_or_else(|| fields.refuse(name, ParameterFault::Missing, ""))
}

/// The name of the tool that a call names, as the model knows it.
fn called(fields: &Parameters<'_>) -> Result<String, ProtocolError> {
    let namespace = fields.short_text("namespace", MAX_ID_BYTES)?;
    Ok(model_name(namespace.as_deref(), &required(fields, "name")?))
}

/// The texts of the parts `name` of an item of reasoning, as paragraphs.
fn paragraphs(fields: &Parameters<'_>, name: &str) -> Result<String, ProtocolError> {
    let rule = "an array of parts";
    let Some(value) = fields.get(name) else { return Ok(String::new()) };
    let parts = Elements::of(value).ok_or_else(|| fields.refuse(name, ParameterFault::Type, rule))?;
    let mut words = String::new();
    for (index, part) in parts.enumerate() {
        let part = Parameters::of(part, fields.name_of(&format!("{name}[{index}]")), &["text"])?;
        let text = part.text("text")?.filter(|text| !text.is_empty());
        if text.is_some() && !words.is_empty() {
            words.push_str(BETWEEN_PARAGRAPHS);
        }
        words.push_str(&text.unwrap_or_default());
    }
    Ok(words)
}

/// The proof that `data` is. OpenAI binds its own to the item's `id`.
fn proof(data: &str, id: Option<String>) -> Proof {
    let proof = Proof::read(data, ProofKind::Encrypted);
    let is_native = proof.kind == ProofKind::Encrypted && proof.provider.is_none() && proof.id.is_none();
    if is_native { Proof { id, ..proof } } else { proof }
}
