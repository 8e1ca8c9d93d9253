//! The private key.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::cause::Cause;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::jwt::key_set::PublicKey;

/// HKDF's `info` (RFC 5869, section 3.2) for the key of tokens: another use of the same secret derives other bytes.
const PURPOSE: &[u8] = b"chat-api JWT Ed25519 seed v1";

/// The Ed25519 key that signs tokens, derived from the signing secret by HKDF-SHA256. It never prints.
pub struct SigningKey {
    pub(super) encoding_key: EncodingKey,
    public_key: PublicKey,
}

impl SigningKey {
    /// Derives the key from `secret`. The same secret always gives the same key.
    ///
    /// # Errors
    /// [`Cause`] if the cryptography library fails.
    pub fn derive(secret: &[u8]) -> Result<Self, Cause> {
        Self::derive_for(PURPOSE, secret)
    }

    /// Derives the key for another `purpose` than tokens.
    pub(crate) fn derive_for(purpose: &[u8], secret: &[u8]) -> Result<Self, Cause> {
        let seed = derive_seed(purpose, secret).map_err(|_| Cause::because("HKDF failed"))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(Cause::new)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| Cause::because("the key has no PKCS #8 form"))?;
        Ok(Self {
            encoding_key: EncodingKey::from_ed_der(pkcs8.as_ref()),
            public_key: PublicKey::new(&URL_SAFE_NO_PAD.encode(pair.public_key()))?,
        })
    }

    /// The public key that verifies the tokens of this key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// A token of `claims`, whose header says that it is of this type, and which key verifies it.
    pub(crate) fn sign(&self, header_type: &str, claims: &impl Serialize) -> Result<String, Cause> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(header_type.to_owned());
        header.kid = Some(self.public_key.id().to_owned());
        encode(&header, claims, &self.encoding_key).map_err(Cause::new)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({}, hidden)", self.public_key.id())
    }
}

/// The 32 bytes of an Ed25519 seed, as HKDF's output type.
struct Seed;

impl KeyType for Seed {
    fn len(&self) -> usize {
        32
    }
}

fn derive_seed(purpose: &[u8], secret: &[u8]) -> Result<[u8; 32], aws_lc_rs::error::Unspecified> {
    let mut seed = [0; 32];
    Salt::new(HKDF_SHA256, &[]).extract(secret).expand(&[purpose], Seed)?.fill(&mut seed)?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_gives_the_same_key_and_another_secret_another() {
        let key = SigningKey::derive(b"0123456789abcdef0123456789abcdef").unwrap();
        let same = SigningKey::derive(b"0123456789abcdef0123456789abcdef").unwrap();
        let other = SigningKey::derive(b"0123456789abcdef0123456789abcdeg").unwrap();
        assert_eq!(key.public_key().id(), same.public_key().id());
        assert_ne!(key.public_key().id(), other.public_key().id());
    }

    #[test]
    fn a_signing_key_never_prints() {
        let key = SigningKey::derive(b"0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({}, hidden)", key.public_key().id()));
    }
}
