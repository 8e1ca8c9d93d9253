//! template.yaml as data: the source of the table, the routes, the roles and the defaults of settings.

mod yaml;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use thiserror::Error;

pub use yaml::to_json as yaml_to_json;

/// The template's file name in the workspace.
pub const FILE_NAME: &str = "template.yaml";

/// `CloudFormation` itself accepts no more.
const TEMPLATE_LIMIT_BYTES: u64 = 1_000_000;

const TABLE_TYPE: &str = "AWS::DynamoDB::Table";
const FUNCTION_TYPE: &str = "AWS::Serverless::Function";

/// A template that has all that this project needs.
#[derive(Clone, Debug)]
pub struct Template {
    document: Value,
    functions: Vec<TemplateFunction>,
    table: Value,
}

/// A function of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFunction {
    /// Its name in the template, such as `RegisterFunction`.
    pub logical_id: String,
    /// The Cargo binary it is built from, such as `register`.
    pub binary: String,
    /// The paths that API Gateway sends to it, by event name; none if it is only invoked directly.
    pub routes: Vec<Route>,
    /// Its `Properties` as they stand in the template.
    pub properties: Value,
    /// The statements of its role, conditional statements as `Fn::If`. Empty if its role is not in the template.
    pub statements: Vec<Value>,
}

impl TemplateFunction {
    /// Whether it streams answers for as long as a model takes to make one: the gateway waits longer than it does otherwise.
    #[must_use]
    pub fn streams(&self) -> bool {
        let mut events = self.properties["Events"].as_object().into_iter().flatten();
        events.any(|(_, event)| {
            let properties = &event["Properties"];
            properties["ResponseTransferMode"] == "RESPONSE_STREAM" && !properties["TimeoutInMillis"].is_null()
        })
    }
}

/// A path of the API and the method it is for (`any` for all).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Such as `/login`, without a final slash.
    pub path: String,
    /// Such as `any` or `get`, as the template spells it.
    pub method: String,
}

/// Why a template cannot be used, as a sentence that names the file.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The file does not exist, or this user may not read it.
    #[error("The template {} cannot be read: {source}.", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not a template that this project can use.
    #[error("The template {} is broken: {reason}.", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The fault, as the rest of a sentence.
        reason: String,
    },
}

impl Template {
    /// Reads a template and checks that it has all that this project needs.
    ///
    /// # Errors
    /// The file cannot be read, is not YAML, has not exactly one table with a key, or a function without a binary.
    pub fn load(path: &Path) -> Result<Self, TemplateError> {
        let text = read(path).map_err(|source| TemplateError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|reason| TemplateError::Broken { path: path.to_owned(), reason })
    }

    /// The template of this workspace. A process reads it once, because each test wants it, and an unoptimised build parses it
    /// slowly.
    ///
    /// # Errors
    /// As [`Template::load`].
    pub fn of_workspace() -> Result<&'static Self, &'static TemplateError> {
        static OF_WORKSPACE: LazyLock<Result<Template, TemplateError>> =
            LazyLock::new(|| Template::load(&workspace_root().join(FILE_NAME)));
        OF_WORKSPACE.as_ref()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document = yaml::to_json(text)?;
        let resources = document["Resources"].as_object().ok_or("it has no Resources")?;
        let functions = functions_of(resources)?;
        let table = table_of(resources)?;
        Ok(Self { document, functions, table })
    }

    /// The whole template, `CloudFormation`'s short tags in their long form.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The defaults of the parameters that have one, as the text that a function would get.
    #[must_use]
    pub fn parameter_defaults(&self) -> BTreeMap<String, String> {
        let parameters = self.document["Parameters"].as_object();
        let defaults = parameters.into_iter().flatten().filter_map(|(name, parameter)| {
            let text = scalar_text(&parameter["Default"])?;
            Some((name.clone(), text))
        });
        defaults.collect()
    }

    /// The functions, sorted by their name in the template.
    #[must_use]
    pub fn functions(&self) -> Vec<TemplateFunction> {
        self.functions.clone()
    }

    /// `DynamoDB`'s `CreateTable` request for the template's table.
    #[must_use]
    pub fn create_table_request(&self, table_name: &str) -> Value {
        const TAKEN_OVER: [&str; 5] =
            ["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes"];
        let mut request = Map::new();
        request.insert("TableName".to_owned(), json!(table_name));
        for member in TAKEN_OVER {
            if let Some(value) = self.table.get(member) {
                request.insert(member.to_owned(), value.clone());
            }
        }
        Value::Object(request)
    }

    /// The attribute of the time to live, if the template enables it.
    #[must_use]
    pub fn time_to_live_attribute(&self) -> Option<String> {
        let specification = &self.table["TimeToLiveSpecification"];
        let enabled = scalar_text(&specification["Enabled"])? == "true";
        let attribute = specification["AttributeName"].as_str()?;
        enabled.then(|| attribute.to_owned())
    }
}

/// The folder of the workspace's Cargo.toml and template.yaml.
///
/// Cargo sets `CARGO_MANIFEST_DIR` for a program that it runs. A program that is started otherwise uses the folder in
/// which it was built.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let built_in = env!("CARGO_MANIFEST_DIR");
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(built_in), PathBuf::from);
    let is_workspace = |folder: &&Path| {
        fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("[workspace]"))
    };
    let root = package.ancestors().find(is_workspace);
    root.map_or_else(|| Path::new(built_in).join(".."), Path::to_owned)
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > TEMPLATE_LIMIT_BYTES {
        return Err(io::Error::other(format!("it is larger than {TEMPLATE_LIMIT_BYTES} bytes")));
    }
    fs::read_to_string(path)
}

fn functions_of(resources: &Map<String, Value>) -> Result<Vec<TemplateFunction>, String> {
    let mut functions = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == FUNCTION_TYPE)
        .map(|(logical_id, resource)| function(logical_id, resource, resources))
        .collect::<Result<Vec<_>, _>>()?;
    functions.sort_by(|left, right| left.logical_id.cmp(&right.logical_id));
    Ok(functions)
}

fn function(logical_id: &str, resource: &Value, resources: &Map<String, Value>) -> Result<TemplateFunction, String> {
    let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
    let binary = binary.ok_or_else(|| format!("the function {logical_id} has no Metadata.BuildProperties.Binary"))?;
    let events = resource["Properties"]["Events"].as_object();
    let routes = events
        .into_iter()
        .flatten()
        .filter(|(_, event)| event["Type"] == "Api")
        .map(|(event_name, event)| route(logical_id, event_name, &event["Properties"]))
        .collect::<Result<_, _>>()?;
    Ok(TemplateFunction {
        logical_id: logical_id.to_owned(),
        binary: binary.to_owned(),
        routes,
        properties: resource["Properties"].clone(),
        statements: statements_of(&resource["Properties"]["Role"], resources)?,
    })
}

/// The statements of the role that a function's `Role` names.
fn statements_of(role: &Value, resources: &Map<String, Value>) -> Result<Vec<Value>, String> {
    if role.is_null() {
        return Ok(Vec::new());
    }
    let name = role["Fn::GetAtt"][0].as_str().unwrap_or_default();
    let role = resources.get(name).ok_or_else(|| format!("it has no role {role}"))?;
    let policies = role["Properties"]["Policies"].as_array().into_iter().flatten();
    let statements = policies.filter_map(|policy| policy["PolicyDocument"]["Statement"].as_array());
    Ok(statements.flatten().cloned().collect())
}

fn route(logical_id: &str, event_name: &str, properties: &Value) -> Result<Route, String> {
    let member = |name: &str| {
        let value = properties[name].as_str().map(str::to_owned);
        value.ok_or_else(|| format!("the event {event_name} of the function {logical_id} has no {name}"))
    };
    Ok(Route { path: member("Path")?, method: member("Method")? })
}

fn table_of(resources: &Map<String, Value>) -> Result<Value, String> {
    let mut tables = resources.iter().filter(|(_, resource)| resource["Type"] == TABLE_TYPE);
    let (logical_id, table) = tables.next().ok_or_else(|| format!("it has no table ({TABLE_TYPE})"))?;
    if let Some((second, _)) = tables.next() {
        return Err(format!("it has more than one table ({logical_id} and {second})"));
    }
    let properties = &table["Properties"];
    let key = properties["KeySchema"].as_array();
    if key.is_none_or(Vec::is_empty) {
        return Err(format!("the table {logical_id} has no KeySchema"));
    }
    Ok(properties.clone())
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  StartingTokens: {Type: Number, Default: 100}
  RotateRefreshTokens: {Type: String, Default: 'false', AllowedValues: ['true', 'false']}
  Model: {Type: String, Default: dummy}
  NoDefault: {Type: String}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: S}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
        - {AttributeName: sk, KeyType: RANGE}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
  RegisterFunction:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {Binary: register}
    Properties:
      Events:
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
        Register: {Type: Api, Properties: {Path: /register, Method: any, RestApiId: !Ref Api}}
  LoginFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: login}}
    Properties: {Role: !GetAtt LoginRole.Arn}
  LoginRole:
    Type: AWS::IAM::Role
    Properties: {Policies: [{PolicyDocument: {Statement: [{Sid: Read}, !If [Some, {Sid: Write}, !Ref AWS::NoValue]]}}]}
";

    fn load(text: &str) -> Result<Template, TemplateError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, text).unwrap();
        Template::load(&path)
    }

    fn complaint(text: &str) -> String {
        load(text).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_what_a_function_would_read_from_its_environment() {
        let defaults = load(TEMPLATE).unwrap().parameter_defaults();
        let expected = [("Model", "dummy"), ("RotateRefreshTokens", "false"), ("StartingTokens", "100")];
        assert_eq!(defaults, expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    }

    #[test]
    fn functions_are_sorted_and_only_their_api_events_are_routes() {
        let functions = load(TEMPLATE).unwrap().functions();
        let binaries: Vec<_> = functions.iter().map(|function| function.binary.as_str()).collect();
        assert_eq!(binaries, ["login", "register"]);
        assert_eq!(functions[0].routes, []);
        assert_eq!(functions[1].routes, [Route { path: "/register".to_owned(), method: "any".to_owned() }]);
        assert_eq!(functions[1].properties["Events"]["Register"]["Properties"]["RestApiId"], json!({"Ref": "Api"}));
    }

    #[test]
    fn a_function_streams_as_models_do_if_the_gateway_waits_longer_for_one_of_its_paths() {
        let streamed = TEMPLATE.replace("Method: any", "Method: any, ResponseTransferMode: RESPONSE_STREAM");
        let awaited = streamed.replace("RESPONSE_STREAM", "RESPONSE_STREAM, TimeoutInMillis: 900000");
        for (template, streams) in [(TEMPLATE, false), (&streamed, false), (&awaited, true)] {
            assert_eq!(load(template).unwrap().functions()[1].streams(), streams);
        }
    }

    #[test]
    fn a_function_has_the_statements_of_its_role() {
        let functions = load(TEMPLATE).unwrap().functions();
        let under_condition = json!({"Fn::If": ["Some", {"Sid": "Write"}, {"Ref": "AWS::NoValue"}]});
        assert_eq!(functions[0].statements, [json!({"Sid": "Read"}), under_condition]);
        assert!(functions[1].statements.is_empty());
        assert!(complaint(&TEMPLATE.replace("  LoginRole:", "  OtherRole:")).contains("it has no role"));
    }

    #[test]
    fn the_table_request_has_what_create_table_knows_and_nothing_else() {
        let request = load(TEMPLATE).unwrap().create_table_request("some-table");
        assert_eq!(
            request,
            json!({
                "TableName": "some-table",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            })
        );
    }

    #[test]
    fn time_to_live_counts_only_when_it_is_on() {
        assert_eq!(load(TEMPLATE).unwrap().time_to_live_attribute().as_deref(), Some("expires_at"));
        let off = TEMPLATE.replace("Enabled: true}\n  RegisterFunction", "Enabled: false}\n  RegisterFunction");
        assert_eq!(load(&off).unwrap().time_to_live_attribute(), None);
    }

    #[test]
    fn a_missing_file_is_named_in_one_sentence() {
        let error = Template::load(Path::new("nowhere/template.yaml")).unwrap_err().to_string();
        assert!(error.starts_with("The template nowhere/template.yaml cannot be read: "), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        assert!(complaint("Resources: [").contains("not YAML"));
        assert!(complaint("").contains("empty"));
        assert!(complaint("just words").contains("no Resources"));
        assert!(complaint("Resources: {}").contains("no table"));
        let no_key = complaint("Resources: {Table: {Type: AWS::DynamoDB::Table, Properties: {}}}");
        assert!(no_key.ends_with("is broken: the table Table has no KeySchema."), "{no_key}");
        let two =
            TEMPLATE.replace("  RegisterFunction:", "  Second: {Type: AWS::DynamoDB::Table}\n  RegisterFunction:");
        assert!(complaint(&two).contains("more than one table"));
        assert!(complaint(&TEMPLATE.replace("{Binary: login}", "{}")).contains("LoginFunction"));
        assert!(complaint(&TEMPLATE.replace("Path: /register", "Pfad: /register")).contains("no Path"));
    }

    #[test]
    fn the_template_of_this_workspace_is_usable() {
        let template = Template::of_workspace().unwrap();
        assert!(template.functions().iter().any(|function| !function.routes.is_empty()));
        assert_eq!(template.time_to_live_attribute().as_deref(), Some("expires_at"));
    }

    #[test]
    fn the_workspace_root_is_above_this_package() {
        assert!(workspace_root().join("local/Cargo.toml").is_file());
    }
}
