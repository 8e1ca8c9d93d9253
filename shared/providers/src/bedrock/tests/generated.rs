//! Any body is one that the SDK reads and writes itself.

use aws_sdk_bedrockruntime::types as sdk;
use aws_smithy_types::{Document, Number};
use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::prompt::generated::any_prompt;
use crate::prompt::{ResponseFormat, Tools};

/// A model of each style of reasoning, and one of none.
const MODELS: [&str; 5] = [
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "anthropic.claude-opus-4-6-v1",
    "us.amazon.nova-2-lite-v1:0",
    "openai.gpt-oss-120b-1:0",
    MODEL_ID,
];

/// Any model, with and without abilities, a price of its cache, and a guardrail.
fn any_model() -> impl Strategy<Value = CataloguedModel> {
    (prop::sample::select(MODELS.to_vec()), any::<[bool; 3]>()).prop_map(
        |(name, [is_strict, has_cache, is_guarded])| {
            let mut model = terms(name);
            if !is_strict {
                model.takes.remove(&Ability::JsonSchema);
            }
            if has_cache {
                model.prices.cache_write = Credits::new(5).unwrap();
            }
            model.guardrail = is_guarded.then(|| Guardrail { id: "gr1abc".to_owned(), version: "7".to_owned() });
            model
        },
    )
}

/// `prompt` without the parameters that the model `name` is never asked with.
fn supported(name: &str, prompt: Prompt) -> Prompt {
    let Prompt { turns, sampling, tools, response_format, reasoning_effort, extra, .. } = prompt;
    let Sampling { temperature, top_p, stop, .. } = sampling;
    let temperature = temperature.map(|temperature| temperature / 2.0);
    let has_schema = |format: &ResponseFormat| matches!(format, ResponseFormat::JsonSchema { schema: Some(_), .. });
    let mut prompt = Prompt {
        turns,
        sampling: Sampling { temperature, top_p, stop, ..Sampling::default() },
        tools: Tools { parallel: tools.parallel.filter(|parallel| *parallel), ..tools },
        response_format: response_format.filter(has_schema),
        reasoning_effort,
        extra,
        ..Prompt::default()
    };
    if Protocol::Bedrock.unsupported_by(name, &prompt).is_some() {
        prompt.reasoning_effort = None;
    }
    assert_eq!(Protocol::Bedrock.unsupported_by(name, &prompt), None);
    prompt
}

/// The members of an object, of which each is taken by its name. A member that nobody takes is one that the SDK does not
/// have.
struct ReadMembers(Map<String, Value>);

impl ReadMembers {
    fn of(value: &Value) -> Self {
        Self(value.as_object().unwrap().clone())
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|text| text.as_str().unwrap().to_owned())
    }

    fn end(self) {
        assert!(self.0.is_empty(), "{:?}", self.0);
    }
}

/// The one member of an object, which says of which kind the value is.
fn kind_of(value: &Value) -> (&str, &Value) {
    let members = value.as_object().unwrap();
    assert_eq!(members.len(), 1, "{value}");
    let (kind, value) = members.iter().next().unwrap();
    (kind, value)
}

fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::PosInt(number),
            (None, Some(number)) => Number::NegInt(number),
            (None, None) => Number::Float(number.as_f64().unwrap()),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(members) => {
            Document::Object(members.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
    }
}

fn system_block(block: &Value) -> sdk::SystemContentBlock {
    match kind_of(block) {
        ("text", text) => sdk::SystemContentBlock::Text(text.as_str().unwrap().to_owned()),
        ("cachePoint", point) => {
            assert_eq!(*point, json!({"type": "default"}));
            let point = sdk::CachePointBlock::builder().r#type(sdk::CachePointType::Default);
            sdk::SystemContentBlock::CachePoint(point.build().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the numbers are exact")]
fn inference(config: &Value) -> sdk::InferenceConfiguration {
    let mut members = ReadMembers::of(config);
    let number = |value: Value| value.as_f64().unwrap() as f32;
    let stop = |value: Value| value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    let config = sdk::InferenceConfiguration::builder()
        .max_tokens(members.take("maxTokens").unwrap().as_i64().unwrap() as i32)
        .set_temperature(members.take("temperature").map(number))
        .set_top_p(members.take("topP").map(number))
        .set_stop_sequences(members.take("stopSequences").map(stop));
    members.end();
    config.build()
}

fn tool(tool: &Value) -> sdk::Tool {
    let ("toolSpec", specification) = kind_of(tool) else { panic!("{tool}") };
    let mut members = ReadMembers::of(specification);
    let schema = members.take("inputSchema").unwrap();
    let ("json", schema) = kind_of(&schema) else { panic!("{schema}") };
    let tool = sdk::ToolSpecification::builder()
        .set_name(members.text("name"))
        .set_description(members.text("description"))
        .input_schema(sdk::ToolInputSchema::Json(document(schema)))
        .set_strict(members.take("strict").map(|strict| strict.as_bool().unwrap()));
    members.end();
    sdk::Tool::ToolSpec(tool.build().unwrap())
}

fn tool_choice(choice: &Value) -> sdk::ToolChoice {
    match kind_of(choice) {
        ("auto", nothing) if *nothing == json!({}) => sdk::ToolChoice::Auto(sdk::AutoToolChoice::builder().build()),
        ("any", nothing) if *nothing == json!({}) => sdk::ToolChoice::Any(sdk::AnyToolChoice::builder().build()),
        ("tool", chosen) => {
            let mut members = ReadMembers::of(chosen);
            let chosen = sdk::SpecificToolChoice::builder().set_name(members.text("name")).build().unwrap();
            members.end();
            sdk::ToolChoice::Tool(chosen)
        }
        other => panic!("{other:?}"),
    }
}

fn tools(config: &Value) -> sdk::ToolConfiguration {
    let mut members = ReadMembers::of(config);
    let tools = members.take("tools").unwrap().as_array().unwrap().iter().map(tool).collect();
    let choice = members.take("toolChoice").as_ref().map(tool_choice);
    members.end();
    sdk::ToolConfiguration::builder().set_tools(Some(tools)).set_tool_choice(choice).build().unwrap()
}

fn output(config: &Value) -> sdk::OutputConfig {
    let ("textFormat", format) = kind_of(config) else { panic!("{config}") };
    let mut members = ReadMembers::of(format);
    assert_eq!(members.text("type").unwrap(), "json_schema");
    let structure = members.take("structure").unwrap();
    members.end();
    let ("jsonSchema", schema) = kind_of(&structure) else { panic!("{structure}") };
    let mut members = ReadMembers::of(schema);
    let schema = sdk::JsonSchemaDefinition::builder()
        .set_schema(members.text("schema"))
        .set_name(members.text("name"))
        .set_description(members.text("description"));
    members.end();
    let structure = sdk::OutputFormatStructure::JsonSchema(schema.build().unwrap());
    let format = sdk::OutputFormat::builder().r#type(sdk::OutputFormatType::JsonSchema).structure(structure);
    sdk::OutputConfig::builder().text_format(format.build().unwrap()).build()
}

fn guardrail(config: &Value) -> sdk::GuardrailConfiguration {
    let mut members = ReadMembers::of(config);
    assert_eq!(members.text("trace").unwrap(), "disabled");
    let guardrail = sdk::GuardrailConfiguration::builder()
        .set_guardrail_identifier(members.text("guardrailIdentifier"))
        .set_guardrail_version(members.text("guardrailVersion"))
        .trace(sdk::GuardrailTrace::Disabled);
    members.end();
    guardrail.build()
}

/// The messages, each read by the SDK as if a model had answered it.
async fn messages(client: &Client, messages: &Value) -> Vec<sdk::Message> {
    let mut read = Vec::new();
    for _ in messages.as_array().unwrap() {
        let answer = client.converse().model_id(MODEL_ID).send().await.unwrap();
        read.push(answer.output.unwrap().as_message().unwrap().clone());
    }
    read
}

/// `body` as the SDK writes it, when it has read it into its own types.
async fn by_the_sdk(body: &Value) -> Value {
    let of_bedrock = |message: &Value| {
        let usage = json!({"inputTokens": 9, "outputTokens": 2, "totalTokens": 11});
        let output = json!({"message": message});
        response(200, json!({"output": output, "stopReason": "end_turn", "usage": usage}).to_string())
    };
    let answers = body["messages"].as_array().unwrap().iter().map(of_bedrock);
    let answers = answers.chain([answer(&json!([{"text": "Hi"}]), "end_turn")]);
    let events = answers.map(|answer| ReplayEvent::new(HttpRequest::empty(), answer)).collect();
    let replay = StaticReplayClient::new(events);
    let client = client_of(configuration().http_client(replay.clone()), Provider::CONNECT_TIMEOUT);
    let mut members = ReadMembers::of(body);
    let system = |blocks: Value| blocks.as_array().unwrap().iter().map(system_block).collect();
    let request = client
        .converse()
        .model_id(MODEL_ID)
        .set_messages(Some(messages(&client, &members.take("messages").unwrap()).await))
        .set_system(members.take("system").map(system))
        .set_inference_config(members.take("inferenceConfig").as_ref().map(inference))
        .set_tool_config(members.take("toolConfig").as_ref().map(tools))
        .set_output_config(members.take("outputConfig").as_ref().map(output))
        .set_guardrail_config(members.take("guardrailConfig").as_ref().map(guardrail))
        .set_additional_model_request_fields(members.take("additionalModelRequestFields").as_ref().map(document));
    members.end();
    request.send().await.unwrap();
    let written = replay.actual_requests().last().unwrap().body().bytes().unwrap();
    serde_json::from_slice(written).unwrap()
}

/// `prompt` with words of the user at its end. Without any there is no body.
fn with_hello(prompt: Prompt) -> Prompt {
    let turns = prompt.turns.into_iter().chain([Turn::text(Role::User, "Hello")]).collect();
    Prompt { turns, ..prompt }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The SDK leaves out members that it does not have, so a body that comes back whole has none.
    #[test]
    fn the_sdk_reads_any_body_and_writes_the_same(model in any_model(), prompt in any_prompt()) {
        let prompt = with_hello(supported(&model.provider_model, prompt));
        let asked = AskedModel::new(&model);
        let body = serde_json::to_vec(&ConverseRequest::new(&asked, &prompt, 4096).unwrap()).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert_eq!(runtime.block_on(by_the_sdk(&body)), body);
    }
}
