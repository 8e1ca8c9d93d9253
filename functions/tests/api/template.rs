//! template.yaml agrees with cargo-lambda's router, the binaries and the settings, and its roles and limits are as
//! strict as they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use lambda_http::http::StatusCode;
use serde_json::{Map, Value, json};
use shared::domain::cause::Cause;
use shared::endpoint::EndpointError;
use shared::error::ApiError;
use shared::gateway::GatewayError;
use shared::settings::{ChatSettings, SHOWN, Settings};
use testkit::gateway::Request;
use testkit::template::{Template, TemplateFunction, workspace_root};

use crate::binaries::OF_ITS_OWN_PACKAGE;
use crate::world::World;

/// The functions that no path of the API leads to.
const INVOKED_DIRECTLY: [&str; 3] = ["audit", "jobs", "operator"];

/// The functions that ask the table for nothing.
const WITHOUT_TABLE: &[&str] = &["console", "docs", "openapi"];

/// The paths that no function has: API Gateway answers there, and a function in its place on a laptop.
const OF_NOBODY: [&str; 1] = ["/{*path}"];

fn template() -> &'static Template {
    Template::of_workspace().unwrap()
}

#[test]
fn cargo_lambda_routes_every_path_as_the_template_does_with_and_without_the_final_slash() {
    let manifest = fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let router: BTreeMap<String, String> = router.clone().try_into().unwrap();
    let expected: BTreeMap<String, String> = template()
        .functions()
        .into_iter()
        .flat_map(|function| {
            let paths = function.routes.into_iter().flat_map(|route| match route.path.strip_suffix("{id+}") {
                // A final slash is a part of the rest of the path.
                Some(before) => vec![format!("{before}{{*id}}")],
                None if route.path == "/" => vec![route.path],
                None => vec![route.path.clone(), format!("{}/", route.path)],
            });
            paths.map(move |path| (path, function.binary.clone())).collect::<Vec<_>>()
        })
        .chain(OF_NOBODY.map(|path| (path.to_owned(), "openapi".to_owned())))
        .collect();
    assert_eq!(router, expected);
}

#[test]
fn every_path_of_the_template_takes_any_method_and_has_no_final_slash() {
    for function in template().functions() {
        let is_invoked_directly = INVOKED_DIRECTLY.contains(&function.binary.as_str());
        assert_eq!(function.routes.is_empty(), is_invoked_directly, "{}", function.logical_id);
        for route in function.routes {
            assert_eq!(route.method.to_lowercase(), "any", "{}", route.path);
            let has_final_slash = route.path.ends_with('/') && route.path != "/";
            assert!(route.path.starts_with('/') && !has_final_slash, "{}", route.path);
        }
    }
}

#[test]
fn every_function_has_its_binary_and_the_reverse() {
    let binaries: BTreeSet<String> = fs::read_dir(workspace_root().join("functions/src/bin"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .chain([OF_ITS_OWN_PACKAGE.to_owned()])
        .collect();
    let functions: BTreeSet<String> = template().functions().into_iter().map(|function| function.binary).collect();
    assert_eq!(binaries, functions);
}

const MODELS: [&str; 3] = ["dummy", "openai", "bedrock"];

/// The variables that a deployment must set for `model`.
fn named(variable: &str, model: &str) -> Option<String> {
    match variable {
        "MODEL" => Some(model.to_owned()),
        "MODEL_ID" => Some("some-model".to_owned()),
        _ => None,
    }
}

/// Each default of the template is read as a setting, and must be the default of the code.
#[test]
fn the_parameters_of_the_template_have_the_defaults_of_the_settings() {
    let defaults = template().parameter_defaults();
    let parameter_of = |variable: &str| -> String {
        let words = variable.split('_').map(|word| word[..1].to_owned() + &word[1..].to_lowercase());
        words.collect()
    };
    let asked = std::cell::RefCell::new(BTreeSet::new());
    let default = |variable: &str| {
        asked.borrow_mut().insert(variable.to_owned());
        defaults.get(&parameter_of(variable)).cloned()
    };
    assert_eq!(Settings::read(default).unwrap(), Settings::read(|_| None).unwrap());
    let of_template = ChatSettings::read(default).unwrap();
    assert_eq!(format!("{of_template:?}"), format!("{:?}", ChatSettings::read(|_| None).unwrap()));
    for model in MODELS {
        ChatSettings::read(|variable| named(variable, model).or_else(|| default(variable))).unwrap();
    }
    for variable in asked.into_inner() {
        // These are no parameters: CloudFormation names table and stack, a deployed dummy neither fails nor waits, and
        // a secret is given by its ARN.
        assert!(
            ["TABLE_NAME", "STACK_NAME", "OPENAI_API_KEY", "PROVIDER_KEYS"].contains(&variable.as_str())
                || variable.starts_with("DUMMY_")
                || defaults.contains_key(&parameter_of(&variable)),
            "{variable}"
        );
    }
}

#[test]
fn every_environment_variable_of_the_template_is_one_that_the_code_reads() {
    let mut read = BTreeSet::from(["JWT_SIGNING_SECRET_ARN", "RECEIPT_SIGNING_SECRET_ARN"].map(str::to_owned));
    let settings = std::cell::RefCell::new(BTreeSet::new());
    let note = |variable: &str| {
        settings.borrow_mut().insert(variable.to_owned());
    };
    Settings::read(|variable| {
        note(variable);
        None
    })
    .unwrap();
    for model in MODELS {
        ChatSettings::read(|variable| {
            note(variable);
            named(variable, model)
        })
        .unwrap();
    }
    read.extend(settings.into_inner());
    let template = template();
    let globals = &template.document()["Globals"]["Function"]["Environment"]["Variables"];
    for variables in template.functions().iter().map(|f| &f.properties["Environment"]["Variables"]).chain([globals]) {
        for name in variables.as_object().into_iter().flat_map(serde_json::Map::keys) {
            assert!(read.contains(name), "{name}");
        }
    }
}

#[test]
fn a_buffered_function_ends_before_api_gateway_hangs_up() {
    let template = template();
    assert_eq!(template.document()["Globals"]["Function"]["Timeout"]["Ref"], "FunctionTimeout");
    for function in template.functions() {
        let timeout = &function.properties["Timeout"];
        // The gateway does not wait for a function that is invoked directly, and it waits longer for a stream.
        let may_be_longer = INVOKED_DIRECTLY.contains(&function.binary.as_str()) || is_streamed(&function);
        assert!(timeout.is_null() || may_be_longer, "{}", function.binary);
    }
    let parameter = &template.document()["Parameters"]["FunctionTimeout"];
    assert!(parameter["MaxValue"].as_u64().unwrap() <= 28);
    assert_eq!(parameter["MinValue"], 20, "as the functions demand");
}

/// Whether API Gateway takes the function's answers as streams.
fn is_streamed(function: &TemplateFunction) -> bool {
    let events = function.properties["Events"].as_object().into_iter().flat_map(serde_json::Map::values);
    let mut modes = events.map(|event| &event["Properties"]["ResponseTransferMode"]);
    modes.any(|mode| mode == "RESPONSE_STREAM")
}

/// The console's files are bytes, which API Gateway passes on as they are from a function that can stream.
#[test]
fn replies_and_the_consoles_files_alone_are_streamed_and_replies_have_the_time_of_a_stream() {
    let template = template();
    for function in template.functions() {
        let replies =
            ["anthropic-messages", "chat", "chat-completions", "completions", "embeddings", "openai-responses"]
                .contains(&function.binary.as_str());
        assert_eq!(is_streamed(&function), replies || function.binary == "console", "{}", function.binary);
        assert_eq!(function.properties["Timeout"]["Ref"] == "StreamTimeout", replies, "{}", function.binary);
        // The timeout of the gateway, which is 29 s by default.
        let gateways = &function.properties["Events"]["Any"]["Properties"]["TimeoutInMillis"];
        assert_eq!(*gateways == 900_000, replies, "{}", function.binary);
    }
    let parameter = &template.document()["Parameters"]["StreamTimeout"];
    assert!(parameter["MaxValue"].as_u64().unwrap() <= 900);
    assert_eq!(parameter["MinValue"], 30, "as the functions demand");
}

/// One statement of a function's policy.
struct TableStatement {
    actions: Vec<String>,
    leading_keys: Vec<String>,
}

/// The statements that apply under a condition only, by the condition and their `Sid`.
fn statements_under_conditions(function: &TemplateFunction) -> BTreeMap<(String, String), Value> {
    let choices = function.statements.iter().filter_map(|statement| statement.get("Fn::If").cloned());
    choices
        .map(|choice| {
            assert_eq!(choice[2], json!({"Ref": "AWS::NoValue"}));
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            ((text(&choice[0]), text(&choice[1]["Sid"])), choice[1].clone())
        })
        .collect()
}

fn dynamodb_statements(function: &TemplateFunction) -> Vec<TableStatement> {
    let statements = function.statements.iter();
    statements
        .filter(|statement| texts(&statement["Action"]).iter().any(|action| action.starts_with("dynamodb:")))
        .map(|statement| TableStatement {
            actions: texts(&statement["Action"]),
            leading_keys: texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]),
        })
        .collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_permission_on_the_table_is_confined_to_named_actions_and_leading_keys() {
    for function in template().functions() {
        let statements = dynamodb_statements(&function);
        let asks_nothing = WITHOUT_TABLE.contains(&function.binary.as_str());
        assert_eq!(statements.is_empty(), asks_nothing, "{}", function.logical_id);
        for statement in statements {
            assert!(statement.actions.iter().all(|action| !action.contains('*')), "{:?}", statement.actions);
            assert!(!statement.actions.contains(&"dynamodb:Scan".to_owned()), "a scan reads every text");
            assert!(!statement.leading_keys.is_empty(), "{:?}", statement.actions);
            for key in statement.leading_keys {
                assert!(
                    [
                        "ACTS*",
                        "APIKEY#*",
                        "AUDIT",
                        "CATALOGUE",
                        "DIR#AGE",
                        "DIR#NAME",
                        "FAILURES#*",
                        "GRANT#*",
                        "GUESSES#*",
                        "JOB#*",
                        "JOBS",
                        "JWKS",
                        "LOGIN#*",
                        "RECEIPTKEYS",
                        "REGISTRATIONS#*",
                        "RESET#*",
                        "STAFF",
                        "STOP",
                        "USAGE",
                        "USER#*",
                        "VOUCHER#*",
                        "VOUCHERS",
                    ]
                    .contains(&key.as_str()),
                    "{key}"
                );
            }
        }
    }
}

#[test]
fn a_permission_on_the_table_is_for_the_table_of_the_stack_or_the_one_that_a_parameter_names() {
    let table = json!({"Fn::If": ["OwnsTable", {"Fn::GetAtt": ["Table", "Arn"]}, {"Ref": "ExistingTableArn"}]});
    let [own, existing] =
        ["Table.Arn", "ExistingTableArn"].map(|arn| json!({"Fn::Sub": format!("${{{arn}}}/index/directory")}));
    let index = json!({"Fn::If": ["OwnsTable", own, existing]});
    for function in template().functions() {
        for statement in function.statements.iter().filter(|statement| statement.to_string().contains("dynamodb:")) {
            let of_index = statement["Sid"] == "ListUsers";
            assert!(!of_index || ["admin-read", "audit"].contains(&function.binary.as_str()), "{}", function.binary);
            let resource = if of_index { &index } else { &table };
            assert_eq!(&statement["Resource"], resource, "{}: {statement}", function.logical_id);
            assert_eq!(statement.to_string().contains("DIR#"), of_index, "{}: {statement}", function.logical_id);
        }
    }
}

#[test]
fn the_index_has_what_registration_and_staff_change_and_never_a_hash() {
    let table = template().create_table_request("some-table");
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let index = json!({
        "IndexName": "directory",
        "KeySchema": [key("directory", "HASH"), key("directory_sort", "RANGE")],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["staff", "status", "user_id", "username"]},
    });
    assert_eq!(table["GlobalSecondaryIndexes"], json!([index]));
}

/// Whether `function` has a statement that allows it `action` on the partitions `key`.
fn may(function: &TemplateFunction, action: &str, key: &str) -> bool {
    dynamodb_statements(function).iter().any(|statement| {
        statement.actions.iter().any(|allowed| allowed == action)
            && statement.leading_keys.iter().any(|leading| leading == key)
    })
}

fn may_write(function: &TemplateFunction, key: &str) -> bool {
    let writes = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
    writes.iter().any(|action| may(function, action, key))
}

/// Whether a function may change or delete what is recorded of acts.
fn may_change_acts(function: &TemplateFunction) -> bool {
    let changes = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"];
    changes.iter().any(|action| may(function, action, "ACTS*"))
}

/// The names of the functions that pass `test`.
fn who(test: &dyn Fn(&TemplateFunction) -> bool) -> Vec<String> {
    let functions = template().functions().into_iter().filter(|function| test(function));
    let mut names: Vec<String> = functions.map(|function| function.binary).collect();
    names.sort();
    names
}

/// The actions that can end an item.
const ENDS: [&str; 3] = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"];

#[test]
fn each_kind_of_item_is_written_by_those_who_own_it() {
    assert_eq!(
        who(&|function| may_write(function, "APIKEY#*")),
        ["account", "admin-people", "audit", "keys", "logout"]
    );
    for action in ["dynamodb:PutItem", "dynamodb:UpdateItem"] {
        assert_eq!(who(&|function| may(function, action, "APIKEY#*")), ["keys"], "{action}");
    }
    assert_eq!(who(&|function| may(function, "dynamodb:BatchGetItem", "APIKEY#*")), ["export", "keys"]);
    assert_eq!(
        who(&|function| may(function, "dynamodb:GetItem", "APIKEY#*")),
        [
            "anthropic-messages",
            "chat",
            "chat-completions",
            "completions",
            "credits",
            "embeddings",
            "key",
            "keys",
            "models",
            "openai-responses",
            "quote",
            "token-balance"
        ]
    );
    assert_eq!(
        who(&|function| may_write(function, "ACTS*")),
        ["admin-catalogue", "admin-money", "admin-people", "audit", "jobs", "operator"]
    );
    assert!(who(&may_change_acts).is_empty(), "the history is append-only");
    assert_eq!(who(&|function| may_write(function, "AUDIT")), ["audit"]);
    assert_eq!(who(&|function| may_write(function, "GRANT#*")), ["admin-money", "jobs", "operator"]);
    for partition in ["JOB#*", "JOBS"] {
        assert_eq!(who(&|function| may_write(function, partition)), ["admin-money", "jobs"], "{partition}");
    }
    assert_eq!(
        who(&|function| may_write(function, "LOGIN#*")),
        ["account", "admin-people", "audit", "login", "logout", "operator", "password", "register"]
    );
    assert_eq!(
        who(&|function| may_write(function, "GUESSES#*")),
        ["account", "keys", "login", "password", "register", "vouchers"]
    );
    assert_eq!(who(&|function| may_write(function, "REGISTRATIONS#*")), ["register"]);
    assert_eq!(who(&|function| may_write(function, "JWKS")), ["login", "token-refresh"]);
    assert_eq!(who(&|function| may_write(function, "RECEIPTKEYS")), ["receipt"]);
    let may_end_one = |function: &TemplateFunction| ENDS.iter().any(|action| may(function, action, "RECEIPTKEYS"));
    assert!(who(&may_end_one).is_empty(), "a key of receipts is never retired");
    assert_eq!(who(&|function| may_write(function, "RESET#*")), ["admin-people", "password"]);
    assert_eq!(who(&|function| may(function, "dynamodb:PutItem", "RESET#*")), ["admin-people"]);
    assert_eq!(who(&|function| may_write(function, "STAFF")), ["account", "admin-people", "operator"]);
}

#[test]
fn what_all_users_share_is_written_by_those_who_run_the_deployment() {
    assert_eq!(who(&|function| may_write(function, "STOP")), ["admin-people", "operator"]);
    assert_eq!(
        who(&|function| may(function, "dynamodb:GetItem", "STOP")),
        [
            "admin-people",
            "admin-read",
            "anthropic-messages",
            "chat",
            "chat-completions",
            "completions",
            "embeddings",
            "openai-responses",
            "operator",
            "register",
            "vouchers"
        ]
    );
    assert_eq!(who(&|function| may_write(function, "VOUCHER#*")), ["admin-money", "register", "vouchers"]);
    assert_eq!(who(&|function| may_write(function, "VOUCHERS")), ["admin-money"]);
    assert_eq!(who(&|function| may_write(function, "CATALOGUE")), ["admin-catalogue", "operator"]);
    assert_eq!(
        who(&|function| may(function, "dynamodb:GetItem", "CATALOGUE")),
        [
            "admin-catalogue",
            "admin-read",
            "anthropic-messages",
            "chat",
            "chat-completions",
            "completions",
            "embeddings",
            "models",
            "openai-responses",
            "operator",
            "quote"
        ]
    );
    assert_eq!(who(&|function| may_write(function, "USAGE")), ["audit", "operator", "usage"]);
    let ends_sums = |function: &TemplateFunction| ENDS.iter().take(2).any(|action| may(function, action, "USAGE"));
    assert!(who(&ends_sums).is_empty(), "the usage of all outlives the accounts");
}

#[test]
fn what_is_in_a_users_partition_is_written_by_those_who_do_something_for_one_user() {
    assert_eq!(
        who(&|function| may_write(function, "USER#*")),
        [
            "account",
            "admin-money",
            "admin-people",
            "anthropic-messages",
            "audit",
            "chat",
            "chat-completions",
            "completions",
            "conversations",
            "embeddings",
            "jobs",
            "keys",
            "login",
            "logout",
            "openai-responses",
            "operator",
            "password",
            "register",
            "sessions",
            "token-refresh",
            "usage",
            "vouchers"
        ]
    );
}

#[test]
fn the_function_by_which_staff_look_changes_nothing() {
    let functions = template().functions();
    let looks = functions.iter().find(|function| function.binary == "admin-read").unwrap();
    let reads = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];
    for TableStatement { actions, .. } in dynamodb_statements(looks) {
        assert!(actions.iter().all(|action| reads.contains(&action.as_str())), "{actions:?}");
    }
}

/// The settings that `admin-read` shows have the values that the other functions get.
#[test]
fn the_function_that_shows_the_settings_gets_all_that_it_shows() {
    let template = template();
    let functions = template.functions();
    let shows = functions.iter().find(|function| function.binary == "admin-read").unwrap();
    let globals = &template.document()["Globals"]["Function"]["Environment"]["Variables"];
    let own = &shows.properties["Environment"]["Variables"];
    for (name, _) in SHOWN {
        let given = [&own[name], &globals[name]].into_iter().find(|value| !value.is_null());
        let given = given.unwrap_or_else(|| panic!("{name} is not given"));
        let others = functions.iter().map(|function| &function.properties["Environment"]["Variables"][name]);
        assert!(others.filter(|value| !value.is_null()).all(|value| value == given), "{name}");
    }
}

#[test]
fn only_signers_read_the_secret_and_only_those_who_ask_models_the_keys_of_providers() {
    let may_read = |function: &TemplateFunction, secret: &str| {
        let of_secrets = |statement: &&Value| statement["Action"] == "secretsmanager:GetSecretValue";
        let own = function.statements.clone().into_iter().chain(statements_under_conditions(function).into_values());
        own.collect::<Vec<_>>().iter().filter(of_secrets).any(|statement| statement["Resource"]["Ref"] == secret)
    };
    assert_eq!(who(&|function| may_read(function, "JwtSigningSecret")), ["login", "token-refresh"]);
    assert_eq!(who(&|function| may_read(function, "ReceiptSigningSecret")), ["receipt"]);
    for secret in ["OpenaiApiKeyArn", "ProviderKeysArn"] {
        assert_eq!(who(&|function| may_read(function, secret)), who(&asks_a_model), "{secret}");
    }
    assert_eq!(
        who(&|function| json!(function.statements).to_string().contains("secretsmanager:")).len(),
        3 + who(&asks_a_model).len(),
        "nobody reads another secret"
    );
    assert_eq!(who(&|function| json!(function.statements).to_string().contains("bedrock:")), who(&may_ask_bedrock));
}

/// Whether a function asks a model. `models` and `quote` know names and prices only.
fn asks_a_model(function: &TemplateFunction) -> bool {
    ["anthropic-messages", "chat", "chat-completions", "completions", "embeddings", "openai-responses"]
        .contains(&function.binary.as_str())
}

/// Whether a function asks models of Bedrock too, none of which is asked for vectors.
fn may_ask_bedrock(function: &TemplateFunction) -> bool {
    asks_a_model(function) && function.binary != "embeddings"
}

/// IAM refuses a policy with two statements of the same `Sid`.
#[test]
fn each_statement_of_a_policy_has_a_name_of_its_own() {
    for function in template().functions() {
        let policies = json!(function.statements).to_string();
        let names: Vec<&str> = policies.split("\"Sid\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert!(!names.is_empty() && distinct.len() == names.len(), "{}: {names:?}", function.logical_id);
    }
}

#[test]
fn who_asks_a_model_may_do_so_or_read_its_key_only_where_a_parameter_says_so() {
    let template = template();
    let conditions = &template.document()["Conditions"];
    let is_model = |model: &str| json!({"Fn::Equals": [{"Ref": "Model"}, model]});
    let has_key = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "OpenaiApiKeyArn"}, ""]}]});
    assert_eq!(conditions["AsksBedrock"], is_model("bedrock"));
    assert_eq!(conditions["ReadsOpenaiApiKey"], json!({"Fn::And": [is_model("openai"), has_key]}));
    let has_keys = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "ProviderKeysArn"}, ""]}]});
    assert_eq!(conditions["ReadsProviderKeys"], has_keys);
    let arns = json!({"Fn::Join": ["", {"Ref": "BedrockModelArns"}]});
    assert_eq!(conditions["AsksModelsByArn"], json!({"Fn::Not": [{"Fn::Equals": [arns, ""]}]}));
    let arns = json!({"Fn::Join": ["", {"Ref": "BedrockGuardrailArns"}]});
    assert_eq!(conditions["AppliesGuardrails"], json!({"Fn::Not": [{"Fn::Equals": [arns, ""]}]}));

    let arn = |rest: &str| json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:bedrock:{rest}/${{ModelId}}")});
    let profile = arn("${AWS::Region}:${AWS::AccountId}:inference-profile");
    let invoke = json!(["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]);
    let expected = BTreeMap::from([
        (
            ("ReadsOpenaiApiKey".to_owned(), "ReadApiKeyOfModel".to_owned()),
            json!({"Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "OpenaiApiKeyArn"}}),
        ),
        (
            ("AsksBedrock".to_owned(), "AskModel".to_owned()),
            json!({"Action": invoke, "Resource": [arn("${AWS::Region}::foundation-model"), profile]}),
        ),
        (
            ("AsksBedrock".to_owned(), "AskModelsOfProfile".to_owned()),
            json!({
                "Action": invoke,
                "Resource": {"Fn::Sub": "arn:${AWS::Partition}:bedrock:*::foundation-model/*"},
                "Condition": {"StringEquals": {"bedrock:InferenceProfileArn": profile}},
            }),
        ),
        (
            ("ReadsProviderKeys".to_owned(), "ReadProviderKeys".to_owned()),
            json!({"Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "ProviderKeysArn"}}),
        ),
        (
            ("AsksModelsByArn".to_owned(), "AskCataloguedModels".to_owned()),
            json!({"Action": invoke, "Resource": {"Ref": "BedrockModelArns"}}),
        ),
        (
            ("AppliesGuardrails".to_owned(), "ApplyCataloguedGuardrails".to_owned()),
            json!({"Action": "bedrock:ApplyGuardrail", "Resource": {"Ref": "BedrockGuardrailArns"}}),
        ),
    ]);
    let asking: Vec<_> = template.functions().into_iter().filter(asks_a_model).collect();
    assert!(asking.iter().any(|function| function.binary == "chat"));
    for function in asking {
        let mut found = statements_under_conditions(&function);
        for statement in found.values_mut() {
            let statement = statement.as_object_mut().unwrap();
            assert_eq!(statement.remove("Effect"), Some(json!("Allow")));
            statement.remove("Sid");
        }
        let mut expected = expected.clone();
        if !may_ask_bedrock(&function) {
            expected.retain(|(condition, _), _| condition.starts_with("Reads"));
        }
        assert_eq!(found, expected, "{}", function.binary);
    }
}

/// Whether the template's rules let a stack with these parameters be made; the others have their defaults.
fn may_be_deployed(parameters: &[(&str, &str)]) -> bool {
    let template = template();
    let mut values = template.parameter_defaults();
    values.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let rules = template.document()["Rules"].as_object().unwrap();
    rules.values().filter(|rule| holds(&rule["RuleCondition"], &values)).all(|rule| {
        let assertions = rule["Assertions"].as_array().unwrap();
        assertions.iter().all(|assertion| holds(&assertion["Assert"], &values))
    })
}

/// The value of a condition in the template.
fn holds(condition: &Value, parameters: &BTreeMap<String, String>) -> bool {
    let (function, arguments) = condition.as_object().unwrap().iter().next().unwrap();
    let arguments = arguments.as_array().unwrap();
    let text = |value: &Value| match value["Ref"].as_str() {
        Some(parameter) => parameters[parameter].clone(),
        None => value.as_str().unwrap().to_owned(),
    };
    match function.as_str() {
        "Fn::And" => arguments.iter().all(|argument| holds(argument, parameters)),
        "Fn::Not" => !holds(&arguments[0], parameters),
        "Fn::Equals" => text(&arguments[0]) == text(&arguments[1]),
        other => panic!("{other}"),
    }
}

#[test]
fn a_budget_tells_somebody() {
    assert!(!may_be_deployed(&[("MonthlyBudgetUsd", "50")]));
    for told in [("AlarmEmail", "ada@example.com"), ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:alarms")] {
        assert!(may_be_deployed(&[("MonthlyBudgetUsd", "50"), told]));
    }
}

/// The first ten alarms of an AWS account, and dashboards of up to fifty metrics, are free.
#[test]
fn alarms_and_dashboard_stay_within_what_an_account_has_for_nothing() {
    let template = template();
    let resources = template.document()["Resources"].as_object().unwrap();
    let alarms: Vec<&String> =
        resources.iter().filter(|(_, each)| each["Type"] == "AWS::CloudWatch::Alarm").map(|(name, _)| name).collect();
    assert!(alarms.len() <= 10, "{alarms:?}");
    let dashboard = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].to_string();
    let missing: Vec<_> = alarms.iter().filter(|alarm| !dashboard.contains(&format!("${{{alarm}.Arn}}"))).collect();
    assert!(missing.is_empty(), "the dashboard shows no {missing:?}");
    let metrics = dashboard.matches(r#"[\"AWS/"#).count() + dashboard.matches(r#"[\"chat-api\""#).count();
    assert!((30..=50).contains(&metrics), "{metrics} metrics");
}

/// `CloudWatch` tells of a state only when it changes, and a new alarm begins without data.
#[test]
fn an_audit_that_never_ran_is_told_and_not_before_its_first_run() {
    let template = template();
    let alarm = &template.document()["Resources"]["AuditLagAlarm"]["Properties"];
    assert_eq!((&alarm["MetricName"], &alarm["Statistic"]), (&json!("AuditLag"), &json!("Maximum")));
    assert_eq!((&alarm["ComparisonOperator"], &alarm["Threshold"]), (&json!("GreaterThanThreshold"), &json!(3600)));
    assert_eq!(alarm["TreatMissingData"], "breaching");
    let minutes = alarm["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"].as_u64().unwrap();
    let events = &template.document()["Resources"]["AuditFunction"]["Properties"]["Events"];
    assert_eq!(events["Schedule"]["Properties"]["Schedule"], "rate(15 minutes)");
    let periods = alarm["Period"].as_u64().unwrap() * alarm["EvaluationPeriods"].as_u64().unwrap() / 60;
    assert!(minutes > 15 + periods, "the first run is a quarter of an hour after the deployment");
}

#[test]
fn a_model_that_somebody_bills_is_not_sold_at_a_price_per_message_by_accident() {
    assert!(may_be_deployed(&[]));
    for model in ["openai", "bedrock"] {
        let named = [("Model", model), ("ModelId", "m")];
        let with = |more: (&'static str, &'static str)| may_be_deployed(&[named[0], named[1], more]);
        assert!(!may_be_deployed(&named), "{model}");
        assert!(!with(("Pricing", "message")) && !with(("SellsModelByMessage", "false")), "{model}");
        assert!(with(("Pricing", "usage")) && with(("SellsModelByMessage", "true")), "{model}");
        assert!(!may_be_deployed(&[named[0], ("Pricing", "usage")]), "{model} without a ModelId");
    }
    assert!(!may_be_deployed(&[("DomainName", "chat.example.com")]));
    // A function starts all the same: on a laptop the model may be the operator's own.
    for model in ["openai", "bedrock"] {
        ChatSettings::read(|variable| named(variable, model)).unwrap();
    }
}

/// The body of an error in the gateway's place, as [`shared::gateway`] writes it.
fn body_of(error: ApiError) -> Value {
    serde_json::from_slice(GatewayError::from(error).response().body().as_ref()).unwrap()
}

/// The gateway's own responses, by their kind.
fn gateway_responses() -> Map<String, Value> {
    let template = template();
    template.document()["Resources"]["Api"]["Properties"]["GatewayResponses"].as_object().unwrap().clone()
}

/// The body of one of them.
fn body_of_gateway(response: &Value) -> Value {
    serde_json::from_str(response["ResponseTemplates"]["application/json"].as_str().unwrap()).unwrap()
}

#[test]
fn what_the_gateway_says_itself_reads_as_what_the_functions_say() {
    let throttled = |seconds: u64| ApiError::Throttled { retry_after: Duration::from_secs(seconds) };
    let mut as_ours = BTreeMap::from([
        ("MISSING_AUTHENTICATION_TOKEN", ApiError::NotFound),
        ("INVALID_SIGNATURE", ApiError::NotFound),
        ("EXPIRED_TOKEN", ApiError::NotFound),
        ("RESOURCE_NOT_FOUND", ApiError::NotFound),
        ("UNSUPPORTED_MEDIA_TYPE", ApiError::UnsupportedMediaType),
        ("THROTTLED", throttled(1)),
        ("WAF_FILTERED", throttled(60)),
        ("DEFAULT_5XX", ApiError::Internal(Cause::because("a test"))),
    ]);
    for (kind, response) in &gateway_responses() {
        let body = body_of_gateway(response);
        let headers = &response["ResponseParameters"]["Headers"];
        assert_eq!((&body["status"], &body["type"]), (&response["StatusCode"], &json!("about:blank")), "{kind}");
        assert_eq!(headers["Content-Type"], "'application/problem+json'", "{kind}");
        let status = StatusCode::try_from(u16::try_from(body["status"].as_u64().unwrap()).unwrap()).unwrap();
        assert_eq!(body["title"].as_str(), status.canonical_reason(), "{kind}");
        // The function may have charged before it failed, and a repeated request may be charged again.
        assert_eq!(headers["x-should-retry"] == "'false'", status.is_server_error(), "{kind}");
        if let Some(error) = as_ours.remove(kind.as_str()) {
            let retry_after = error.retry_after_seconds().map(|seconds| json!(format!("'{seconds}'")));
            assert_eq!(headers.get("Retry-After"), retry_after.as_ref(), "{kind}");
            assert_eq!(body, body_of(error), "{kind}");
        }
    }
    assert!(as_ours.is_empty(), "{as_ours:?}");
}

/// Clients of `/v1` read the member `error` alone.
#[test]
fn what_the_gateway_says_itself_is_an_error_that_openais_clients_know() {
    for (kind, response) in &gateway_responses() {
        let body = body_of_gateway(response);
        let (class, code) = match body["status"].as_u64().unwrap() {
            429 => ("rate_limit_exceeded", json!("rate_limit_exceeded")),
            500.. => ("server_error", body["code"].clone()),
            _ => ("invalid_request_error", body["code"].clone()),
        };
        let sentence = if body["status"] == 415 { json!("Send application/json.") } else { body["detail"].clone() };
        let error = json!({"message": sentence, "type": class, "param": null, "code": code});
        assert_eq!(body["error"], error, "{kind}");
    }
}

#[test]
fn what_the_gateway_says_itself_has_its_id_and_any_page_may_read_it_where_some_may_use_the_api() {
    let template = template();
    let no_origins = json!({"Fn::Equals": [{"Ref": "CorsOrigins"}, ""]});
    assert_eq!(template.document()["Conditions"]["AllowsOrigins"], json!({"Fn::Not": [no_origins]}));
    // A parameter alone changes nothing that SAM would deploy to the stage otherwise.
    assert_eq!(template.document()["Resources"]["Api"]["Properties"]["AlwaysDeploy"], true);
    for (kind, response) in &gateway_responses() {
        let headers = response["ResponseParameters"]["Headers"].as_object().unwrap();
        assert_eq!(headers["X-Request-Id"], "context.requestId", "{kind}");
        let if_origins = |value: &str| json!({"Fn::If": ["AllowsOrigins", value, {"Ref": "AWS::NoValue"}]});
        assert_eq!(headers["Access-Control-Allow-Origin"], if_origins("'*'"), "{kind}");
        let exposed = "'Retry-After, X-Request-Id, X-Should-Retry'";
        assert_eq!(headers["Access-Control-Expose-Headers"], if_origins(exposed), "{kind}");
        for name in headers.keys().filter(|name| !name.starts_with("Access-Control-") && *name != "Content-Type") {
            assert!(exposed.to_lowercase().contains(&name.to_lowercase()), "{kind}: {name}");
        }
    }
}

/// With credentials, a browser would send cookies and client certificates of the API's origin. Neither is asked for, and
/// the star would not be allowed.
#[test]
fn nothing_in_the_template_lets_pages_send_credentials() {
    let document = template().document().to_string().to_lowercase();
    assert!(document.contains("access-control-allow-origin"));
    assert!(!document.contains("credentials\":") && !document.contains("allow-credentials"));
}

/// A client's path, address and headers must not be logged, nor the gateway's error message: at an unknown path it
/// quotes the header `Authorization`.
#[test]
fn the_access_log_holds_nothing_that_is_secret_or_personal() {
    let template = template();
    let format = template.document()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"]
        .as_str()
        .unwrap()
        .to_owned();
    let format: BTreeMap<String, String> = serde_json::from_str(&format).unwrap();
    let logged: BTreeSet<&str> = format.values().map(String::as_str).collect();
    let harmless = [
        "$context.error.responseType",
        "$context.httpMethod",
        "$context.integration.error",
        "$context.integration.latency",
        "$context.integration.requestId",
        "$context.integration.status",
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.resourcePath",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.status",
        "$context.waf.status",
        "$context.xrayTraceId",
    ];
    assert_eq!(logged, BTreeSet::from(harmless));
    // The two ids that an answer may have in X-Request-Id: the function's, or the gateway's own.
    assert_eq!(format["request_id"], "$context.integration.requestId");
    assert_eq!(format["gateway_request_id"], "$context.requestId");
}

#[tokio::test]
async fn the_tests_gateway_answers_an_unknown_path_as_the_template_does() {
    let response = World::start().await.stack.send(Request::get("/v1/nowhere")).await;
    let of_template = &gateway_responses()["MISSING_AUTHENTICATION_TOKEN"];
    assert_eq!(
        (json!(response.status), response.json()),
        (of_template["StatusCode"].clone(), body_of_gateway(of_template))
    );
    assert!(response.headers.contains_key("x-request-id"));
}
