//! The key that signs receipts.

use domain::cause::Cause;

use crate::jwt::{PublicKey, SigningKey};
use crate::receipts::receipt::{Receipt, SignedReceipt};

/// HKDF's `info` (RFC 5869, section 3.2). A deployment that gives receipts and tokens the same secret still has two keys.
const PURPOSE: &[u8] = b"chat-api receipt Ed25519 seed v1";

/// The `typ` of a receipt's header (RFC 8725, section 3.11): no verifier of tokens takes one for a token.
const HEADER_TYPE: &str = "receipt+jwt";

/// The Ed25519 key that signs receipts, and nothing else. It never prints.
#[derive(Debug)]
pub struct ReceiptKey(SigningKey);

impl ReceiptKey {
    /// Derives the key from `secret`. The same secret always gives the same key.
    ///
    /// # Errors
    /// [`Cause`] if the cryptography library fails.
    pub fn derive(secret: &[u8]) -> Result<Self, Cause> {
        SigningKey::derive_for(PURPOSE, secret).map(Self)
    }

    /// The public key that verifies the receipts of this key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    /// Signs a receipt.
    ///
    /// # Errors
    /// [`Cause`] if the cryptography library fails.
    pub fn sign(&self, receipt: &Receipt<'_>) -> Result<SignedReceipt, Cause> {
        self.0.sign(HEADER_TYPE, receipt).map(SignedReceipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_tokens_gives_another_key_for_receipts() {
        let secret = b"0123456789abcdef0123456789abcdef";
        let (of_tokens, of_receipts) = (SigningKey::derive(secret).unwrap(), ReceiptKey::derive(secret).unwrap());
        assert_ne!(of_tokens.public_key().id(), of_receipts.public_key().id());
        let again = ReceiptKey::derive(secret).unwrap();
        assert_eq!(of_receipts.public_key().id(), again.public_key().id());
        assert!(!format!("{again:?}").contains("0123456789"));
    }
}
