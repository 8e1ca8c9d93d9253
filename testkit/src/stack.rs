//! All of chat-api for a test: the functions' real binaries, which get the events of API Gateway, on a table of their
//! own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::gateway::{Payload, Request, Response};
use crate::isolated_table::IsolatedTable;
use crate::recorder::Recorder;
use crate::role::Role;
use crate::runtime_api::{DEFAULT_TIMEOUT, Function, InvocationError, Stream, cargo_lambda_deadline};
use local::template::{Template, TemplateFunction};

/// The signing secret that every function of a stack gets. It protects nothing.
pub const JWT_SIGNING_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The same for receipts.
pub const RECEIPT_SIGNING_SECRET: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// The functions and their table. Nothing is shared with another stack, and everything ends when it is dropped.
pub struct Stack {
    template_functions: Vec<TemplateFunction>,
    table: IsolatedTable,
    recorder: Recorder,
    find_binary: Box<dyn Fn(&str) -> PathBuf + Send + Sync>,
    settings: Vec<(String, String)>,
    functions: BTreeMap<String, OnceCell<Function>>,
}

impl Stack {
    /// Creates an empty table, in a `DynamoDB` that starts with it or in another ([`IsolatedTable`]). Each function
    /// starts when it is first needed, from the binary that `find_binary` names, with these settings in its
    /// environment.
    ///
    /// # Panics
    /// The template is broken, or no port can be opened.
    pub async fn start(
        find_binary: impl Fn(&str) -> PathBuf + Send + Sync + 'static,
        settings: &[(&str, &str)],
    ) -> Self {
        let template = Template::of_workspace().unwrap_or_else(|error| panic!("{error}"));
        Self::start_from(template, find_binary, settings).await
    }

    async fn start_from(
        template: &Template,
        find_binary: impl Fn(&str) -> PathBuf + Send + Sync + 'static,
        settings: &[(&str, &str)],
    ) -> Self {
        let table = IsolatedTable::create(template).await;
        let template_functions = template.functions();
        let recorder = Recorder::start_with_roles(table.endpoint(), roles_of(&template_functions));
        let recorder = recorder.unwrap_or_else(|error| panic!("No recorder before DynamoDB: {error}"));
        let functions = template_functions.iter().map(|function| (function.binary.clone(), OnceCell::new())).collect();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { template_functions, table, recorder, find_binary: Box::new(find_binary), settings, functions }
    }

    /// Sends a request in the way of a deployed REST API.
    ///
    /// # Panics
    /// The function has no answer; its logs are part of the message.
    pub async fn send(&self, request: Request) -> Response {
        self.send_as(request, Payload::V1).await
    }

    /// Sends a request in the way of a REST API (v1), or of cargo-lambda (v2, with its deadline in 1970).
    ///
    /// # Panics
    /// The function has no answer; its logs are part of the message.
    pub async fn send_as(&self, request: Request, payload: Payload) -> Response {
        let Some((binary, resource)) = self.route(&request) else { return Response::no_such_route() };
        let function = self.function(binary).await;
        let event = request.to_resource(resource).to_event(payload);
        let answer = match payload {
            Payload::V1 => function.invoke(&event).await,
            Payload::V2 => function.invoke_with_deadline(&event, cargo_lambda_deadline()).await,
        };
        Response::from_event(&answer.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Sends a request in the way of a deployed REST API, and returns the answer while it is still written.
    ///
    /// # Panics
    /// No function is there, or it has no streamed answer; its logs are part of the message.
    pub async fn stream(&self, request: Request) -> Stream {
        let Some((binary, resource)) = self.route(&request) else { panic!("No function is there for {request:?}") };
        let stream = self.function(binary).await.stream(&request.to_resource(resource).to_event(Payload::V1)).await;
        stream.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends any event to a function, by its binary's name. Its answer need not be one that the API describes.
    ///
    /// # Errors
    /// The function answered with an error, ended, or took too long.
    ///
    /// # Panics
    /// There is no such function, or it does not start.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, InvocationError> {
        self.function(function).await.invoke_with_anything(event, SystemTime::now() + DEFAULT_TIMEOUT).await
    }

    /// A function by its binary's name, started and ready.
    ///
    /// # Panics
    /// There is no such function, or it does not start.
    pub async fn function(&self, name: &str) -> &Function {
        let Some(function) = self.functions.get(name) else { panic!("template.yaml has no function {name}") };
        let start = async || {
            let function = Function::start(&(self.find_binary)(name), self.environment_of(name)).held_to_contract();
            function.wait_until_ready().await.unwrap_or_else(|error| panic!("{error}"));
            function
        };
        function.get_or_init(start).await
    }

    /// The environment of a function without the variables that Lambda sets. Its credentials are its own, so that its
    /// role decides what it may do at the table.
    ///
    /// # Panics
    /// There is no such function.
    #[must_use]
    pub fn environment_of(&self, name: &str) -> Vec<(String, String)> {
        let function = self.template_functions.iter().find(|function| function.binary == name);
        let Some(function) = function else { panic!("template.yaml has no function {name}") };
        let mut environment = self.environment();
        environment.retain(|(variable, _)| variable != ACCESS_KEY);
        environment.push((ACCESS_KEY.to_owned(), function.logical_id.clone()));
        environment
    }

    /// The environment of every function, with credentials that may do everything.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment: BTreeMap<String, String> = [
            (ACCESS_KEY, "local"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.recorder.endpoint()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("JWT_SIGNING_SECRET", JWT_SIGNING_SECRET),
            ("RECEIPT_SIGNING_SECRET", RECEIPT_SIGNING_SECRET),
            ("TABLE_NAME", self.table.name()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        environment.extend(self.settings.iter().cloned());
        environment.into_iter().collect()
    }

    /// The proxy between the functions and `DynamoDB`.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The table itself, for requests of the test, which are not recorded.
    #[must_use]
    pub fn table(&self) -> &IsolatedTable {
        &self.table
    }

    /// The output of the functions so far, function by function.
    #[must_use]
    pub fn logs(&self) -> String {
        let started = self.functions.iter().filter_map(|(name, function)| Some((name, function.get()?)));
        let sections: Vec<_> = started.map(|(name, function)| format!("--- {name}\n{}", function.logs())).collect();
        sections.concat()
    }

    /// The binary that answers a request, and the path of the template that leads there.
    #[must_use]
    pub fn route(&self, request: &Request) -> Option<(&str, &str)> {
        let path = request.path().strip_suffix('/').unwrap_or(request.path());
        let mut routes = self.template_functions.iter().flat_map(|function| {
            function
                .routes
                .iter()
                .map(move |route| (function.binary.as_str(), route.method.as_str(), route.path.as_str()))
        });
        let found = routes.find(|(_, method, route)| {
            let for_method = *method == "any" || method.eq_ignore_ascii_case(request.method());
            for_method && is_path_of(route, path)
        });
        found.map(|(binary, _, route)| (binary, route))
    }
}

/// Whether `path`, without its final slash, matches `route`, in which `{id}` is any one segment, and `{id+}` at the end all that is left.
fn is_path_of(route: &str, path: &str) -> bool {
    let is_parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    // The root is a slash and nothing else.
    let route = route.strip_suffix('/').unwrap_or(route);
    let matches = |(expected, found): (&str, &str)| expected == found || (is_parameter(expected) && !found.is_empty());
    let (expected, found) = (route.split('/').count(), path.split('/').count());
    let is_long_enough = if route.ends_with("+}") { found >= expected } else { found == expected };
    is_long_enough && route.split('/').zip(path.split('/')).all(matches)
}

/// The role of each function that has one, by the access key that it signs with.
fn roles_of(functions: &[TemplateFunction]) -> BTreeMap<String, Role> {
    let with_role = functions.iter().filter(|function| !function.statements.is_empty());
    let roles = with_role.map(|function| {
        let role = Role::of(function).unwrap_or_else(|reason| panic!("template.yaml: {reason}"));
        (function.logical_id.clone(), role)
    });
    roles.collect()
}

impl Drop for Stack {
    /// Fails the test if a function sent a request that its role does not allow.
    fn drop(&mut self) {
        let refusals = self.recorder.refusals().join("\n");
        if std::thread::panicking() && !refusals.is_empty() {
            // A second panic would abort the process, and all other tests with it.
            eprintln!("{refusals}");
            return;
        }
        assert!(refusals.is_empty(), "{refusals}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEMPLATE: &str = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  LoginFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: login}}
    Properties: {Events: {Any: {Type: Api, Properties: {Path: /login, Method: any}}}}
  SessionFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: session}}
    Properties: {Events: {Any: {Type: Api, Properties: {Path: '/sessions/{id}', Method: any}}}}
  ConsoleFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: console}}
    Properties: {Events: {Any: {Type: Api, Properties: {Path: /, Method: any}}}}
  ModelsFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: models}}
    Properties: {Events: {Any: {Type: Api, Properties: {Path: '/v1/models/{id+}', Method: any}}}}
  KeysFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: jwks}}
    Properties: {Events: {Get: {Type: Api, Properties: {Path: /.well-known/jwks.json, Method: get}}}}
";

    async fn start(settings: &[(&str, &str)]) -> Stack {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.yaml");
        fs::write(&path, TEMPLATE).unwrap();
        let template = Template::load(&path).unwrap();
        // `env` prints its environment and ends, instead of asking for work.
        Stack::start_from(&template, |_| PathBuf::from("/usr/bin/env"), settings).await
    }

    #[tokio::test]
    async fn requests_find_their_function_with_and_without_the_final_slash() {
        let stack = start(&[]).await;
        assert_eq!(stack.route(&Request::post("/login")), Some(("login", "/login")));
        assert_eq!(stack.route(&Request::post("/login/")), Some(("login", "/login")));
        assert_eq!(stack.route(&Request::get("/.well-known/jwks.json")), Some(("jwks", "/.well-known/jwks.json")));
        assert_eq!(stack.route(&Request::post("/.well-known/jwks.json")), None);
        assert_eq!(stack.route(&Request::get("/login/more")), None);
    }

    #[tokio::test]
    async fn the_root_is_a_path_too() {
        let stack = start(&[]).await;
        for path in ["/", ""] {
            assert_eq!(stack.route(&Request::get(path)), Some(("console", "/")), "{path}");
        }
    }

    #[tokio::test]
    async fn a_segment_of_a_path_can_be_a_parameter() {
        let stack = start(&[]).await;
        assert_eq!(stack.route(&Request::delete("/sessions/x")), Some(("session", "/sessions/{id}")));
        assert_eq!(stack.route(&Request::delete("/sessions/x/")), Some(("session", "/sessions/{id}")));
        assert_eq!(stack.route(&Request::delete("/sessions/")), None);
        assert_eq!(stack.route(&Request::delete("/sessions/x/y")), None);
    }

    #[tokio::test]
    async fn the_last_parameter_of_a_path_can_take_the_rest() {
        let stack = start(&[]).await;
        for path in ["/v1/models/x", "/v1/models/x/", "/v1/models/a/b", "/v1/models/a/b/c/", "/v1/models/a%2Fb"] {
            assert_eq!(stack.route(&Request::get(path)), Some(("models", "/v1/models/{id+}")), "{path}");
        }
        for path in ["/v1/models", "/v1/models/", "/v1/x"] {
            assert_eq!(stack.route(&Request::get(path)), None, "{path}");
        }
    }

    #[tokio::test]
    async fn a_path_without_a_route_is_answered_by_the_gateway() {
        let response = start(&[]).await.send(Request::get("/nowhere")).await;
        assert_eq!((response.status, &response.json()["code"]), (404, &"not_found".into()));
    }

    #[tokio::test]
    async fn settings_win_over_what_the_stack_sets() {
        let stack = start(&[("MESSAGE_COST", "5"), ("AWS_REGION", "eu-central-1")]).await;
        let environment: BTreeMap<_, _> = stack.environment().into_iter().collect();
        assert_eq!(environment["MESSAGE_COST"], "5");
        assert_eq!(environment["AWS_REGION"], "eu-central-1");
        assert_eq!(environment["AWS_ENDPOINT_URL_DYNAMODB"], stack.recorder().endpoint());
        assert_eq!(environment["JWT_SIGNING_SECRET"].len(), 64);
    }

    #[tokio::test]
    async fn each_function_has_credentials_of_its_own() {
        let stack = start(&[]).await;
        let environment: BTreeMap<_, _> = stack.environment_of("login").into_iter().collect();
        assert_eq!(environment["AWS_ACCESS_KEY_ID"], "LoginFunction");
        assert_eq!(environment["TABLE_NAME"], stack.table().name());
    }

    #[tokio::test]
    #[should_panic(expected = "TABLE_NAME=chat-api")]
    async fn a_function_that_does_not_start_fails_the_test_with_its_logs() {
        start(&[]).await.send(Request::post("/login/")).await;
    }
}
