//! Forged tokens, which must open nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use shared::domain::time::Clock;
use shared::identity::jwt::SigningKey;

use crate::world::{Tokens, World};
use testkit::stack::JWT_SIGNING_SECRET;

/// Tokens of an Ada in another world, signed with a key that is not published in this one.
pub async fn token_of_another_key() -> Tokens {
    let elsewhere = World::start().await;
    elsewhere.register("ada", 100).await;
    let secret = "another secret, of the same length as a real one, and as secret";
    elsewhere.log_in_at("ada", Clock::system(), secret).await
}

/// `token` without a signature and with `alg: none` (RFC 8725, section 2.1).
pub fn unsigned(token: &str) -> String {
    let (header, claims) = parts(token);
    let header = json!({"alg": "none", "typ": header["typ"], "kid": header["kid"]});
    format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// `token` signed by HMAC with the public key as the secret (RFC 8725, section 2.1).
pub fn signed_with_the_public_key(token: &str) -> String {
    let (header, _) = parts(token);
    let claims = claims(token);
    let key = SigningKey::derive(JWT_SIGNING_SECRET.as_bytes()).unwrap();
    let jwk = serde_json::to_value(key.public_key().jwk()).unwrap();
    let public_key = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let mut forged = Header::new(Algorithm::HS256);
    forged.typ = header["typ"].as_str().map(str::to_owned);
    forged.kid = header["kid"].as_str().map(str::to_owned);
    encode(&forged, &claims, &EncodingKey::from_secret(&public_key)).unwrap()
}

/// The claims of `token`.
pub fn claims(token: &str) -> Value {
    let (_, claims) = parts(token);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// `token` with another `kid`, for which its signature is wrong.
pub fn with_key_id(token: &str, key_id: &str) -> String {
    let (mut header, claims) = parts(token);
    header["kid"] = json!(key_id);
    let signature = token.rsplit('.').next().unwrap();
    format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// `token` with another `typ`, for which its signature is wrong.
pub fn with_type(token: &str, header_type: &str) -> String {
    let (mut header, claims) = parts(token);
    header["typ"] = json!(header_type);
    let signature = token.rsplit('.').next().unwrap();
    format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// `token` signed by HMAC with an empty secret, the content of the file that its `kid` names.
pub fn signed_with_an_empty_file(token: &str, path: &str) -> String {
    let (header, _) = parts(token);
    let claims = claims(token);
    let mut forged = Header::new(Algorithm::HS256);
    forged.typ = header["typ"].as_str().map(str::to_owned);
    forged.kid = Some(path.to_owned());
    encode(&forged, &claims, &EncodingKey::from_secret(b"")).unwrap()
}

/// `token` with a claim of this many bytes more.
pub fn padded(token: &str, bytes: usize) -> String {
    let (header, _) = parts(token);
    let mut claims = claims(token);
    claims["padding"] = json!("x".repeat(bytes));
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let signature = token.rsplit('.').next().unwrap();
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn parts(token: &str) -> (Value, String) {
    let mut parts = token.split('.');
    let header = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
    (serde_json::from_slice(&header).unwrap(), parts.next().unwrap().to_owned())
}
