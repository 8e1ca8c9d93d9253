//! JWTs: header and claims of any kind, signed by any key or none.

use arbitrary::Arbitrary;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambda_http::Body;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::AUTHORIZATION;
use serde_json::{Value, json};
use shared::error::ApiError;
use shared::http::Request;
use shared::ids::{SessionId, TokenId, UserId};
use shared::jwt::ReceivedToken;

use super::damage::Damage;
use super::key::{KEYS, Key, NOW};
use super::verifier::{logged_in, refresh_claim};

const LEEWAY_S: i64 = 5;
const AGE_S: i64 = 60;
const USER_ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// A token of ours with changes in it.
#[derive(Arbitrary, Debug)]
pub struct Input {
    is_access: bool,
    /// How far in the future it expires.
    expires_in_s: i16,
    key: u8,
    header: Vec<Change>,
    claims: Vec<Change>,
    signature: Signature,
    damage: Vec<Damage>,
}

#[derive(Arbitrary, Debug)]
struct Change {
    member: u8,
    to: To,
}

#[derive(Arbitrary, Debug)]
enum To {
    Missing,
    Value(Json),
    /// Once more, with this value.
    Twice(Json),
    /// Another member's value.
    OfMember(u8),
    /// What it is, in a list.
    Listed,
    Added { name: String, value: Json },
}

#[derive(Arbitrary, Debug)]
enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Large(u64),
    Fraction(f64),
    Text(String),
    Word(u8),
    Empty,
}

#[derive(Arbitrary, Debug)]
enum Signature {
    Right,
    None,
    Bytes(Vec<u8>),
    OfKey(u8),
    HmacWithPublicKey,
    BitFlipped(u16),
}

/// A JSON object whose members may come twice.
type Object = Vec<(String, Value)>;

impl Input {
    /// Every token of ours is accepted until it expires, and nothing else ever is.
    pub fn check(&self) {
        let whole = self.token();
        let token = self.damage.iter().fold(whole.clone(), |token, damage| damage.apply(&token));
        let access = access_claims(&token);
        let refresh = refresh_claims(&token);
        if let Some(claims) = &access {
            assert_ours(&token, claims, "at+jwt", "access");
        }
        if let Some(claims) = &refresh {
            assert_ours(&token, claims, "rt+jwt", "refresh");
        }
        if self.is_ours() {
            let is_alive = i64::from(self.expires_in_s) + LEEWAY_S > 0;
            let accepted = (access.is_some(), refresh.is_some());
            assert_eq!(accepted, (is_alive && self.is_access, is_alive && !self.is_access), "{token}");
        } else if token != whole {
            assert!(access.is_none() && refresh.is_none(), "was changed on its way, and is accepted: {token}");
        }
    }

    fn key(&self) -> &'static Key {
        &KEYS[usize::from(self.key) % KEYS.len()]
    }

    /// Whether it is as one of our signers makes it.
    fn is_ours(&self) -> bool {
        let is_unchanged = self.header.is_empty() && self.claims.is_empty() && self.damage.is_empty();
        is_unchanged && matches!(self.signature, Signature::Right) && self.key().verifies_now()
    }

    fn token(&self) -> String {
        let [typ, kind] = if self.is_access { ["at+jwt", "access"] } else { ["rt+jwt", "refresh"] };
        let header = object(&json!({"alg": "EdDSA", "typ": typ, "kid": self.key().public_key.id()}));
        let now = i64::try_from(NOW.seconds()).unwrap();
        let claims = object(&json!({
            "iss": "chat-api", "aud": "chat-api", "sub": USER_ID, "sid": "01BX5ZZKBKACTAV9WEVGEMMVRZ",
            "jti": "01BX5ZZKBKACTAV9WEVGEMMVS0", "epoch": 1, "iat": now - AGE_S,
            "exp": now + i64::from(self.expires_in_s), "token_type": kind,
        }));
        let [header, claims] = [(header, &self.header), (claims, &self.claims)]
            .map(|(object, changes)| URL_SAFE_NO_PAD.encode(text(&changed(object, changes))));
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.signature.over(&message, self.key()));
        format!("{message}.{signature}")
    }
}

impl Signature {
    fn over(&self, message: &str, key: &Key) -> Vec<u8> {
        match self {
            Self::Right => key.sign(message),
            Self::None => Vec::new(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::OfKey(other) => KEYS[usize::from(*other) % KEYS.len()].sign(message),
            Self::HmacWithPublicKey => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_bytes());
                hmac::sign(&secret, message.as_bytes()).as_ref().to_vec()
            }
            Self::BitFlipped(bit) => {
                let mut signature = key.sign(message);
                let bit = usize::from(*bit) % (signature.len() * 8);
                signature[bit / 8] ^= 1 << (bit % 8);
                signature
            }
        }
    }
}

impl Json {
    fn value(&self) -> Value {
        /// What somebody might try.
        const WORDS: [&str; 12] = [
            "EdDSA", "none", "HS256", "at+jwt", "rt+jwt", "access", "refresh", "chat-api", "crit", "jwk", USER_ID, "",
        ];
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Number(value) => json!(value),
            Self::Large(value) => json!(value),
            Self::Fraction(value) => json!(value),
            Self::Text(value) => json!(value),
            Self::Word(position) => json!(WORDS[usize::from(*position) % WORDS.len()]),
            Self::Empty => json!({}),
        }
    }
}

fn object(value: &Value) -> Object {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn text(object: &Object) -> String {
    let members: Vec<String> = object.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn changed(mut object: Object, changes: &[Change]) -> Object {
    for Change { member, to } in changes {
        if object.is_empty() {
            break;
        }
        let position = usize::from(*member) % object.len();
        match to {
            To::Missing => drop(object.remove(position)),
            To::Value(value) => object[position].1 = value.value(),
            To::Twice(value) => object.push((object[position].0.clone(), value.value())),
            To::OfMember(other) => object[position].1 = object[usize::from(*other) % object.len()].1.clone(),
            To::Listed => object[position].1 = json!([object[position].1]),
            To::Added { name, value } => object.push((name.clone(), value.value())),
        }
    }
    object
}

/// Whom it is about and in which epoch, if it was accepted.
struct Accepted {
    user_id: UserId,
    session_epoch: u64,
}

fn access_claims(token: &str) -> Option<Accepted> {
    let mut request = Request::new(Body::Empty);
    let header = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?;
    request.headers_mut().insert(AUTHORIZATION, header);
    match logged_in(&request) {
        Ok(person) => Some(Accepted { user_id: person.user_id(), session_epoch: person.session_epoch() }),
        Err(error) => refused(&error),
    }
}

fn refresh_claims(token: &str) -> Option<Accepted> {
    let token = ReceivedToken::try_from(token.to_owned()).ok()?;
    match refresh_claim(&token) {
        Ok(claim) => Some(Accepted { user_id: claim.user_id, session_epoch: claim.session_epoch }),
        Err(error) => refused(&error),
    }
}

fn refused(error: &ApiError) -> Option<Accepted> {
    assert!(matches!(error, ApiError::TokenNotValid(_)), "{error:?}");
    None
}

/// Reads the token again, by the letter of RFC 7515 and with nothing of ours.
fn assert_ours(token: &str, accepted: &Accepted, typ: &str, kind: &str) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.try_into().unwrap_or_else(|_| panic!("not three parts: {token}"));
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&decoded(part)).unwrap() };
    let message = format!("{header}.{claims}");
    let (header, claims) = (read(header), read(claims));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!(typ)), "{token}");
    assert!(header.get("crit").is_none_or(Value::is_null), "{token}");
    let key = KEYS.iter().find(|key| header["kid"] == key.public_key.id()).unwrap();
    assert!(key.verifies_now() && key.signed(&message, &decoded(signature)), "{token}");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("chat-api"), &json!("chat-api")), "{token}");
    assert_eq!(claims["token_type"], kind, "{token}");
    assert!(claims["exp"].as_u64().unwrap() + u64::try_from(LEEWAY_S).unwrap() > NOW.seconds(), "{token}");
    let user_id: UserId = serde_json::from_value(claims["sub"].clone()).unwrap();
    assert_eq!((user_id, claims["epoch"].as_u64()), (accepted.user_id, Some(accepted.session_epoch)), "{token}");
    serde_json::from_value::<SessionId>(claims["sid"].clone()).unwrap();
    serde_json::from_value::<TokenId>(claims["jti"].clone()).unwrap();
    assert!(claims["iat"].is_u64() && token.len() <= 4096, "{token}");
}

/// An access token that is accepted.
pub(super) fn good_access_token() -> String {
    let (header, claims, damage) = (Vec::new(), Vec::new(), Vec::new());
    let signature = Signature::Right;
    Input { is_access: true, expires_in_s: 300, key: 0, header, claims, signature, damage }.token()
}
