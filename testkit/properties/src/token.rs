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
use shared::identity::jwt::{ReceivedToken, RefreshClaim, TokenKind, TokenLifetimes, Verified};

use super::damage::Damage;
use super::key::{KEYS, Key, NOW};
use super::verifier;

const LEEWAY_S: i64 = 5;
const AGE_S: i64 = 60;
const USER_ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// A token of ours with changes in it.
#[derive(Arbitrary, Debug)]
pub struct Input {
    is_access: bool,
    /// The time until it expires.
    expires_in_s: i8,
    /// The current key, or another.
    key: Option<u8>,
    header: Vec<Change>,
    claims: Vec<Change>,
    /// The right one, or another.
    signature: Option<Signature>,
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
    /// The member is repeated with this value.
    Twice(Json),
    /// The value in a token of the other kind.
    OfOtherKind,
    /// The value of another member.
    OfMember(u8),
    /// The value, in a list.
    Listed,
    Added {
        name: u8,
        value: Json,
    },
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
    Words(Vec<u8>),
    Empty,
}

#[derive(Arbitrary, Debug)]
enum Signature {
    None,
    Bytes(Vec<u8>),
    OfKey(u8),
    HmacWithPublicKey,
    BitFlipped(u16),
}

/// A JSON object whose members may be repeated.
type Object = Vec<(String, Value)>;

impl Input {
    /// Every token of ours is accepted until it expires, and no other token ever is.
    ///
    /// # Panics
    /// The property does not hold.
    pub fn check(&self) {
        let whole = self.token();
        let token = self.damage.iter().fold(whole.clone(), |token, damage| damage.apply(&token));
        let (access, refresh) = (access_claims(&token), refresh_claims(&token));
        let refresh_of_any_age = refresh_claims_of_any_age(&token);
        if let Some(accepted) = &access {
            assert_alive(&assert_ours(&token, accepted, TokenKind::Access), &token);
        }
        if let Some(accepted) = &refresh {
            assert_alive(&assert_ours(&token, accepted, TokenKind::Refresh), &token);
            assert!(refresh_of_any_age.is_some(), "of no age, although it is alive: {token}");
        }
        if let Some(accepted) = &refresh_of_any_age {
            assert_ours(&token, accepted, TokenKind::Refresh);
        }
        let accepted_as = access.as_ref().map(|_| TokenKind::Access).or(refresh.as_ref().map(|_| TokenKind::Refresh));
        assert_eq!(kind_of_any(&token), accepted_as, "{token}");
        if self.is_ours() {
            let is_alive = i64::from(self.expires_in_s) + LEEWAY_S > 0;
            let accepted = (access.is_some(), refresh.is_some());
            assert_eq!(accepted, (is_alive && self.is_access, is_alive && !self.is_access), "{token}");
            assert_eq!(refresh_of_any_age.is_some(), !self.is_access, "{token}");
        } else if token != whole {
            assert!(access.or(refresh).or(refresh_of_any_age).is_none(), "changed on its way, and accepted: {token}");
        }
    }

    fn key(&self) -> &'static Key {
        &KEYS[usize::from(self.key.unwrap_or(0)) % KEYS.len()]
    }

    /// Whether one of our signers could have made it.
    fn is_ours(&self) -> bool {
        let is_unchanged = self.header.is_empty() && self.claims.is_empty() && self.damage.is_empty();
        is_unchanged && self.signature.is_none() && self.key().verifies_now()
    }

    fn token(&self) -> String {
        let [kind, other] = if self.is_access {
            [TokenKind::Access, TokenKind::Refresh]
        } else {
            [TokenKind::Refresh, TokenKind::Access]
        };
        let header = changed(self.header_of(kind), &self.header_of(other), &self.header);
        let claims = changed(self.claims_of(kind), &self.claims_of(other), &self.claims);
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(text(&header)), URL_SAFE_NO_PAD.encode(text(&claims)));
        let signature = match &self.signature {
            None => self.key().sign(&message),
            Some(signature) => signature.over(&message, self.key()),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header_of(&self, kind: TokenKind) -> Object {
        let [typ, _] = words(kind);
        object(&json!({"alg": "EdDSA", "typ": typ, "kid": self.key().public.id()}))
    }

    fn claims_of(&self, kind: TokenKind) -> Object {
        let [_, token_type] = words(kind);
        let now = i64::try_from(NOW.seconds()).unwrap();
        object(&json!({
            "iss": "chat-api", "aud": "chat-api", "sub": USER_ID, "sid": "01BX5ZZKBKACTAV9WEVGEMMVRZ",
            "jti": "01BX5ZZKBKACTAV9WEVGEMMVS0", "epoch": 1, "iat": now - AGE_S,
            "exp": now + i64::from(self.expires_in_s), "token_type": token_type,
        }))
    }
}

impl Signature {
    fn over(&self, message: &str, key: &Key) -> Vec<u8> {
        match self {
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
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Number(value) => json!(value),
            Self::Large(value) => json!(value),
            Self::Fraction(value) => json!(value),
            Self::Text(value) => json!(value),
            Self::Word(position) => json!(word(*position)),
            Self::Words(positions) => positions.iter().map(|position| word(*position)).collect(),
            Self::Empty => json!({}),
        }
    }
}

/// Values that an attacker may try.
fn word(position: u8) -> &'static str {
    const WORDS: [&str; 17] = [
        "EdDSA", "none", "HS256", "at+jwt", "rt+jwt", "access", "refresh", "chat-api", "crit", "jwk", "jku", "x5c",
        "nbf", "b64", "exp", USER_ID, "",
    ];
    WORDS[usize::from(position) % WORDS.len()]
}

fn object(value: &Value) -> Object {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn text(object: &Object) -> String {
    let members: Vec<String> = object.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn changed(mut object: Object, of_other_kind: &Object, changes: &[Change]) -> Object {
    for Change { member, to } in changes {
        if object.is_empty() {
            break;
        }
        let position = usize::from(*member) % object.len();
        match to {
            To::Missing => drop(object.remove(position)),
            To::Value(value) => object[position].1 = value.value(),
            To::Twice(value) => object.push((object[position].0.clone(), value.value())),
            To::OfOtherKind => {
                let name = object[position].0.clone();
                let other = of_other_kind.iter().find(|(other, _)| *other == name);
                object[position].1 = other.map_or(Value::Null, |(_, value)| value.clone());
            }
            To::OfMember(other) => object[position].1 = object[usize::from(*other) % object.len()].1.clone(),
            To::Listed => object[position].1 = json!([object[position].1]),
            To::Added { name, value } => object.push((word(*name).to_owned(), value.value())),
        }
    }
    object
}

/// The claims that were read from an accepted token, by their names.
type Accepted = Vec<(&'static str, Value)>;

fn access_claims(token: &str) -> Option<Accepted> {
    // White space around the token in a header is not part of the token.
    if token.trim_matches([' ', '\t']) != token {
        return None;
    }
    let mut with_header = lambda_http::Request::new(Body::Empty);
    let header = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?;
    with_header.headers_mut().insert(AUTHORIZATION, header);
    match Request::new(with_header, NOW).bearer().and_then(verifier::logged_in) {
        Ok(person) => Some(vec![("sub", json!(person.user_id())), ("epoch", json!(person.session_epoch()))]),
        Err(error) => refused(&error),
    }
}

fn refresh_claims(token: &str) -> Option<Accepted> {
    accepted(verifier::refresh_claim(&received(token)?))
}

fn refresh_claims_of_any_age(token: &str) -> Option<Accepted> {
    accepted(verifier::refresh_claim_of_any_age(&received(token)?))
}

fn kind_of_any(token: &str) -> Option<TokenKind> {
    match verifier::any_token(&received(token)?) {
        Ok(Verified::Access(_)) => Some(TokenKind::Access),
        Ok(Verified::Refresh(_)) => Some(TokenKind::Refresh),
        Err(error) => refused(&error),
    }
}

fn received(token: &str) -> Option<ReceivedToken> {
    ReceivedToken::try_from(token.to_owned()).ok()
}

fn accepted(claim: Result<RefreshClaim, ApiError>) -> Option<Accepted> {
    match claim {
        Ok(claim) => {
            let ids = [("sub", json!(claim.user_id)), ("sid", json!(claim.session_id)), ("jti", json!(claim.token_id))];
            Some(ids.into())
        }
        Err(error) => refused(&error),
    }
}

fn refused<T>(error: &ApiError) -> Option<T> {
    assert!(matches!(error, ApiError::TokenNotValid(_)), "{error:?}");
    None
}

/// The claims of the token, read a second time by RFC 7515 and without our code.
fn assert_ours(token: &str, accepted: &[(&str, Value)], kind: TokenKind) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.try_into().unwrap_or_else(|_| panic!("not three parts: {token}"));
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&decoded(part)).unwrap() };
    let message = format!("{header}.{claims}");
    let (header, claims) = (read(header), read(claims));
    let [typ, token_type] = words(kind);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!(typ)), "{token}");
    assert!(header.get("crit").is_none_or(Value::is_null), "{token}");
    let key = KEYS.iter().find(|key| header["kid"] == key.public.id()).unwrap();
    assert!(key.verifies_now() && key.signed(&message, &decoded(signature)), "{token}");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("chat-api"), &json!("chat-api")), "{token}");
    assert_eq!(claims["token_type"], token_type, "{token}");
    for (name, value) in accepted {
        assert_eq!(claims[name], *value, "{name}: {token}");
    }
    assert!(token.len() <= 4096, "{token}");
    claims
}

fn assert_alive(claims: &Value, token: &str) {
    let [issued_at, expires_at] = ["iat", "exp"].map(|claim| claims[claim].as_u64().unwrap());
    let leeway = u64::try_from(LEEWAY_S).unwrap();
    assert!(expires_at + leeway > NOW.seconds() && issued_at <= NOW.seconds() + leeway, "{token}");
    assert!(expires_at <= issued_at + TokenLifetimes::LONGEST.as_secs(), "{token}");
}

/// The names of `kind` in the header and in the claims.
fn words(kind: TokenKind) -> [&'static str; 2] {
    match kind {
        TokenKind::Access => ["at+jwt", "access"],
        TokenKind::Refresh => ["rt+jwt", "refresh"],
    }
}

/// An access token that is accepted.
pub(super) fn good_access_token() -> String {
    let (header, claims, damage) = (Vec::new(), Vec::new(), Vec::new());
    Input { is_access: true, expires_in_s: 100, key: None, header, claims, signature: None, damage }.token()
}
