//! Proofs of reasoning: a provider's signature of a model's reasoning, or the reasoning itself in a form that only the provider
//! reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of proofs. Each belongs to one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// Anthropic's signature of a block of thinking, beside its words.
    Signature,
    /// Anthropic's ciphertext of a block of thinking, in place of its words.
    Redacted,
    /// OpenAI's ciphertext of an item of reasoning.
    Encrypted,
}

/// Data that prove to a provider that a model of its own reasoned so. It wants them back unchanged. They never print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The kind.
    pub kind: ProofKind,
    /// The catalogue's name of the provider that made them, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The id to which the provider binds the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The data, as the provider wrote them.
    pub data: String,
}

/// A proof with its place in a turn. A provider wants the proofs of a turn in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningProof {
    /// The proof.
    #[serde(flatten)]
    pub proof: Proof,
    /// The bytes of the turn's reasoning before the proof.
    pub after: u32,
    /// The bytes of the turn's text before the proof.
    pub text_before: u32,
    /// The number of the turn's calls of tools before the proof.
    pub calls_before: u32,
}

/// The beginning of a proof that is written in another protocol than its own.
const FOREIGN: &str = "chat-api:";

impl ProofKind {
    const ALL: [Self; 3] = [Self::Signature, Self::Redacted, Self::Encrypted];

    fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Redacted => "redacted",
            Self::Encrypted => "encrypted",
        }
    }
}

impl Proof {
    /// The proof as a protocol writes it that has a member for the kind `native` alone: the data themselves where they are of
    /// that kind and have no id.
    #[must_use]
    pub fn written(&self, native: ProofKind) -> String {
        let Self { kind, provider, id, data } = self;
        if *kind == native && id.is_none() && !data.starts_with(FOREIGN) {
            return data.clone();
        }
        let [provider, id] = [provider, id].map(|word| word.as_deref().unwrap_or_default());
        // A name may have any character, so each is written after its length.
        format!("{FOREIGN}{}:{}:{provider}{}:{id}{data}", kind.word(), provider.len(), id.len())
    }

    /// The proof that [`Proof::written`] has made `text` of.
    #[must_use]
    pub fn read(text: &str, native: ProofKind) -> Self {
        Self::read_foreign(text).unwrap_or_else(|| Self {
            kind: native,
            provider: None,
            id: None,
            data: text.to_owned(),
        })
    }

    fn read_foreign(text: &str) -> Option<Self> {
        let (word, rest) = text.strip_prefix(FOREIGN)?.split_once(':')?;
        let kind = ProofKind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let (provider, rest) = counted_word(rest)?;
        let (id, data) = counted_word(rest)?;
        Some(Self { kind, provider, id, data: data.to_owned() })
    }

    /// The bytes of the data and of what stands beside them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self { kind: _, provider, id, data } = self;
        data.len() + [provider, id].into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// The word that follows its length at the beginning of `text`, unless it is empty, and the rest.
fn counted_word(text: &str) -> Option<(Option<String>, &str)> {
    let (length, rest) = text.split_once(':')?;
    let (word, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some((Some(word.to_owned()).filter(|word| !word.is_empty()), rest))
}

impl fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proof({:?}, {} bytes)", self.kind, self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proof(kind: ProofKind, id: Option<&str>) -> Proof {
        Proof { kind, provider: Some("cloud".to_owned()), id: id.map(str::to_owned), data: "x+/=".to_owned() }
    }

    #[test]
    fn a_proof_of_the_protocols_own_kind_is_written_as_it_came_and_another_with_its_maker_and_its_id() {
        use ProofKind::{Encrypted, Redacted, Signature};
        for (kind, id, native, expected) in [
            (Signature, None, Signature, "x+/="),
            (Redacted, None, Redacted, "x+/="),
            (Signature, None, Redacted, "chat-api:signature:5:cloud0:x+/="),
            (Encrypted, Some("rs_1"), Encrypted, "chat-api:encrypted:5:cloud4:rs_1x+/="),
            (Encrypted, Some("rs_1"), Signature, "chat-api:encrypted:5:cloud4:rs_1x+/="),
        ] {
            assert_eq!(proof(kind, id).written(native), expected);
        }
    }

    #[test]
    fn a_proof_never_prints() {
        assert_eq!(format!("{:?}", proof(ProofKind::Signature, Some("id"))), "Proof(Signature, 11 bytes)");
    }

    #[test]
    fn a_text_that_only_begins_as_a_foreign_proof_is_one_of_the_protocol() {
        for text in ["", "chat-api:", "chat-api:signature:9:a", "chat-api:other:0:0:a", "chat-api:redacted:1:\u{e9}0:"]
        {
            let expected = Proof { data: text.to_owned(), provider: None, ..proof(ProofKind::Redacted, None) };
            assert_eq!(Proof::read(text, ProofKind::Redacted), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_proof_is_read_as_it_was_written(
            kind in prop::sample::select(&ProofKind::ALL[..]),
            native in prop::sample::select(&ProofKind::ALL[..]),
            provider in prop::option::of(".{1,9}"),
            id in prop::option::of(".{1,9}"),
            data in prop_oneof![".{0,30}", "chat-api:(signature:)?.{0,9}"],
        ) {
            let proof = Proof { kind, provider, id, data };
            let read = Proof::read(&proof.written(native), native);
            // The protocol's own member has no place for the provider.
            let is_native = proof.written(native) == proof.data;
            prop_assert_eq!(read, Proof { provider: proof.provider.clone().filter(|_| !is_native), ..proof });
        }
    }
}
