//! `/.well-known/jwks.json`: the public keys, with which anybody can verify a token.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use testkit::gateway::Request;

use crate::world::World;

#[tokio::test]
async fn a_public_key_verifies_the_tokens_that_it_was_published_for() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let response = world.stack.send(Request::get("/.well-known/jwks.json")).await;
    assert_eq!((response.status, response.headers["cache-control"].as_str()), (200, "public, max-age=300"));
    let keys: JwkSet = serde_json::from_value(response.json()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_aud = false;
    for token in [&ada.access, &ada.refresh] {
        let key_id = decode_header(token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&key_id).unwrap()).unwrap();
        let claims = decode::<Value>(token, &key, &validation).unwrap().claims;
        assert!(claims["sub"].is_string(), "{claims}");
    }
}
