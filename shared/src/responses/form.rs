//! The form of an answer.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::responses::tool_names::ToolNames;

/// The members of a request that the form of its answer follows from. Clones share them.
#[derive(Clone)]
pub struct ResponseForm(Arc<FormParts>);

/// The parts of a form. An answer repeats most of them.
pub(super) struct FormParts {
    /// The model by the name that the caller wrote.
    pub(super) model: String,
    /// The tools that the model is offered, as the caller wrote them.
    pub(super) tools: Vec<Box<RawValue>>,
    /// The names by which the caller calls those tools.
    pub(super) names: ToolNames,
    pub(super) tool_choice: Option<Box<RawValue>>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) metadata: Option<Box<RawValue>>,
    pub(super) temperature: Option<f32>,
    pub(super) top_p: Option<f32>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) text: Option<Box<RawValue>>,
    pub(super) effort: Option<String>,
    pub(super) summary: Option<String>,
    /// Whether the proofs of reasoning are wanted.
    pub(super) shows_proofs: bool,
}

impl ResponseForm {
    pub(super) fn new(parts: FormParts) -> Self {
        Self(Arc::new(parts))
    }

    pub(super) fn parts(&self) -> &FormParts {
        &self.0
    }
}

impl fmt::Debug for ResponseForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FormParts { tools, shows_proofs, .. } = self.parts();
        write!(formatter, "ResponseForm({} tools, proofs: {shows_proofs})", tools.len())
    }
}
