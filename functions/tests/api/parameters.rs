//! The template takes the parameters that AWS and the functions take, and refuses the others.

use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use shared::settings::ChatSettings;
use testkit::template::Template;

fn template() -> &'static Template {
    Template::of_workspace().unwrap()
}

/// Whether `CloudFormation` takes `value` for a text parameter.
fn takes(template: &Template, parameter: &str, value: &str) -> bool {
    let parameter = &template.document()["Parameters"][parameter];
    // Rust's regular expressions have no negative look-ahead; `ModelId` begins with one.
    let pattern = parameter["AllowedPattern"].as_str().unwrap().replace("(?!arn:)", "");
    let schema = json!({"pattern": pattern, "maxLength": parameter.get("MaxLength").unwrap_or(&json!(4096))});
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("parameter.json", schema).unwrap();
    let schema = compiler.compile("parameter.json", &mut schemas).unwrap();
    schemas.validate(&json!(value), schema).is_ok()
}

#[test]
fn a_limit_of_waf_that_waf_would_refuse_is_refused_at_once() {
    let template = template();
    for taken in ["0", "10", "99", "100", "1999999999", "2000000000"] {
        assert!(takes(template, "WafRateLimit", taken), "{taken}");
    }
    for refused in ["", "1", "9", "010", "10.5", "-10", "2000000001", "10000000000"] {
        assert!(!takes(template, "WafRateLimit", refused), "{refused}");
    }
}

#[test]
fn the_arn_of_a_secret_has_the_six_characters_at_its_end() {
    let template = template();
    let secret = |name: &str| format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}");
    for parameter in ["OpenaiApiKeyArn", "ProviderKeysArn"] {
        assert!(takes(template, parameter, "") && takes(template, parameter, &secret("chat-api/openai-AbC123")));
        for refused in ["chat-api/openai", "openai-AbC12", "openai-AbC1234", "-AbC123"] {
            assert!(!takes(template, parameter, &secret(refused)), "{refused}");
        }
        assert!(!takes(template, parameter, "chat-api/openai-AbC123"));
    }
}

/// `CloudFormation` compares each text of the list with the pattern.
#[test]
fn the_arns_of_bedrock_are_of_models_and_inference_profiles_and_of_no_wildcard() {
    let template = template();
    for taken in [
        "",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        "arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0",
        "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
        "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:application-inference-profile/abc123",
    ] {
        assert!(takes(template, "BedrockModelArns", taken), "{taken}");
    }
    for refused in [
        "*",
        "amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/*",
        "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc",
        "arn:aws:s3:::bucket",
    ] {
        assert!(!takes(template, "BedrockModelArns", refused), "{refused}");
    }
}

#[test]
fn the_arns_of_guardrails_are_of_guardrails_and_their_profiles_and_of_no_wildcard() {
    let template = template();
    for taken in [
        "",
        "arn:aws:bedrock:eu-central-1:123456789012:guardrail/gr1abc",
        "arn:aws:bedrock:us-east-1:123456789012:guardrail-profile/us.guardrail.v1:0",
    ] {
        assert!(takes(template, "BedrockGuardrailArns", taken), "{taken}");
    }
    for refused in [
        "*",
        "gr1abc",
        "arn:aws:bedrock:eu-central-1:123456789012:guardrail/*",
        "arn:aws:bedrock:*:123456789012:guardrail/gr1abc",
        "arn:aws:bedrock:eu-central-1::guardrail/gr1abc",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
    ] {
        assert!(!takes(template, "BedrockGuardrailArns", refused), "{refused}");
    }
}

/// The widest characters that each alternative of the pattern allows, and how many of them.
const LONGEST_PROMPTS: [(&str, usize); 6] =
    [("a", 1600), ("é", 800), ("\"", 800), ("\n", 800), ("漢", 533), ("🙂", 400)];

#[test]
fn a_system_prompt_that_the_template_takes_starts_the_functions() {
    let template = template();
    let starts = |prompt: &str| ChatSettings::read(|name| (name == "SYSTEM_PROMPT").then(|| prompt.to_owned())).is_ok();
    for (character, most) in LONGEST_PROMPTS {
        let longest = character.repeat(most);
        assert!(takes(template, "SystemPrompt", &longest) && starts(&longest), "{character}");
        assert!(!takes(template, "SystemPrompt", &character.repeat(most + 1)), "{character}");
        // Every character counts as the widest, so that a text of two kinds has bytes to spare.
        let mixed = "a".repeat(most - 1) + character;
        assert!(takes(template, "SystemPrompt", &mixed) && starts(&mixed), "{character}");
    }
    assert!(!takes(template, "SystemPrompt", "\u{1}"), "a control character has six bytes as JSON");
}

/// Lambda's limit for all environment variables of a function.
const ENVIRONMENT_BYTES: usize = 4096;

/// The most bytes, as JSON, of a value in a function's environment.
fn most_bytes(template: &Template, value: &Value) -> usize {
    match value["Ref"].as_str() {
        Some("SystemPrompt") => ChatSettings::MAX_SYSTEM_PROMPT_BYTES,
        Some("AWS::StackName") => 128,
        Some("JwtSigningSecret" | "ReceiptSigningSecret") => 200, // its ARN
        Some(parameter) => most_bytes_of_parameter(template, parameter),
        None => 255, // the table's name
    }
}

fn most_bytes_of_parameter(template: &Template, name: &str) -> usize {
    let parameter = &template.document()["Parameters"][name];
    if let Some(allowed) = parameter["AllowedValues"].as_array() {
        return allowed.iter().map(|value| value.as_str().unwrap().len()).max().unwrap();
    }
    if parameter["Type"] == "Number" {
        return parameter["MaxValue"].to_string().len();
    }
    for wide in ["é", "\"", "\\"] {
        let origins = ["", "https://", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"];
        assert!(
            origins.iter().all(|origin| !takes(template, name, &format!("{origin}{wide}-AbC123"))),
            "{name} takes {wide}"
        );
    }
    usize::try_from(parameter["MaxLength"].as_u64().unwrap()).unwrap()
}

#[test]
fn the_largest_environment_of_each_function_fits_into_lambdas_four_kilobytes() {
    let template = template();
    let of_all = template.document()["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap().clone();
    for function in template.functions() {
        let mut variables = of_all.clone();
        variables.extend(function.properties["Environment"]["Variables"].as_object().cloned().unwrap_or_default());
        // {"NAME":"value",…}
        let bytes: usize =
            variables.iter().map(|(name, value)| name.len() + most_bytes(template, value) + 6).sum::<usize>() + 1;
        assert!(bytes <= ENVIRONMENT_BYTES, "{} may have {bytes} bytes", function.binary);
    }
}
