//! Keys that sign tokens: those that are published, and a stranger's.

use std::sync::LazyLock;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::domain::time::Timestamp;
use shared::identity::jwt::PublicKey;

/// The time of every check.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The published keys, and one that was never published.
pub(super) static KEYS: LazyLock<[Key; 4]> = LazyLock::new(|| {
    let second = NOW.seconds();
    [
        Key::new(1, Publication::Current),
        Key::new(2, Publication::Until(second + 1)),
        Key::new(3, Publication::Until(second)),
        Key::new(4, Publication::None),
    ]
});

/// Whether a key verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publication {
    Current,
    /// In seconds since the Unix epoch: another key has replaced it.
    Until(u64),
    None,
}

pub(super) struct Key {
    pair: Ed25519KeyPair,
    pub(super) public: PublicKey,
    pub(super) publication: Publication,
}

impl Key {
    fn new(seed: u8, publication: Publication) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = PublicKey::new(&URL_SAFE_NO_PAD.encode(pair.public_key())).unwrap();
        Self { pair, public, publication }
    }

    pub(super) fn verifies_now(&self) -> bool {
        match self.publication {
            Publication::Current => true,
            Publication::Until(second) => NOW.seconds() < second,
            Publication::None => false,
        }
    }

    pub(super) fn public_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(super) fn sign(&self, message: &str) -> Vec<u8> {
        self.pair.sign(message.as_bytes()).as_ref().to_vec()
    }

    pub(super) fn signed(&self, message: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public_bytes()).verify(message.as_bytes(), signature).is_ok()
    }
}
