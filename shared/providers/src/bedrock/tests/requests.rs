//! The requests that Bedrock is sent.

use aws_sdk_bedrockruntime::types as sdk;
use aws_smithy_types::{Blob, Document, Number};
use serde_json::value::to_raw_value;

use super::*;
use crate::prompt::{Image, ImageType, ResponseFormat, Tool, ToolChoice, Tools};

const CLAUDE: &str = "anthropic.claude-sonnet-4-20250514-v1:0";

fn written(terms: &CataloguedModel, prompt: &Prompt) -> Value {
    serde_json::to_value(ConverseRequest::new(&AskedModel::new(terms), prompt, 4096).unwrap()).unwrap()
}

fn with_cache(provider_model: &str) -> CataloguedModel {
    let prices = Prices { cache_write: Credits::new(5).unwrap(), ..Prices::default() };
    CataloguedModel { prices, ..terms(provider_model) }
}

/// A prompt with everything that Converse can carry.
fn full() -> Prompt {
    let call = ToolCall { id: "c".to_owned(), name: "look_up".to_owned(), arguments: "{\"x\":1}".to_owned() };
    let image = Image { at: 0, media_type: ImageType::Png, data: "AAEC".to_owned(), detail: None };
    let schema = json!({"type": "object"});
    let tool = Tool {
        name: "look_up".to_owned(),
        description: Some("Looks it up.".to_owned()),
        parameters: Some(to_raw_value(&schema).unwrap()),
        strict: Some(true),
        is_cached: false,
    };
    let format = ResponseFormat::JsonSchema {
        name: "answer".to_owned(),
        description: Some("An answer.".to_owned()),
        schema: Some(to_raw_value(&schema).unwrap()),
        strict: Some(true),
    };
    Prompt {
        turns: vec![
            Turn::text(Role::System, "Be brief."),
            Turn { images: vec![image], name: Some("ada".to_owned()), ..Turn::text(Role::User, "What is it?") },
            Turn { calls: vec![call], reasoning: Some("Hm".to_owned()), ..Turn::text(Role::Assistant, "I look.") },
            Turn { answers: Some("c".to_owned()), ..Turn::text(Role::Tool, "a cat") },
            Turn::text(Role::Assistant, "A cat."),
            Turn::text(Role::User, "Thanks. And?"),
        ],
        sampling: Sampling { stop: vec!["END".to_owned()], ..Sampling::default() },
        tools: Tools { offered: vec![tool], choice: Some(ToolChoice::Auto), parallel: Some(true) },
        response_format: Some(format),
        reasoning_effort: Some("medium".to_owned()),
        ..Prompt::default()
    }
}

fn full_terms() -> CataloguedModel {
    let guardrail = Guardrail { id: "gr1abc".to_owned(), version: "7".to_owned() };
    CataloguedModel { guardrail: Some(guardrail), ..with_cache(CLAUDE) }
}

fn object(members: &[(&str, Document)]) -> Document {
    Document::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn words(text: &str) -> Document {
    Document::String(text.to_owned())
}

fn number(number: u64) -> Document {
    Document::Number(Number::PosInt(number))
}

fn cache_point() -> sdk::CachePointBlock {
    sdk::CachePointBlock::builder().r#type(sdk::CachePointType::Default).build().unwrap()
}

fn message(role: sdk::ConversationRole, content: Vec<sdk::ContentBlock>) -> sdk::Message {
    sdk::Message::builder().role(role).set_content(Some(content)).build().unwrap()
}

/// The messages of [`full`] as the SDK's types.
fn messages_of_the_sdk() -> Vec<sdk::Message> {
    use sdk::ContentBlock::{CachePoint, Image, Text, ToolResult, ToolUse};
    let source = sdk::ImageSource::Bytes(Blob::new([0, 1, 2]));
    let image = sdk::ImageBlock::builder().format(sdk::ImageFormat::Png).source(source).build().unwrap();
    let input = object(&[("x", number(1))]);
    let call = sdk::ToolUseBlock::builder().tool_use_id("call_0").name("look_up").input(input).build().unwrap();
    let content = sdk::ToolResultContentBlock::Text("a cat".to_owned());
    let result = sdk::ToolResultBlock::builder().tool_use_id("call_0").content(content).build().unwrap();
    let texts = |text: &str| Text(text.to_owned());
    vec![
        message(sdk::ConversationRole::User, vec![Image(image), texts("What is it?")]),
        message(sdk::ConversationRole::Assistant, vec![texts("I look."), ToolUse(call)]),
        message(sdk::ConversationRole::User, vec![ToolResult(result)]),
        message(sdk::ConversationRole::Assistant, vec![texts("A cat.")]),
        message(sdk::ConversationRole::User, vec![texts("Thanks. And?"), CachePoint(cache_point())]),
    ]
}

fn tools_of_the_sdk() -> sdk::ToolConfiguration {
    let schema = sdk::ToolInputSchema::Json(object(&[("type", words("object"))]));
    let tool = sdk::ToolSpecification::builder().name("look_up").description("Looks it up.").strict(true);
    let tool = sdk::Tool::ToolSpec(tool.input_schema(schema).build().unwrap());
    let choice = sdk::ToolChoice::Auto(sdk::AutoToolChoice::builder().build());
    sdk::ToolConfiguration::builder().tools(tool).tool_choice(choice).build().unwrap()
}

fn output_of_the_sdk() -> sdk::OutputConfig {
    let schema = sdk::JsonSchemaDefinition::builder().schema("{\"type\":\"object\"}").name("answer");
    let schema = schema.description("An answer.").build().unwrap();
    let format = sdk::OutputFormat::builder()
        .r#type(sdk::OutputFormatType::JsonSchema)
        .structure(sdk::OutputFormatStructure::JsonSchema(schema));
    sdk::OutputConfig::builder().text_format(format.build().unwrap()).build()
}

/// The SDK's own body is the proof that no member has a wrong name here.
#[tokio::test]
async fn the_body_is_the_one_that_the_sdk_writes_of_its_own_types() {
    let replay = StaticReplayClient::new(
        (0..2).map(|_| ReplayEvent::new(HttpRequest::empty(), answer(&json!([{"text": "Hi"}]), "end_turn"))).collect(),
    );
    let region = region_of(configuration().http_client(replay.clone()), Clock::system());
    let guardrail = sdk::GuardrailConfiguration::builder()
        .guardrail_identifier("gr1abc")
        .guardrail_version("7")
        .trace(sdk::GuardrailTrace::Disabled);
    let inference = sdk::InferenceConfiguration::builder().max_tokens(4096).stop_sequences("END").build();
    let thinking = object(&[("type", words("enabled")), ("budget_tokens", number(2048))]);
    let request = region
        .client
        .converse()
        .model_id(CLAUDE)
        .system(sdk::SystemContentBlock::Text("Be brief.".to_owned()))
        .system(sdk::SystemContentBlock::CachePoint(cache_point()))
        .set_messages(Some(messages_of_the_sdk()))
        .inference_config(inference)
        .tool_config(tools_of_the_sdk())
        .output_config(output_of_the_sdk())
        .guardrail_config(guardrail.build())
        .additional_model_request_fields(object(&[("thinking", thinking)]));
    request.send().await.unwrap();
    Bedrock::catalogued(region, &full_terms()).reply(&full(), 4096).await.unwrap();
    let bodies: Vec<Value> =
        replay.actual_requests().map(|sent| serde_json::from_slice(sent.body().bytes().unwrap()).unwrap()).collect();
    assert_eq!(bodies[1], bodies[0]);
}

/// Every member of the body that anything of a prompt or a model can bring there.
#[test]
fn nothing_goes_out_that_is_not_on_the_list() {
    let body = written(&full_terms(), &full());
    let members: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = BTreeSet::from([
        "additionalModelRequestFields",
        "guardrailConfig",
        "inferenceConfig",
        "messages",
        "outputConfig",
        "system",
        "toolConfig",
    ]);
    assert_eq!(members, expected);
    let text = body.to_string();
    assert!(!text.contains("ada") && !text.contains("Hm"), "neither a speaker nor reasoning has a place: {text}");
}

#[test]
fn a_guardrail_reads_a_stream_before_anybody_else_does() {
    let (asked, prompt) = (AskedModel::new(&full_terms()), full());
    let streamed = ConverseRequest::new(&asked, &prompt, 9).unwrap().streamed();
    let expected = json!({
        "guardrailIdentifier": "gr1abc", "guardrailVersion": "7", "trace": "disabled", "streamProcessingMode": "sync",
    });
    assert_eq!(serde_json::to_value(streamed).unwrap()["guardrailConfig"], expected);
    assert_eq!(written(&terms(CLAUDE), &hello()).get("guardrailConfig"), None);
}

#[test]
fn cache_points_are_where_the_model_takes_them_and_only_if_the_cache_has_prices() {
    let system = || Turn::text(Role::System, "Be brief.");
    let (user, assistant) = (|| Turn::text(Role::User, "Hi"), || Turn::text(Role::Assistant, "Hello"));
    let of = |turns: Vec<Turn>| Prompt { turns, ..Prompt::default() };
    let point = json!({"cachePoint": {"type": "default"}});
    let (brief, hi) = (json!({"text": "Be brief."}), json!({"text": "Hi"}));
    let (plain, kept) = (json!([brief]), json!([brief, point]));
    for (terms, in_system, in_messages) in [
        (with_cache(CLAUDE), &kept, true),
        (with_cache("eu.amazon.nova-lite-v1:0"), &kept, false),
        (with_cache("amazon.nova-2-lite-v1:0"), &kept, false),
        (with_cache("amazon.nova-sonic-v1:0"), &plain, false),
        (with_cache("anthropic.claude-3-5-haiku-20241022-v1:0"), &kept, true),
        (with_cache("anthropic.claude-mythos-preview"), &kept, true),
        (with_cache("anthropic.claude-3-haiku-20240307-v1:0"), &plain, false),
        (with_cache("openai.gpt-oss-20b-1:0"), &plain, false),
        (terms(CLAUDE), &plain, false),
    ] {
        let name = &terms.provider_model;
        let body = written(&terms, &of(vec![system(), user(), assistant(), user()]));
        assert_eq!(body["system"], *in_system, "{name}");
        assert_eq!(body["messages"][0]["content"], json!([hi]), "{name}");
        assert_eq!(body["messages"][2]["content"].as_array().unwrap().contains(&point), in_messages, "{name}");
        let body = written(&terms, &of(vec![user(), assistant()]));
        assert_eq!(body.get("system"), None, "{name}: nothing is kept where nothing is said");
        assert_eq!(body["messages"][0]["content"].as_array().unwrap().contains(&point), in_messages, "{name}");
    }
}

/// The catalogue names the model; an ARN has slashes and colons.
#[tokio::test]
async fn ids_arns_and_inference_profiles_are_asked_as_the_catalogue_names_them() {
    for (name, path) in [
        ("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1%3A0"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123",
        ),
    ] {
        let events = vec![ReplayEvent::new(HttpRequest::empty(), answer(&json!([{"text": "Hi"}]), "end_turn"))];
        let replay = StaticReplayClient::new(events);
        let region = region_of(configuration().http_client(replay.clone()), Clock::system());
        Bedrock::catalogued(region, &terms(name)).reply(&hello(), 5).await.unwrap();
        let request = replay.actual_requests().next().unwrap();
        assert!(request.uri().ends_with(&format!("/model/{path}/converse")), "{}", request.uri());
    }
}

/// The length is that of the body that is sent, and a second attempt has the same body.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_sent_again_is_the_same_one() {
    let (model, client) = model(vec![error(429, "ThrottlingException"), answer(&json!([{"text": "Hi"}]), "end_turn")]);
    model.reply(&hello(), 5).await.unwrap();
    let sent: Vec<(String, &[u8])> = client
        .actual_requests()
        .map(|request| (request.headers().get("content-length").unwrap().to_owned(), request.body().bytes().unwrap()))
        .collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert_eq!(sent[0].0, sent[0].1.len().to_string());
}

#[test]
fn a_schema_of_a_reply_is_a_text_as_the_caller_wrote_it() {
    let schema = || Some(serde_json::value::RawValue::from_string(r#"{"z": 1, "a": 2}"#.to_owned()).unwrap());
    let format = |description: Option<&str>| ResponseFormat::JsonSchema {
        name: "answer".to_owned(),
        description: description.map(str::to_owned),
        schema: schema(),
        strict: None,
    };
    for description in [None, Some("")] {
        let body = written(&terms(CLAUDE), &Prompt { response_format: Some(format(description)), ..hello() });
        let structure = json!({"jsonSchema": {"schema": r#"{"z": 1, "a": 2}"#, "name": "answer"}});
        assert_eq!(body["outputConfig"], json!({"textFormat": {"type": "json_schema", "structure": structure}}));
    }
}

#[test]
fn parameters_that_converse_has_no_member_for_are_named() {
    let large = Image { at: 0, media_type: ImageType::Png, data: "A".repeat(3840 * 1024 / 3 * 4 + 4), detail: None };
    let small = || Image { data: "AAEC".to_owned(), ..large.clone() };
    let showing =
        |images: Vec<Image>| Prompt { turns: vec![Turn { images, ..Turn::text(Role::User, "") }], ..Prompt::default() };
    let tool = || Tool { name: "f".to_owned(), description: None, parameters: None, strict: None, is_cached: false };
    let tools = |offered: Vec<Tool>, parallel: Option<bool>| Prompt {
        tools: Tools { offered, choice: None, parallel },
        ..Prompt::default()
    };
    let format = |format: ResponseFormat| Prompt { response_format: Some(format), ..Prompt::default() };
    let no_schema =
        ResponseFormat::JsonSchema { name: "answer".to_owned(), description: None, schema: None, strict: None };
    for (prompt, expected) in [
        (full(), None),
        (showing(vec![small(); 20]), None),
        (showing(vec![small(); 21]), Some("image_url")),
        (showing(vec![small(), large.clone()]), Some("image_url")),
        (tools(vec![tool()], None), None),
        (tools(vec![tool()], Some(true)), None),
        (tools(vec![tool()], Some(false)), Some("parallel_tool_calls")),
        (tools(Vec::new(), Some(false)), None),
        (format(ResponseFormat::JsonObject), Some("response_format")),
        (format(no_schema), Some("response_format")),
        (Prompt { verbosity: Some("low".to_owned()), ..Prompt::default() }, Some("verbosity")),
        (Prompt { n: std::num::NonZeroU8::new(2), ..Prompt::default() }, Some("n")),
        (Prompt { logprobs: Some(0), ..Prompt::default() }, Some("logprobs")),
        (Prompt { logit_bias: [(1, 1.0)].into(), ..Prompt::default() }, Some("logit_bias")),
    ] {
        assert_eq!(Protocol::Bedrock.unsupported_by(CLAUDE, &prompt), expected, "{prompt:?}");
    }
}

/// An agent's session: each turn of the model calls a tool, and each result comes back.
#[test]
fn a_long_loop_of_tools_is_a_conversation_of_two_sides() {
    let mut turns = vec![Turn::text(Role::User, "Go on.")];
    for turn in 0..50 {
        let call = ToolCall { id: "call".to_owned(), name: "step".to_owned(), arguments: format!("{{\"n\":{turn}}}") };
        turns.push(Turn { calls: vec![call], ..Turn::text(Role::Assistant, "") });
        turns.push(Turn { answers: Some("call".to_owned()), ..Turn::text(Role::Tool, turn.to_string()) });
    }
    let body = written(&terms(CLAUDE), &Prompt { turns, tools: full().tools, ..Prompt::default() });
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 101);
    for (turn, messages) in messages[1..].chunks(2).enumerate() {
        let id = json!(format!("call_{turn}"));
        assert_eq!(messages[0]["content"][0]["toolUse"]["toolUseId"], id);
        let result = &messages[1]["content"][0]["toolResult"];
        assert_eq!((&result["toolUseId"], &result["content"][0]["text"]), (&id, &json!(turn.to_string())));
    }
}
