//! The verification of receipts.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{PublicKey, Signature};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::claims::GenuineReceipt;

/// The most bytes of a receipt that is read at all. One with the longest members has some 1,500.
const MOST_BYTES: usize = 8192;

/// Why a text is not a genuine receipt. None of its own words are in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotGenuine {
    /// It is no JWS in compact form.
    #[error("it is no signed text of three parts")]
    NotSigned,
    /// Its header is another kind of token's.
    #[error("it is signed as something else than a receipt")]
    OtherType,
    /// Its key is not among those that are known.
    #[error("its key is not among the keys")]
    UnknownKey,
    /// It was changed, or signed by somebody else.
    #[error("its signature is wrong")]
    Signature,
    /// It is signed, and says something that no receipt says.
    #[error("it does not say what a receipt says")]
    Claims,
    /// It is signed, and its cost is not what its counts cost at its prices.
    #[error("its signature is right, and its cost is not that of its counts and prices")]
    Cost,
}

/// A header of a JWS. A member that is not listed is refused: a `crit` must not be ignored (RFC 7515, section 4.1.11), and
/// receipts have no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptHeader {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<PublicKeyDocument>,
}

/// A JSON Web Key (RFC 7517, RFC 8037). Keys of other kinds are left out.
#[derive(Deserialize)]
struct PublicKeyDocument {
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
}

impl PublicKeyDocument {
    fn named_key(self) -> Option<(String, PublicKey)> {
        let x = self.x.filter(|_| self.crv.as_deref() == Some("Ed25519"))?;
        Some((self.kid?, PublicKey::from_slice(&decoded(&x)?).ok()?))
    }
}

/// The public keys by which receipts are verified.
#[derive(Debug, Default)]
pub struct ReceiptVerifier {
    keys: BTreeMap<String, PublicKey>,
}

impl ReceiptVerifier {
    /// The keys of `text`: a JSON Web Key Set, or several one after the other, as the pages of a long set are.
    ///
    /// # Errors
    /// The reason why it is none.
    pub fn of(text: &str) -> Result<Self, serde_json::Error> {
        let sets = serde_json::Deserializer::from_str(text).into_iter::<KeySetDocument>();
        let sets: Vec<KeySetDocument> = sets.collect::<Result<_, _>>()?;
        let keys = sets.into_iter().flat_map(|set| set.keys).filter_map(PublicKeyDocument::named_key);
        Ok(Self { keys: keys.collect() })
    }

    /// The number of keys.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The claims of `receipt`, if it is genuine.
    ///
    /// # Errors
    /// [`NotGenuine`] with the first thing that is wrong.
    pub fn verify(&self, receipt: &str) -> Result<GenuineReceipt, NotGenuine> {
        if receipt.len() > MOST_BYTES {
            return Err(NotGenuine::NotSigned);
        }
        let (signed, signature) = receipt.rsplit_once('.').ok_or(NotGenuine::NotSigned)?;
        let (header, claims) = signed.split_once('.').ok_or(NotGenuine::NotSigned)?;
        let header: ReceiptHeader = json(header).ok_or(NotGenuine::OtherType)?;
        if (header.alg.as_str(), header.typ.as_str()) != ("EdDSA", "receipt+jwt") {
            return Err(NotGenuine::OtherType);
        }
        let key = self.keys.get(&header.kid).ok_or(NotGenuine::UnknownKey)?;
        let signature = decoded(signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
        let is_right = signature.is_some_and(|signature| key.verify(signed, &signature).is_ok());
        if !is_right {
            return Err(NotGenuine::Signature);
        }
        let receipt: GenuineReceipt = json(claims).ok_or(NotGenuine::Claims)?;
        if receipt.adds_up() { Ok(receipt) } else { Err(NotGenuine::Cost) }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&decoded(part)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::credits::Credits;
    use ed25519_compact::{KeyPair, Seed};
    use serde_json::{Value, json};

    fn key(number: u8) -> KeyPair {
        KeyPair::from_seed(Seed::new([number; 32]))
    }

    /// The set with the public half of a key.
    fn set_of(number: u8) -> String {
        let x = URL_SAFE_NO_PAD.encode(*key(number).pk);
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": format!("key {number}"), "x": x}], "next": null})
            .to_string()
    }

    fn header() -> Value {
        json!({"alg": "EdDSA", "typ": "receipt+jwt", "kid": "key 1"})
    }

    fn claims() -> Value {
        json!({
            "iss": "chat-api", "sub": "01KB05A0V0QX1E5M3N8K7C2D9F", "jti": "01KB05AY8G3W5VXQ7S4TB2NC6D", "iat": 1_795_335_260,
            "kind": "chat", "credits": -3, "created_at": "2026-11-22T08:13:20Z", "model": "a-model",
            "usage": {"input_tokens": 1000, "output_tokens": 500}, "prices": {"input": 1000, "output": 2000, "request": 1},
            "catalogue": 7, "cost": 3,
        })
    }

    fn signed(header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(*key(1).sk.sign(&signed, None));
        format!("{signed}.{signature}")
    }

    fn verify(receipt: &str) -> Result<GenuineReceipt, NotGenuine> {
        ReceiptVerifier::of(&set_of(1)).unwrap().verify(receipt)
    }

    #[test]
    fn a_genuine_receipt_says_what_was_charged_and_its_cost_is_computed_again() {
        let receipt = verify(&signed(&header(), &claims())).unwrap();
        assert_eq!(receipt.cost_computed_again(), Credits::new(3).ok());
        let line = "01KB05AY8G3W5VXQ7S4TB2NC6D charged 3 at 2026-11-22T08:13:20Z for 1000 input and 500 output tokens of a-model, \
                    as computed again";
        assert_eq!(receipt.to_string(), line);
    }

    #[test]
    fn a_receipt_in_which_any_character_was_changed_is_not_genuine() {
        let receipt = signed(&header(), &claims());
        for position in 0..receipt.len() {
            let (before, after) = receipt.split_at(position);
            let other = if after.starts_with('A') { 'B' } else { 'A' };
            for changed in [format!("{before}{other}{}", &after[1..]), format!("{before}{}", &after[1..])] {
                assert!(verify(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn a_receipt_by_another_key_or_of_another_type_is_not_genuine() {
        let other_keys = ReceiptVerifier::of(&set_of(2)).unwrap();
        assert_eq!(other_keys.verify(&signed(&header(), &claims())), Err(NotGenuine::UnknownKey));
        let by_another = header().to_string().replace("key 1", "key 2");
        let both = ReceiptVerifier::of(&(set_of(1) + "\n" + &set_of(2))).unwrap();
        assert_eq!(both.count(), 2);
        let by_another = serde_json::from_str(&by_another).unwrap();
        assert_eq!(both.verify(&signed(&by_another, &claims())), Err(NotGenuine::Signature));
        for (member, value) in [
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("typ", json!("at+jwt")),
            ("typ", json!("JWT")),
            ("typ", Value::Null),
            ("crit", json!(["exp"])),
            ("jwk", json!({})),
        ] {
            let mut other = header();
            other[member] = value;
            assert_eq!(verify(&signed(&other, &claims())), Err(NotGenuine::OtherType), "{other}");
        }
    }

    #[test]
    fn texts_of_other_forms_are_not_genuine() {
        for text in ["", ".", "..", "a.b.c", "a.b", "\u{fc}.\u{fc}.\u{fc}", &"x.".repeat(9000)] {
            assert!(verify(text).is_err(), "{text:?}");
        }
        for claims in [json!({}), json!([]), json!({"kind": "void"}), json!(7)] {
            assert_eq!(verify(&signed(&header(), &claims)), Err(NotGenuine::Claims));
        }
    }

    #[test]
    fn a_signed_cost_that_does_not_follow_from_counts_and_prices_is_told() {
        for (member, value) in [
            ("cost", json!(2)),
            ("cost", Value::Null),
            ("credits", json!(-2)),
            ("usage", json!({"input_tokens": 3000, "output_tokens": 500})),
            ("prices", json!({"request": 1})),
            ("capped_at", json!(2)),
        ] {
            let mut other = claims();
            other[member] = value;
            assert_eq!(verify(&signed(&header(), &other)), Err(NotGenuine::Cost), "{other}");
        }
        let mut capped = claims();
        capped["capped_at"] = json!(2);
        (capped["cost"], capped["credits"]) = (json!(2), json!(-2));
        assert!(verify(&signed(&header(), &capped)).is_ok());
    }

    #[test]
    fn other_kinds_have_no_cost() {
        for (kind, credits, says) in [("grant", 100, "gave 100"), ("adjustment", -5, "took 5 back")] {
            let other = json!({
                "iss": "chat-api", "sub": "s", "jti": "j", "iat": 1, "kind": kind, "credits": credits, "created_at": "now",
            });
            let receipt = verify(&signed(&header(), &other)).unwrap();
            assert_eq!(receipt.to_string(), format!("j {says} at now"));
        }
    }

    #[test]
    fn a_text_that_a_terminal_would_obey_is_escaped() {
        let mut other = claims();
        other["model"] = json!("\u{1b}[2J");
        let line = verify(&signed(&header(), &other)).unwrap().to_string();
        assert!(!line.contains('\u{1b}') && line.contains("\\u{1b}[2J"), "{line}");
    }

    #[test]
    fn what_is_no_set_of_keys_is_refused_and_other_keys_are_left_out() {
        for text in ["{", "[]", "{}", r#"{"keys": {}}"#, "x"] {
            assert!(ReceiptVerifier::of(text).is_err(), "{text}");
        }
        let others = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA"}, {"crv": "Ed25519", "kid": "b", "x": "AA"}]}"#;
        assert_eq!(ReceiptVerifier::of(others).unwrap().count(), 0);
        assert_eq!(ReceiptVerifier::of("").unwrap().count(), 0);
    }
}
