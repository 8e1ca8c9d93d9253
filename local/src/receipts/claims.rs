//! The claims of a genuine receipt.

use std::fmt;

use domain::credits::Credits;
use domain::pricing::{Prices, Usage};
use serde::Deserialize;

/// The claims of a receipt whose signature is right. Members of later releases are left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GenuineReceipt {
    /// The user.
    pub sub: String,
    /// The ledger entry.
    pub jti: String,
    /// The time at which the receipt was issued, in seconds since the Unix epoch.
    pub iat: u64,
    /// The kind of entry.
    pub kind: ChargedKind,
    /// Credits: positive if the user got them, negative if the user spent them.
    pub credits: i64,
    /// The time of the entry, in RFC 3339.
    pub created_at: String,
    /// Of a message: the model that replied.
    #[serde(default)]
    pub model: Option<String>,
    /// Of a message: what the model counted.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Of a message: the prices that it was charged at.
    #[serde(default)]
    pub prices: Option<Prices>,
    /// Of a message that cost more than was held: what was held.
    #[serde(default)]
    pub capped_at: Option<Credits>,
    /// Of a message: what was charged.
    #[serde(default)]
    pub cost: Option<Credits>,
}

/// A kind of entry, as far as a receipt tells kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargedKind {
    /// Credits were given.
    Grant,
    /// A message was answered.
    Chat,
    /// An operator took credits back.
    Adjustment,
}

impl GenuineReceipt {
    /// The cost of the message by its usage and prices, at most `capped_at`. `None` for other kinds, and for messages of
    /// releases before entries had prices.
    #[must_use]
    pub fn cost_computed_again(&self) -> Option<Credits> {
        let prices = self.prices.filter(|_| self.kind == ChargedKind::Chat)?;
        let cost = prices.cost(&self.usage.unwrap_or_default());
        Some(self.capped_at.map_or(cost, |held| held.min(cost)))
    }

    /// Whether the cost is that of the counts and prices, and is what the account lost.
    pub(super) fn adds_up(&self) -> bool {
        if self.kind != ChargedKind::Chat {
            return true;
        }
        let is_what_was_spent = self.cost.is_some_and(|cost| cost.spent() == self.credits);
        is_what_was_spent && (self.prices.is_none() || self.cost_computed_again() == self.cost)
    }
}

impl fmt::Display for GenuineReceipt {
    /// One line for a person. Texts are escaped: a terminal would obey some of them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jti, credits, created_at, .. } = self;
        let (id, when, amount) = (jti.escape_debug(), created_at.escape_debug(), credits.unsigned_abs());
        match self.kind {
            ChargedKind::Grant => write!(formatter, "{id} gave {amount} at {when}"),
            ChargedKind::Adjustment => write!(formatter, "{id} took {amount} back at {when}"),
            ChargedKind::Chat => {
                let model = self.model.as_deref().unwrap_or_default().escape_debug();
                let Usage { input_tokens, output_tokens, .. } = self.usage.unwrap_or_default();
                let counts = format_args!("{input_tokens} input and {output_tokens} output tokens");
                let again = if self.prices.is_some() { "as computed again" } else { "at prices that it does not say" };
                write!(formatter, "{id} charged {amount} at {when} for {counts} of {model}, {again}")
            }
        }
    }
}
