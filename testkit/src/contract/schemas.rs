//! The schemas of a document, each compiled once.

use boon::{Compiler, SchemaIndex};
use serde_json::{Value, json};

/// The name under which the compiler knows the schemas of answers.
const ANSWERS: &str = "answers.json";

/// The name under which the compiler knows the schemas of requests.
const REQUESTS: &str = "requests.json";

/// A schema, once all are compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found(usize);

/// Compiled schemas.
pub(super) struct Schemas {
    compiled: boon::Schemas,
    indices: Vec<SchemaIndex>,
}

impl Schemas {
    pub(super) fn check(&self, schema: Found, value: &Value) -> Result<(), String> {
        let Self { compiled, indices } = self;
        compiled.validate(value, indices[schema.0]).map_err(|error| error.to_string())
    }
}

/// The schemas that are to be compiled. Those of answers are closed: they allow no member that they do not name.
pub(super) struct SchemaCompiler {
    answers: Value,
    requests: Value,
    places: Vec<String>,
}

impl SchemaCompiler {
    /// A compiler of schemas that may refer to the components of `document`.
    pub(super) fn new(document: &Value) -> Self {
        let components = |schemas: &Value| json!({"components": {"schemas": schemas}, "$defs": {}});
        let schemas = &document["components"]["schemas"];
        Self { answers: components(&closed(schemas)), requests: components(schemas), places: Vec::new() }
    }

    /// The schema of a part of an answer.
    pub(super) fn of_answers(&mut self, schema: &Value) -> Found {
        self.answers["$defs"][self.places.len().to_string()] = closed(schema);
        self.found_in(ANSWERS)
    }

    /// The schema of a request's body.
    pub(super) fn of_requests(&mut self, schema: &Value) -> Found {
        self.requests["$defs"][self.places.len().to_string()] = schema.clone();
        self.found_in(REQUESTS)
    }

    fn found_in(&mut self, resource: &str) -> Found {
        let index = self.places.len();
        self.places.push(format!("{resource}#/$defs/{index}"));
        Found(index)
    }

    /// Compiles all schemas.
    pub(super) fn compile(self) -> Schemas {
        let (mut compiler, mut compiled) = (Compiler::new(), boon::Schemas::new());
        for (name, resource) in [(ANSWERS, self.answers), (REQUESTS, self.requests)] {
            compiler.add_resource(name, resource).unwrap_or_else(|error| panic!("{error:#}"));
        }
        let indices = self
            .places
            .iter()
            .map(|place| compiler.compile(place, &mut compiled).unwrap_or_else(|error| panic!("{place}: {error:#}")));
        let indices = indices.collect();
        Schemas { compiled, indices }
    }
}

/// `schema` without room for members that it does not name. The parts of an `allOf` are left as they are: each sees the
/// members of the others too.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let inner = members.iter().map(|(name, value)| {
                let value = if name == "allOf" { value.clone() } else { closed(value) };
                (name.clone(), value)
            });
            let mut closed: Value = Value::Object(inner.collect());
            let is_of_objects = members.get("properties").is_some_and(Value::is_object) && members.contains_key("type");
            if is_of_objects && !members.contains_key("additionalProperties") {
                closed["additionalProperties"] = json!(false);
            }
            closed
        }
        Value::Array(items) => items.iter().map(closed).collect(),
        _ => schema.clone(),
    }
}
