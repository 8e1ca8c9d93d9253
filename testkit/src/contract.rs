//! The contract: every answer of a function is one that the OpenAPI document describes, and every request that succeeds
//! is one that it allows.
//!
//! A header, a member, a status or a code that the document does not name breaks the contract, though clients should
//! take it: otherwise the document would lose touch with the code. Begin with [`Contract::check`].

mod operation;
mod schemas;
mod sent_request;

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use serde_json::Value;

use crate::gateway::Response;
use local::template::workspace_root;
use operation::{Operation, json_of};
use schemas::{Found, SchemaCompiler, Schemas};

pub use operation::resolved;
pub use sent_request::SentRequest;

/// The document, from the workspace's root on.
const DOCUMENT: &str = "functions/openapi.json";

/// The path whose last parameter takes all that is left, slashes included. OpenAPI has no words for that.
const TAKES_THE_REST: &str = "/v1/models/{id}";

/// The contract of this workspace, compiled once.
static OF_WORKSPACE: LazyLock<Contract> = LazyLock::new(|| {
    let path = workspace_root().join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{DOCUMENT} cannot be read: {error}."));
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{DOCUMENT} is not JSON: {error}."));
    Contract::of(&document)
});

/// The operations of an OpenAPI document, with compiled schemas.
pub struct Contract {
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
    problem: Found,
    schemas: Schemas,
}

impl Contract {
    /// The contract in `functions/openapi.json`.
    ///
    /// # Panics
    /// The document cannot be read.
    #[must_use]
    pub fn of_workspace() -> &'static Self {
        &OF_WORKSPACE
    }

    /// The contract in `document`.
    ///
    /// # Panics
    /// A schema of it does not compile.
    #[must_use]
    pub fn of(document: &Value) -> Self {
        let mut compiler = SchemaCompiler::new(document);
        let problem = compiler.of_answers(&serde_json::json!({"$ref": "#/components/schemas/Problem"}));
        let items = document["paths"].as_object().into_iter().flatten().map(|(path, item)| {
            let members = item.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters");
            let operations = members
                .map(|(method, source)| (method.to_uppercase(), Operation::read(source, document, &mut compiler)));
            (path.clone(), operations.collect())
        });
        let paths = items.collect();
        Self { paths, problem, schemas: compiler.compile() }
    }

    /// Every path of the document with its methods.
    #[must_use]
    pub fn methods(&self) -> BTreeMap<&str, Vec<&str>> {
        self.paths
            .iter()
            .map(|(path, operations)| (path.as_str(), operations.keys().map(String::as_str).collect()))
            .collect()
    }

    /// Checks that the document describes `response` as an answer to `request`.
    ///
    /// # Errors
    /// The first thing that the document does not describe, with request and response.
    pub fn check(&self, request: &SentRequest, response: &Response) -> Result<(), String> {
        self.difference(request, response).map_err(|difference| {
            format!(
                "The OpenAPI document does not describe an answer to {} {}: {difference}\n{response:?}",
                request.method, request.path
            )
        })
    }

    /// Checks an example of the body of a request.
    ///
    /// # Errors
    /// The first thing that the document does not describe.
    pub fn check_request_body(&self, method: &str, path: &str, body: &Value) -> Result<(), String> {
        self.operation(method, path)?.check_request_body("application/json", body, &self.schemas)
    }

    /// Checks an example of the body of an answer, or of one of its events.
    ///
    /// # Errors
    /// The first thing that the document does not describe.
    pub fn check_answer_body(&self, method: &str, path: &str, status: u16, body: &Value) -> Result<(), String> {
        self.operation(method, path)?.check_answer_body(status, body, &self.schemas)
    }

    fn operation(&self, method: &str, path: &str) -> Result<&Operation, String> {
        let operations = self.operations_at(path).ok_or_else(|| format!("it has no path {path}"))?;
        operations.get(method).ok_or_else(|| format!("it has no {method} {path}"))
    }

    fn difference(&self, request: &SentRequest, response: &Response) -> Result<(), String> {
        let Some(operations) = self.operations_at(&request.path) else {
            return self.unknown_path(request, response);
        };
        if let Some(operation) = operations.get(&request.method) {
            return operation.check(request, response, &self.schemas);
        }
        if request.method == "OPTIONS" && response.status == 204 {
            return preflight(response);
        }
        // Nobody but staff learns which methods a path of the admin API has.
        let is_hidden = response.status == 404 && request.path.starts_with("/admin/");
        if response.status != 405 && !is_hidden {
            return Err(format!("it has no such method, and the status is {} and not 405", response.status));
        }
        match operations.values().next() {
            Some(any) => any.check_answer(&request.method, response, &self.schemas),
            None => Ok(()),
        }
    }

    /// The operations at `path`, with and without a final slash.
    fn operations_at(&self, path: &str) -> Option<&BTreeMap<String, Operation>> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let found = self.paths.iter().find(|(template, _)| {
            let template = template.strip_suffix('/').unwrap_or(template);
            let matches = |(expected, found): (&str, &str)| expected == found || expected.starts_with('{');
            let (expected, sent) = (template.split('/').count(), path.split('/').count());
            let is_long_enough = if template == TAKES_THE_REST { sent >= expected } else { sent == expected };
            is_long_enough && template.split('/').zip(path.split('/')).all(matches)
        });
        found.map(|(_, operations)| operations)
    }

    fn unknown_path(&self, request: &SentRequest, response: &Response) -> Result<(), String> {
        if response.status != 404 {
            return Err(format!("it has no such path, and the status is {} and not 404", response.status));
        }
        if request.method == "HEAD" {
            return Ok(());
        }
        self.schemas.check(self.problem, &json_of(&response.body)?)
    }
}

/// The answer to a browser's preflight, which OpenAPI has no words for.
fn preflight(response: &Response) -> Result<(), String> {
    let names = ["origin", "methods", "headers"].map(|what| format!("access-control-allow-{what}"));
    match names.iter().find(|name| !response.headers.contains_key(*name)) {
        Some(name) => Err(format!("a preflight's answer has no {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
