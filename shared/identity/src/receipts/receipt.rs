//! The claims of a receipt.

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::pricing::{Prices, Usage};
use domain::time::Timestamp;
use ledger::entry::EntryKind;
use ledger::history::ReadTransaction;
use serde::Serialize;

/// `iss` of every receipt.
const ISSUER: &str = "chat-api";

/// The claims of a receipt: the transaction, whose it is, and when the receipt was issued. It says nothing of texts, and has
/// neither an audience nor an end.
///
/// [`Receipt::of`] is the only way to make one, and takes a transaction that was read for its owner.
#[derive(Debug, Serialize)]
pub struct Receipt<'a> {
    iss: &'static str,
    sub: UserId,
    /// The entry's id, which is also the message's.
    jti: EntryId,
    /// The time at which the receipt was issued, in seconds since the Unix epoch.
    iat: u64,
    kind: EntryKind,
    /// Positive if the user got them, negative if the user spent them.
    credits: i64,
    /// The time of the entry, in RFC 3339.
    created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<Prices>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalogue: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capped_at: Option<Credits>,
    /// Of a chat: what was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Credits>,
}

impl<'a> Receipt<'a> {
    /// The receipt of a transaction, issued at `issued_at`.
    #[must_use]
    pub fn of(read: &'a ReadTransaction, issued_at: Timestamp) -> Self {
        let transaction = read.transaction();
        let charged = Credits::new(transaction.tokens.unsigned_abs()).ok();
        Self {
            iss: ISSUER,
            sub: read.owner(),
            jti: transaction.id,
            iat: issued_at.seconds(),
            kind: transaction.kind,
            credits: transaction.tokens,
            created_at: &transaction.created_at,
            model: transaction.model.as_deref(),
            usage: transaction.usage,
            prices: transaction.prices,
            catalogue: transaction.catalogue,
            capped_at: transaction.capped_at,
            cost: charged.filter(|_| transaction.kind == EntryKind::Chat),
        }
    }
}

/// A signed receipt: a JWS in its compact form (RFC 7515, section 7.1). It opens nothing, so that its owner may show it to
/// anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SignedReceipt(pub(super) String);

impl SignedReceipt {
    /// The receipt as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
