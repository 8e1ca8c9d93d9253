//! Requests at a door.

use domain::credits::Credits;
use domain::ids::ConversationId;
use domain::message::Message;
use domain::time::Timestamp;
use ledger::idempotency::{IdempotencyKey, Remembered};
use providers::offers::{Candidates, Offer, Offers};
use providers::prompt::Prompt;

use crate::door::Door;
use crate::door::error::{ParameterFault, ProtocolError};
use crate::door::error_parts::ErrorForm;
use crate::door::fingerprint::fingerprint;
use crate::door::parameters::refuse;
use crate::error::ApiError;
use crate::http::{MAX_UNKNOWN_BYTES, MAX_UNKNOWN_MEMBERS};
use crate::till::{CallerLimits, Question};
use crate::unknown_model::UnknownModel;

/// A request that some model can honour.
#[derive(Debug)]
pub struct DoorRequest<D: Door> {
    /// An id or an alias of a model, as the caller wrote it.
    pub model: String,
    /// The conversation, and how to go on.
    pub prompt: Prompt,
    /// What is stored of it: the beginning of the last message of the user.
    pub message: Message,
    /// The most output tokens that are wanted, if not as many as there may be.
    pub max_output_tokens: Option<u32>,
    /// The most credits that may be held and charged, if the caller sets a bound. No other server has such a parameter.
    pub max_cost: Option<Credits>,
    /// Whether the answer is wanted as it is written: as server-sent events.
    pub is_streamed: bool,
    /// Whether the message and its reply are to be kept.
    pub store: bool,
    /// The members that the form of the answer follows from.
    pub form: D::Form,
    /// Whether the unknown members are too many or too long. Then none of them is in the prompt.
    pub has_too_many_unknown: bool,
}

impl<D: Door> DoorRequest<D> {
    /// The models that may answer this.
    ///
    /// # Errors
    /// [`ApiError::ModelNotFound`] if no model of `offers` has the name.
    pub fn candidates(&self, offers: &Offers) -> Result<Candidates, ProtocolError> {
        let unknown = || ApiError::ModelNotFound(UnknownModel::new(&self.model, offers.listed()));
        Ok(offers.find(&self.model).ok_or_else(unknown)?)
    }

    /// Checks that the model of `offer` can honour every parameter.
    ///
    /// # Errors
    /// [`ProtocolError::Parameter`] naming the first that it cannot honour.
    pub fn check(&self, offer: &Offer) -> Result<(), ProtocolError> {
        if self.has_too_many_unknown && !offer.terms.extra_parameters.is_empty() {
            let detail = format!(
                "Members that this protocol does not have must be at most {MAX_UNKNOWN_MEMBERS}, of at most \
                 {MAX_UNKNOWN_BYTES} bytes together, for the model '{}'.",
                offer.id()
            );
            return Err(refuse("extra_body", ParameterFault::Value, detail));
        }
        match offer.unsupported(&self.prompt) {
            None => Ok(()),
            Some(name) => {
                let name = D::Errors::parameter(name);
                let detail = format!("'{name}' is not supported by the model '{}'.", offer.id());
                Err(refuse(name, ParameterFault::Unsupported, detail))
            }
        }
    }

    /// The limits that the caller sets.
    #[must_use]
    pub fn limits(&self) -> CallerLimits {
        CallerLimits { max_output_tokens: self.max_output_tokens, max_cost: self.max_cost }
    }

    /// The question to one of the models on offer.
    ///
    /// # Errors
    /// As [`DoorRequest::candidates`] and [`DoorRequest::check`].
    pub fn question(self, offers: &Offers, deadline: Timestamp) -> Result<Question, ProtocolError> {
        let candidates = self.candidates(offers)?;
        self.check(&candidates.first)?;
        let limits = self.limits();
        let Self { prompt, message, store, .. } = self;
        let conversation = store.then_some(ConversationId::COMPLETIONS);
        Ok(Question { candidates, prompt, message, limits, conversation, deadline })
    }

    /// The request as it is remembered under `key`: all that determines the answer, which is the same whole and streamed.
    /// The model counts by the name that the caller wrote, so that a repetition is the same request also if an alias
    /// means another model by then. Unknown members count whether the model has them on its list or not: the catalogue, which
    /// has the list, is read for open accounts alone.
    ///
    /// # Errors
    /// [`ProtocolError::Parameter`] for several choices and for log probabilities, which are not kept for a repetition.
    pub fn remembered(&self, key: IdempotencyKey) -> Result<Remembered, ProtocolError> {
        for (name, is_wanted) in [("n", self.prompt.choices() > 1), ("logprobs", self.prompt.logprobs.is_some())] {
            if is_wanted {
                let above = if name == "n" { " above 1" } else { "" };
                let name = D::Errors::parameter(name);
                let detail = format!(
                    "'{name}'{above} is not supported with an Idempotency-Key: such an answer is not kept for a repetition."
                );
                return Err(refuse(name, ParameterFault::Unsupported, detail));
            }
        }
        Ok(Remembered { key, fingerprint: fingerprint(D::ENDPOINT, &self.model, &self.prompt, self.limits()) })
    }
}
