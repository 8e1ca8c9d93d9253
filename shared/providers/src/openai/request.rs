//! Requests on the wire, written from the prompt alone: nothing that a caller sent goes out unless a type here names it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::prompt::{
    Detail, ERROR_MARK, Image, Prompt, ResponseFormat, Role, Sampling, Segment, TOP_K, Tool, ToolChoice, Tools, Turn,
};
use crate::raw_json::RawJson;
use domain::message::ToolCall;

/// How a server wants to hear how long a reply may be.
///
/// `OpenAI`'s newer models refuse `max_tokens`, while llama.cpp's Python server and older vLLM know
/// nothing else, and would let a reply run on; both together are refused by `OpenAI`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Length {
    /// For `OpenAI` itself. Its reasoning models count what they think in.
    MaxCompletionTokens(u32),
    /// For all others.
    MaxTokens(u32),
}

#[derive(Serialize)]
pub(super) struct SentRequest<'a> {
    model: &'a str,
    messages: Vec<SentMessage<'a>>,
    #[serde(flatten)]
    length: Length,
    #[serde(flatten)]
    sampling: SentParameters<'a>,
    #[serde(flatten)]
    tools: Option<SentTools<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<SentFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(flatten)]
    choices: SentReplies<'a>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

/// How many replies are wanted, what is wanted beside their words, and which tokens are likelier.
#[derive(Serialize)]
struct SentReplies<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u8>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logit_bias: &'a BTreeMap<u32, f32>,
}

#[derive(Serialize)]
struct SentMessage<'a> {
    role: Role,
    /// Null where a model only called tools.
    content: Option<SentContent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<SentCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
}

/// A text where there is no image: not every server knows parts.
#[derive(Serialize)]
#[serde(untagged)]
enum SentContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<SentPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SentPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: SentImage<'a> },
}

#[derive(Serialize)]
struct SentImage<'a> {
    #[serde(rename = "url", serialize_with = "data_url")]
    image: &'a Image,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

/// The image's `data:` URL, written piece by piece: an image may have megabytes.
fn data_url<S: Serializer>(image: &Image, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("data:{};base64,{}", image.media_type.mime(), image.data))
}

/// A call, a tool or a choice of one, with its kind. A function is the only kind that there is here.
#[derive(Serialize)]
#[serde(tag = "type", content = "function", rename_all = "snake_case")]
enum OfKind<T> {
    Function(T),
}

#[derive(Serialize)]
struct SentCall<'a> {
    id: &'a str,
    #[serde(flatten)]
    call: OfKind<SentFunctionCall<'a>>,
}

#[derive(Serialize)]
struct SentFunctionCall<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct SentParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    /// For a model of which the catalogue lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

#[derive(Serialize)]
struct SentTools<'a> {
    tools: Vec<OfKind<OfferedFunction<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<SentToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct OfferedFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SentToolChoice<'a> {
    Word(&'static str),
    Function(OfKind<ChosenFunction<'a>>),
}

#[derive(Serialize)]
struct ChosenFunction<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SentFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: SentSchema<'a> },
}

#[derive(Serialize)]
struct SentSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> SentRequest<'a> {
    /// The request for a reply to `prompt`, of which a server that `reads_reasoning` gets the reasoning too.
    pub(super) fn new(model: &'a str, prompt: &'a Prompt, length: Length, reads_reasoning: bool) -> Self {
        let Prompt { turns, sampling, tools, response_format, verbosity, .. } = prompt;
        Self {
            model,
            messages: messages(turns, reads_reasoning),
            length,
            sampling: SentParameters::from(sampling),
            tools: SentTools::of(tools),
            response_format: response_format.as_ref().map(SentFormat::from),
            reasoning_effort: prompt.effort(),
            verbosity: verbosity.as_deref(),
            choices: SentReplies::from(prompt),
            extra: BTreeMap::new(),
            stream: None,
            stream_options: None,
        }
    }

    /// The same, with those members of `prompt` that this protocol does not have, and that have one of the `listed` names.
    pub(super) fn passing_on(self, prompt: &'a Prompt, listed: &BTreeSet<String>) -> Self {
        let extra = prompt.extra.iter().filter(|(name, _)| listed.contains(*name));
        let extra = extra.map(|(name, value)| (name.as_str(), value)).collect();
        let top_k = prompt.sampling.top_k.filter(|_| listed.contains(TOP_K));
        Self { extra, sampling: SentParameters { top_k, ..self.sampling }, ..self }
    }

    /// The same for a model that cannot be told how much to reason.
    pub(super) fn without_effort(self) -> Self {
        Self { reasoning_effort: None, ..self }
    }

    /// The same, for a reply as it is written, and what it took at the end.
    pub(super) fn streamed(self) -> Self {
        Self { stream: Some(true), stream_options: Some(StreamOptions { include_usage: true }), ..self }
    }
}

impl<'a> From<&'a Prompt> for SentReplies<'a> {
    fn from(prompt: &'a Prompt) -> Self {
        Self {
            n: Some(prompt.choices()).filter(|choices| *choices > 1),
            logprobs: prompt.logprobs.map(|_| true),
            top_logprobs: prompt.logprobs.filter(|top| *top > 0),
            logit_bias: &prompt.logit_bias,
        }
    }
}

/// The messages of `turns`. A result of a tool is a text in this protocol. So the images of results are shown by the user,
/// after the last of the results in a row: nothing may stand between them.
fn messages(turns: &[Turn], reads_reasoning: bool) -> Vec<SentMessage<'_>> {
    let mut messages = Vec::with_capacity(turns.len());
    for turns in turns.chunk_by(|one, next| one.role == Role::Tool && next.role == Role::Tool) {
        messages.extend(turns.iter().map(|turn| SentMessage::new(turn, reads_reasoning)));
        let of_results = turns.iter().filter(|turn| turn.role == Role::Tool);
        let images: Vec<_> = of_results.flat_map(|turn| &turn.images).map(SentPart::of_image).collect();
        if !images.is_empty() {
            messages.push(SentMessage::of_user(images));
        }
    }
    messages
}

impl<'a> SentMessage<'a> {
    fn of_user(parts: Vec<SentPart<'a>>) -> Self {
        let content = Some(SentContent::Parts(parts));
        let (tool_calls, tool_call_id, reasoning_content) = (Vec::new(), None, None);
        Self { role: Role::User, content, name: None, tool_calls, tool_call_id, reasoning_content }
    }

    fn new(turn: &'a Turn, reads_reasoning: bool) -> Self {
        let Turn { role, text, images, calls, answers, name, reasoning, .. } = turn;
        let only_calls = text.is_empty() && images.is_empty() && !calls.is_empty();
        Self {
            role: *role,
            content: (!only_calls).then(|| SentContent::of(turn)),
            name: name.as_deref(),
            tool_calls: calls.iter().map(SentCall::from).collect(),
            tool_call_id: answers.as_deref(),
            reasoning_content: reasoning.as_deref().filter(|_| reads_reasoning),
        }
    }
}

impl<'a> SentContent<'a> {
    fn of(turn: &'a Turn) -> Self {
        if turn.role == Role::Tool {
            // The images of a result follow it.
            let text = turn.text.as_str();
            Self::Text(if turn.is_error { format!("{ERROR_MARK}{text}").into() } else { text.into() })
        } else if turn.images.is_empty() {
            Self::Text(turn.text.as_str().into())
        } else {
            Self::Parts(turn.segments().map(SentPart::from).collect())
        }
    }
}

impl<'a> From<Segment<'a>> for SentPart<'a> {
    fn from(segment: Segment<'a>) -> Self {
        match segment {
            Segment::Text(text) => Self::Text { text },
            Segment::Image(image) => Self::of_image(image),
        }
    }
}

impl<'a> SentPart<'a> {
    fn of_image(image: &'a Image) -> Self {
        Self::ImageUrl { image_url: SentImage { image, detail: image.detail } }
    }
}

impl<'a> From<&'a ToolCall> for SentCall<'a> {
    fn from(call: &'a ToolCall) -> Self {
        let ToolCall { id, name, arguments } = call;
        Self { id, call: OfKind::Function(SentFunctionCall { name, arguments }) }
    }
}

impl<'a> From<&'a Sampling> for SentParameters<'a> {
    fn from(sampling: &'a Sampling) -> Self {
        let Sampling { temperature, top_p, top_k: _, presence_penalty, frequency_penalty, ref stop, seed } = *sampling;
        Self { temperature, top_p, top_k: None, presence_penalty, frequency_penalty, stop, seed }
    }
}

impl<'a> SentTools<'a> {
    /// The tools, if there are any. Servers refuse a choice among none.
    fn of(tools: &'a Tools) -> Option<Self> {
        let Tools { offered, choice, parallel } = tools;
        let offered: Vec<_> = offered.iter().map(|tool| OfKind::Function(OfferedFunction::from(tool))).collect();
        let tool_choice = choice.as_ref().map(SentToolChoice::from);
        (!offered.is_empty()).then_some(Self { tools: offered, tool_choice, parallel_tool_calls: *parallel })
    }
}

impl<'a> From<&'a Tool> for OfferedFunction<'a> {
    fn from(tool: &'a Tool) -> Self {
        let Tool { name, description, parameters, strict, is_cached: _ } = tool;
        Self { name, description: description.as_deref(), parameters: parameters.as_deref(), strict: *strict }
    }
}

impl<'a> From<&'a ToolChoice> for SentToolChoice<'a> {
    fn from(choice: &'a ToolChoice) -> Self {
        match choice {
            ToolChoice::None => Self::Word("none"),
            ToolChoice::Auto => Self::Word("auto"),
            ToolChoice::Required => Self::Word("required"),
            ToolChoice::Function(name) => Self::Function(OfKind::Function(ChosenFunction { name })),
        }
    }
}

impl<'a> From<&'a ResponseFormat> for SentFormat<'a> {
    fn from(format: &'a ResponseFormat) -> Self {
        match format {
            ResponseFormat::JsonObject => Self::JsonObject,
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                let (description, schema) = (description.as_deref(), schema.as_deref());
                Self::JsonSchema { json_schema: SentSchema { name, description, schema, strict: *strict } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::prompt::generated::any_prompt;
    use crate::prompt::{ImageType, Thinking};

    fn sent(prompt: &Prompt) -> Value {
        serde_json::to_value(SentRequest::new("m", prompt, Length::MaxTokens(5), true)).unwrap()
    }

    fn raw(json: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(json).unwrap()
    }

    fn with_tools(choice: Option<ToolChoice>) -> Prompt {
        let look_up = Tool {
            name: "look_up".to_owned(),
            description: Some("Looks it up.".to_owned()),
            parameters: Some(raw(&json!({"type": "object"}))),
            strict: Some(true),
            is_cached: false,
        };
        let now = Tool { name: "now".to_owned(), description: None, parameters: None, strict: None, is_cached: false };
        Prompt { tools: Tools { offered: vec![look_up, now], choice, parallel: Some(false) }, ..Prompt::default() }
    }

    #[test]
    fn a_plain_prompt_has_no_member_of_tools_or_formats() {
        let prompt = Prompt { turns: vec![Turn::text(Role::User, "")], ..Prompt::default() };
        let expected = json!({"model": "m", "messages": [{"role": "user", "content": ""}], "max_tokens": 5});
        assert_eq!(sent(&prompt), expected);
    }

    #[test]
    fn images_stand_among_the_texts_of_their_turn_as_they_were_shown() {
        let image = |at, detail| Image { at, media_type: ImageType::Webp, data: "UklGRg==".to_owned(), detail };
        let images = vec![image(0, None), image(5, Some(Detail::Low)), image(5, Some(Detail::Auto))];
        let turns = vec![
            Turn { images, ..Turn::text(Role::User, "This,or that?") },
            Turn { images: vec![image(0, Some(Detail::High))], ..Turn::text(Role::User, "") },
        ];
        let url = "data:image/webp;base64,UklGRg==";
        let expected = json!([
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": "This,"},
                {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": url, "detail": "auto"}},
                {"type": "text", "text": "or that?"},
            ]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, "detail": "high"}}]},
        ]);
        assert_eq!(sent(&Prompt { turns, ..Prompt::default() })["messages"], expected);
    }

    #[test]
    fn tools_are_functions_with_the_members_that_are_there() {
        let expected = json!({
            "model": "m", "messages": [], "max_tokens": 5,
            "tools": [
                {"type": "function", "function": {
                    "name": "look_up", "description": "Looks it up.", "parameters": {"type": "object"}, "strict": true,
                }},
                {"type": "function", "function": {"name": "now"}},
            ],
            "parallel_tool_calls": false,
        });
        assert_eq!(sent(&with_tools(None)), expected);
    }

    #[test]
    fn a_choice_is_a_word_or_a_function_and_there_is_none_among_no_tools() {
        for (choice, expected) in [
            (ToolChoice::None, json!("none")),
            (ToolChoice::Auto, json!("auto")),
            (ToolChoice::Required, json!("required")),
            (ToolChoice::Function("now".to_owned()), json!({"type": "function", "function": {"name": "now"}})),
        ] {
            assert_eq!(sent(&with_tools(Some(choice.clone())))["tool_choice"], expected);
            let tools = Tools { choice: Some(choice), parallel: Some(true), ..Tools::default() };
            let expected = json!({"model": "m", "messages": [], "max_tokens": 5});
            assert_eq!(sent(&Prompt { tools, ..Prompt::default() }), expected);
        }
    }

    #[test]
    fn forms_efforts_and_verbosity_are_sent_as_the_protocol_writes_them() {
        let format =
            |format| sent(&Prompt { response_format: Some(format), ..Prompt::default() })["response_format"].clone();
        assert_eq!(format(ResponseFormat::JsonObject), json!({"type": "json_object"}));
        let name = || "answer".to_owned();
        let bare = ResponseFormat::JsonSchema { name: name(), description: None, schema: None, strict: None };
        assert_eq!(format(bare), json!({"type": "json_schema", "json_schema": {"name": "answer"}}));
        let schema = json!({"type": "object", "properties": {}});
        let (description, strict) = (Some("An answer.".to_owned()), Some(true));
        let full = ResponseFormat::JsonSchema { name: name(), description, schema: Some(raw(&schema)), strict };
        let expected = json!({"name": "answer", "description": "An answer.", "schema": schema, "strict": true});
        assert_eq!(format(full), json!({"type": "json_schema", "json_schema": expected}));
        let (reasoning_effort, verbosity) = (Some("low".to_owned()), Some("high".to_owned()));
        let request = sent(&Prompt { reasoning_effort, verbosity, ..Prompt::default() });
        assert_eq!((&request["reasoning_effort"], &request["verbosity"]), (&json!("low"), &json!("high")));
    }

    #[test]
    fn calls_results_names_and_reasoning_are_parts_of_their_messages() {
        let call = ToolCall { id: "c".to_owned(), name: "now".to_owned(), arguments: "{}".to_owned() };
        let turns = vec![
            Turn { name: Some("ada".to_owned()), ..Turn::text(Role::User, "When?") },
            Turn { calls: vec![call.clone()], reasoning: Some("Hm".to_owned()), ..Turn::text(Role::Assistant, "") },
            Turn { answers: Some("c".to_owned()), ..Turn::text(Role::Tool, "noon") },
            Turn { calls: vec![call], ..Turn::text(Role::Assistant, "Again:") },
            Turn { answers: Some("c".to_owned()), ..Turn::text(Role::Tool, "") },
            Turn::text(Role::Assistant, ""),
        ];
        let tool_calls = json!([{"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}]);
        let mut expected = json!([
            {"role": "user", "content": "When?", "name": "ada"},
            {"role": "assistant", "content": null, "tool_calls": tool_calls, "reasoning_content": "Hm"},
            {"role": "tool", "content": "noon", "tool_call_id": "c"},
            {"role": "assistant", "content": "Again:", "tool_calls": tool_calls},
            {"role": "tool", "content": "", "tool_call_id": "c"},
            {"role": "assistant", "content": ""},
        ]);
        let prompt = Prompt { turns, ..Prompt::default() };
        assert_eq!(sent(&prompt)["messages"], expected);
        let of_openai = SentRequest::new("m", &prompt, Length::MaxCompletionTokens(5), false);
        expected[1].as_object_mut().unwrap().remove("reasoning_content");
        assert_eq!(serde_json::to_value(of_openai).unwrap()["messages"], expected);
    }

    #[test]
    fn choices_probabilities_and_biases_are_sent_where_they_are_wanted() {
        let prompt = Prompt { n: NonZeroU8::new(1), logprobs: Some(0), ..Prompt::default() };
        assert_eq!(sent(&prompt), json!({"model": "m", "messages": [], "max_tokens": 5, "logprobs": true}));
        let logit_bias = BTreeMap::from([(50256, -100.0), (7, 0.5)]);
        let prompt = Prompt { n: NonZeroU8::new(3), logprobs: Some(20), logit_bias, ..Prompt::default() };
        let expected = json!({
            "model": "m", "messages": [], "max_tokens": 5,
            "n": 3, "logprobs": true, "top_logprobs": 20, "logit_bias": {"7": 0.5, "50256": -100.0},
        });
        assert_eq!(sent(&prompt), expected);
    }

    #[test]
    fn members_that_nobody_knows_are_sent_as_they_came_if_they_are_on_the_models_list() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let value = |json: &str| RawJson::from(RawValue::from_string(json.to_owned()).unwrap());
        let extra = [("top_k", "4.0e1"), ("guided_json", "{ \"a\": 1 }"), ("other", "true")];
        let extra = extra.map(|(name, json)| (name.to_owned(), value(json)));
        let prompt = Prompt { extra: BTreeMap::from(extra), ..Prompt::default() };
        let request = |listed: &[&str]| {
            let request = SentRequest::new("m", &prompt, Length::MaxTokens(5), true);
            serde_json::to_string(&request.passing_on(&prompt, &names(listed))).unwrap()
        };
        let plain = r#"{"model":"m","messages":[],"max_tokens":5"#;
        assert_eq!(request(&[]), format!("{plain}}}"));
        assert_eq!(
            request(&["min_p", "top_k", "guided_json"]),
            format!(r#"{plain},"guided_json":{{ "a": 1 }},"top_k":4.0e1}}"#)
        );
    }

    /// An object of the members that are there.
    fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    fn parsed(json: Option<&RawValue>) -> Option<Value> {
        json.map(|json| serde_json::from_str(json.get()).unwrap())
    }

    /// The list of what `values` become, unless there are none.
    fn list<T>(values: &[T], written: fn(&T) -> Value) -> Option<Value> {
        (!values.is_empty()).then(|| values.iter().map(written).collect())
    }

    fn expected_call(call: &ToolCall) -> Value {
        json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
    }

    fn expected_tool(tool: &Tool) -> Value {
        let function = object([
            ("name", Some(json!(tool.name))),
            ("description", tool.description.as_ref().map(|text| json!(text))),
            ("parameters", parsed(tool.parameters.as_deref())),
            ("strict", tool.strict.map(Value::from)),
        ]);
        json!({"type": "function", "function": function})
    }

    fn expected_choice(choice: &ToolChoice) -> Value {
        match choice {
            ToolChoice::None => json!("none"),
            ToolChoice::Auto => json!("auto"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Function(name) => json!({"type": "function", "function": {"name": name}}),
        }
    }

    fn expected_format(format: &ResponseFormat) -> Value {
        let ResponseFormat::JsonSchema { name, description, schema, strict } = format else {
            return json!({"type": "json_object"});
        };
        let schema = object([
            ("name", Some(json!(name))),
            ("description", description.as_ref().map(|text| json!(text))),
            ("schema", parsed(schema.as_deref())),
            ("strict", strict.map(Value::from)),
        ]);
        json!({"type": "json_schema", "json_schema": schema})
    }

    fn expected_part(segment: Segment<'_>) -> Value {
        match segment {
            Segment::Text(text) => json!({"type": "text", "text": text}),
            Segment::Image(Image { media_type, data, detail, .. }) => {
                let url = format!("data:{};base64,{data}", media_type.mime());
                let image = object([("url", Some(json!(url))), ("detail", detail.map(|detail| json!(detail)))]);
                json!({"type": "image_url", "image_url": image})
            }
        }
    }

    fn expected_content(turn: &Turn) -> Value {
        match (turn.images.is_empty(), turn.text.is_empty() && !turn.calls.is_empty()) {
            _ if turn.is_error => json!(format!("Error: {}", turn.text)),
            _ if turn.role == Role::Tool => json!(turn.text),
            (true, true) => Value::Null,
            (true, false) => json!(turn.text),
            (false, _) => turn.segments().map(expected_part).collect(),
        }
    }

    fn expected_message(turn: &Turn, reads_reasoning: bool) -> Value {
        let role = match turn.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        object([
            ("role", Some(json!(role))),
            ("content", Some(expected_content(turn))),
            ("name", text(&turn.name)),
            ("tool_calls", list(&turn.calls, expected_call)),
            ("tool_call_id", text(&turn.answers)),
            ("reasoning_content", text(&turn.reasoning).filter(|_| reads_reasoning)),
        ])
    }

    /// The images of results in a row follow the last of them.
    fn expected_messages(turns: &[Turn], reads_reasoning: bool) -> Value {
        let (mut messages, mut images) = (Vec::new(), Vec::new());
        for (place, turn) in turns.iter().enumerate() {
            messages.push(expected_message(turn, reads_reasoning));
            if turn.role == Role::Tool {
                images.extend(turn.images.iter().map(|image| expected_part(Segment::Image(image))));
            }
            if turns.get(place + 1).is_none_or(|next| next.role != Role::Tool) && !images.is_empty() {
                messages.push(json!({"role": "user", "content": std::mem::take(&mut images)}));
            }
        }
        json!(messages)
    }

    fn expected_effort(prompt: &Prompt) -> Option<Value> {
        let of_budget = match prompt.thinking {
            Some(Thinking::Off) => return None,
            Some(Thinking::Budget(tokens)) if tokens < 4096 => Some("low"),
            Some(Thinking::Budget(tokens)) if tokens < 16_384 => Some("medium"),
            Some(Thinking::Budget(_)) => Some("high"),
            Some(Thinking::Adaptive) | None => None,
        };
        prompt.reasoning_effort.as_deref().or(of_budget).map(Value::from)
    }

    /// The body for `prompt` of a server that is not OpenAI's, by the protocol's documents and not by the types here.
    fn expected_body(prompt: &Prompt, reads_reasoning: bool) -> Value {
        let Sampling { temperature, top_p, presence_penalty, frequency_penalty, stop, seed, .. } = &prompt.sampling;
        let Tools { offered, choice, parallel } = &prompt.tools;
        let number = |number: &Option<f32>| number.map(Value::from);
        let messages = expected_messages(&prompt.turns, reads_reasoning);
        let biases = || prompt.logit_bias.iter().map(|(token, bias)| (token.to_string(), json!(bias))).collect();
        object([
            ("model", Some(json!("m"))),
            ("messages", Some(messages)),
            ("max_tokens", Some(json!(5))),
            ("temperature", number(temperature)),
            ("top_p", number(top_p)),
            ("presence_penalty", number(presence_penalty)),
            ("frequency_penalty", number(frequency_penalty)),
            ("stop", list(stop, |text| json!(text))),
            ("seed", seed.map(Value::from)),
            ("tools", list(offered, expected_tool)),
            ("tool_choice", choice.as_ref().map(expected_choice).filter(|_| !offered.is_empty())),
            ("parallel_tool_calls", parallel.map(Value::from).filter(|_| !offered.is_empty())),
            ("response_format", prompt.response_format.as_ref().map(expected_format)),
            ("reasoning_effort", expected_effort(prompt)),
            ("verbosity", prompt.verbosity.as_ref().map(|word| json!(word))),
            ("n", prompt.n.filter(|n| n.get() > 1).map(|n| json!(n))),
            ("logprobs", prompt.logprobs.map(|_| json!(true))),
            ("top_logprobs", prompt.logprobs.filter(|top| *top > 0).map(Value::from)),
            ("logit_bias", (!prompt.logit_bias.is_empty()).then(biases)),
        ])
    }

    /// The members that a request may have beside a model's extra parameters.
    const ON_THE_LIST: [&str; 20] = [
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "messages",
        "model",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "verbosity",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_member_of_any_prompt_is_sent_at_its_place_and_nothing_else(prompt in any_prompt(), reads_reasoning: bool) {
            let request = SentRequest::new("m", &prompt, Length::MaxTokens(5), reads_reasoning);
            prop_assert_eq!(serde_json::to_value(request).unwrap(), expected_body(&prompt, reads_reasoning));
        }

        #[test]
        fn nothing_is_sent_that_is_not_on_the_list(
            extra in prop::collection::btree_map("[a-z_]{1,8}", any::<i32>(), 0..8),
            listed in prop::collection::btree_set("[a-z_]{1,8}", 0..4),
            is_listed: Vec<bool>,
            n in 0..=8_u8,
            logprobs in prop::option::of(0..=20_u8),
            logit_bias in prop::collection::btree_map(any::<u32>(), -100.0..100.0_f32, 0..4),
            is_streamed: bool,
        ) {
            let is_sent = |name: &String| !ON_THE_LIST.contains(&name.as_str()) && name != "top_p";
            let extra: BTreeMap<String, RawJson> = extra
                .into_iter()
                .filter(|(name, _)| is_sent(name))
                .map(|(name, value)| (name, RawJson::from(RawValue::from_string(value.to_string()).unwrap())))
                .collect();
            let of_extra = extra.keys().zip(is_listed).filter(|(_, is_listed)| *is_listed).map(|(name, _)| name.clone());
            let listed: BTreeSet<String> = listed.into_iter().filter(is_sent).chain(of_extra).collect();
            let prompt = Prompt { n: NonZeroU8::new(n), logprobs, logit_bias, extra, ..with_tools(Some(ToolChoice::Auto)) };
            let request = SentRequest::new("m", &prompt, Length::MaxTokens(5), true).passing_on(&prompt, &listed);
            let request = if is_streamed { request.streamed() } else { request };
            let sent = serde_json::to_value(request).unwrap();
            let names: BTreeSet<&str> = sent.as_object().unwrap().keys().map(String::as_str).collect();
            for name in &names {
                let is_extra = prompt.extra.contains_key(*name) && listed.contains(*name);
                prop_assert!(ON_THE_LIST.contains(name) || is_extra, "{name}");
            }
            prop_assert!(prompt.extra.keys().all(|name| names.contains(name.as_str()) == listed.contains(name)));
        }
    }
}
