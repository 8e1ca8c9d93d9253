//! What a verifier accepts, and every attack that it refuses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{SessionId, TokenId, UserId};
use jsonwebtoken::{EncodingKey, Header as JwtHeader, encode};
use serde_json::{Value, json};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use super::*;
use crate::jwt::key_set::Handover;
use crate::jwt::signing_key::SigningKey;
use crate::testing::TestPeople;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const LIFETIME_S: u64 = 300;

/// A forger's workshop: the right key, and everything else to be changed.
struct Forge {
    test: TestPeople,
    verifier: Verifier,
    key: SigningKey,
    header: JwtHeader,
    claims: Value,
}

impl Forge {
    async fn start() -> Self {
        let test = TestPeople::start().await;
        let key = SigningKey::derive(SECRET).unwrap();
        let at_once = Handover { publicity: Duration::ZERO, retirement: Duration::ZERO };
        KeySet::new(test.table.clone()).publish(key.public_key(), &[], at_once, &test.clock).await.unwrap();
        let verifier = Verifier::new(test.table.clone(), test.clock.clone());
        verifier.reload().await.unwrap();
        let mut header = JwtHeader::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(key.public_key().id().to_owned());
        let claims = json!({
            "iss": "chat-api",
            "aud": "chat-api",
            "sub": UserId::new(&test.clock),
            "sid": SessionId::new(&test.clock),
            "jti": TokenId::new(&test.clock),
            "epoch": 1,
            "iat": NOW.seconds(),
            "exp": NOW.seconds() + LIFETIME_S,
            "token_type": "access",
        });
        Self { test, verifier, key, header, claims }
    }

    fn sign(&self) -> String {
        encode(&self.header, &self.claims, &self.key.encoding_key).unwrap()
    }

    /// A token of any two parts, signed with the right key.
    fn sign_parts(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.key.encoding_key, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }

    async fn accepts(&self, token: &str) -> bool {
        match self.verifier.verify(token, TokenKind::Access).await {
            Ok(_) => true,
            Err(IdentityError::TokenNotValid(_)) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn refuses_without(mut self, claim: &str) -> bool {
        self.claims.as_object_mut().unwrap().remove(claim);
        !self.accepts(&self.sign()).await
    }

    async fn refuses_with(mut self, claim: &str, value: Value) -> bool {
        self.claims[claim] = value;
        !self.accepts(&self.sign()).await
    }
}

#[tokio::test]
async fn a_token_of_ours_is_accepted_until_it_expires() {
    let forge = Forge::start().await;
    let token = forge.sign();
    assert!(forge.accepts(&token).await);
    forge.test.clock.advance(Duration::from_secs(LIFETIME_S + 4));
    assert!(forge.accepts(&token).await, "clocks may be 5 s apart");
    forge.test.clock.advance(Duration::from_secs(1));
    assert!(!forge.accepts(&token).await);
}

#[tokio::test]
async fn a_token_of_either_kind_is_taken_for_what_it_is() {
    let mut forge = Forge::start().await;
    let any = async |forge: &Forge| forge.verifier.any_token(&ReceivedToken(forge.sign())).await;
    assert!(matches!(any(&forge).await, Ok(Verified::Access(_))));
    forge.header.typ = Some("rt+jwt".to_owned());
    assert!(matches!(any(&forge).await, Err(IdentityError::TokenNotValid(_))), "its claim says access");
    forge.claims["token_type"] = json!("refresh");
    assert!(matches!(any(&forge).await, Ok(Verified::Refresh(_))));
    for other in [None, Some("JWT"), Some("jwt"), Some("AT+JWT"), Some("at+jwt ")] {
        forge.header.typ = other.map(str::to_owned);
        assert!(matches!(any(&forge).await, Err(IdentityError::TokenNotValid(_))), "{other:?}");
    }
}

#[tokio::test]
async fn a_token_from_the_future_is_refused_beyond_what_clocks_may_differ() {
    assert!(!Forge::start().await.refuses_with("iat", json!(NOW.seconds() + 5)).await);
    assert!(Forge::start().await.refuses_with("iat", json!(NOW.seconds() + 6)).await);
    assert!(Forge::start().await.refuses_with("iat", json!(u64::MAX)).await);
}

#[tokio::test]
async fn a_token_that_lives_longer_than_any_of_ours_is_refused() {
    let year_s = 365 * 24 * 60 * 60;
    assert!(!Forge::start().await.refuses_with("exp", json!(NOW.seconds() + year_s)).await);
    for exp in [NOW.seconds() + year_s + 1, 253_402_300_799, u64::MAX] {
        assert!(Forge::start().await.refuses_with("exp", json!(exp)).await, "{exp}");
    }
    let mut forge = Forge::start().await;
    forge.claims["iat"] = json!(NOW.seconds() - year_s);
    assert!(!forge.accepts(&forge.sign()).await, "an older token is not given another year");
}

#[tokio::test]
async fn a_token_of_a_replaced_key_is_refused_once_that_key_has_expired_whatever_its_exp_says() {
    let mut forge = Forge::start().await;
    forge.claims["exp"] = json!(NOW.seconds() + 200_000);
    let token = forge.sign();
    assert!(forge.accepts(&token).await);
    let next = SigningKey::derive(b"another secret, another secret, a").unwrap();
    let keys = KeySet::new(forge.test.table.clone());
    let handover = Handover { publicity: Duration::ZERO, retirement: Duration::from_secs(1000) };
    let known = keys.load().await.unwrap();
    keys.publish(next.public_key(), &known, handover, &forge.test.clock).await.unwrap();
    forge.verifier.reload().await.unwrap();
    forge.test.clock.advance(Duration::from_secs(999));
    assert!(forge.accepts(&token).await, "the item is still there");
    forge.test.clock.advance(Duration::from_secs(1));
    assert!(!forge.accepts(&token).await, "DynamoDB may keep the item for days");
}

#[tokio::test]
async fn a_token_of_a_key_that_was_deleted_is_refused_by_whoever_starts_and_by_the_others_in_ten_minutes() {
    let mut forge = Forge::start().await;
    forge.claims["exp"] = json!(NOW.seconds() + 10_000);
    let token = forge.sign();
    let table = &forge.test.isolated;
    let next = SigningKey::derive(b"another secret, another secret, a").unwrap();
    let at_once = Handover { publicity: Duration::ZERO, retirement: Duration::from_secs(86_400) };
    let keys = KeySet::new(forge.test.table.clone());
    let known = keys.load().await.unwrap();
    keys.publish(next.public_key(), &known, at_once, &forge.test.clock).await.unwrap();
    let sort_key = format!("JWK#{}", forge.key.public_key().id());
    let deletion = json!({"TableName": table.name(), "Key": {"pk": {"S": "JWKS"}, "sk": {"S": sort_key}}});
    table.call("DeleteItem", &deletion).await.unwrap();
    let new = Verifier::start(forge.test.table.clone(), forge.test.clock.clone()).await;
    assert!(matches!(new.verify(&token, TokenKind::Access).await, Err(IdentityError::TokenNotValid(_))));
    forge.test.clock.advance(KEY_SET_MAX_AGE);
    assert!(forge.accepts(&token).await, "the one that asks again answers with what it knows");
    assert!(!forge.accepts(&token).await);
}

#[tokio::test]
async fn every_claim_is_required() {
    for claim in ["iss", "aud", "sub", "sid", "jti", "epoch", "iat", "exp", "token_type"] {
        assert!(Forge::start().await.refuses_without(claim).await, "{claim}");
    }
}

#[tokio::test]
async fn a_claim_of_another_value_or_type_is_refused() {
    for (claim, value) in [
        ("iss", json!("somebody")),
        ("aud", json!("somebody")),
        ("aud", json!(["chat-api", "somebody"])),
        ("sub", json!("ada")),
        ("sub", json!("../ACCOUNT")),
        ("exp", json!("4102444800")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("iat", json!("1800000000")),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("iss", json!(["chat-api", "somebody"])),
        ("epoch", json!("1")),
        ("token_type", json!("refresh")),
    ] {
        assert!(Forge::start().await.refuses_with(claim, value.clone()).await, "{claim}: {value}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token_and_the_reverse() {
    let mut forge = Forge::start().await;
    let access = forge.sign();
    assert!(forge.verifier.verify(&access, TokenKind::Refresh).await.is_err());
    forge.header.typ = Some("rt+jwt".to_owned());
    assert!(!forge.accepts(&forge.sign()).await, "the kind is in the header");
    forge.claims["token_type"] = json!("refresh");
    let refresh = forge.sign();
    assert!(forge.verifier.verify(&refresh, TokenKind::Refresh).await.is_ok());
    forge.header.typ = Some("at+jwt".to_owned());
    assert!(!forge.accepts(&forge.sign()).await, "and in a claim");
}

#[tokio::test]
async fn an_unsigned_token_is_refused_however_none_is_spelled() {
    let forge = Forge::start().await;
    let [_, claims, signature] = parts(&forge.sign());
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let kid = forge.key.public_key().id();
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": kid}).to_string();
        let header = URL_SAFE_NO_PAD.encode(header);
        assert!(!forge.accepts(&format!("{header}.{claims}.")).await);
        assert!(!forge.accepts(&format!("{header}.{claims}.{signature}")).await);
    }
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_an_hmac_secret_is_refused() {
    let mut forge = Forge::start().await;
    forge.header.alg = Algorithm::HS256;
    let jwk = serde_json::to_value(forge.key.public_key().jwk()).unwrap();
    let x = jwk["x"].as_str().unwrap();
    for secret in [x.as_bytes(), &URL_SAFE_NO_PAD.decode(x).unwrap(), jwk.to_string().as_bytes()] {
        let token = encode(&forge.header, &forge.claims, &EncodingKey::from_secret(secret)).unwrap();
        assert!(!forge.accepts(&token).await);
    }
}

#[tokio::test]
async fn a_token_of_another_key_is_refused_whichever_key_it_names() {
    let mut forge = Forge::start().await;
    let right = forge.header.kid.clone();
    forge.key = SigningKey::derive(b"another secret, another secret, a").unwrap();
    assert!(!forge.accepts(&forge.sign()).await, "signed by another key than it names");
    forge.header.kid = Some(forge.key.public_key().id().to_owned());
    assert!(!forge.accepts(&forge.sign()).await, "names a key that nobody published");
    for kid in [None, Some(String::new()), Some("../../dev/null".to_owned()), right.map(|kid| kid + "x")] {
        forge.header.kid = kid;
        assert!(!forge.accepts(&forge.sign()).await);
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_used() {
    let mut forge = Forge::start().await;
    let own = SigningKey::derive(b"another secret, another secret, a").unwrap();
    forge.header.jwk = Some(own.public_key().jwk().clone());
    forge.header.jku = Some("https://127.0.0.1/jwks.json".to_owned());
    forge.key = own;
    assert!(!forge.accepts(&forge.sign()).await);
}

#[tokio::test]
async fn critical_extensions_are_refused() {
    let mut forge = Forge::start().await;
    forge.header.crit = Some(vec!["exp".to_owned()]);
    assert!(!forge.accepts(&forge.sign()).await);
    let kid = forge.key.public_key().id();
    for crit in [json!([]), json!(["b64"]), json!("exp"), json!({})] {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid, "crit": crit, "b64": true});
        assert!(!forge.accepts(&forge.sign_parts(&header.to_string(), &forge.claims.to_string())).await, "{crit}");
    }
}

#[tokio::test]
async fn a_token_of_another_algorithm_is_refused_even_with_a_good_signature() {
    let forge = Forge::start().await;
    let kid = forge.key.public_key().id();
    for algorithm in ["ES256", "RS256", "PS512", "HS512", "Ed25519", "eddsa", "EDDSA"] {
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": kid}).to_string();
        assert!(!forge.accepts(&forge.sign_parts(&header, &forge.claims.to_string())).await, "{algorithm}");
    }
}

#[tokio::test]
async fn a_kid_that_is_a_path_or_a_query_leads_nowhere() {
    let mut forge = Forge::start().await;
    let right = forge.key.public_key().id().to_owned();
    for kid in [
        "../../dev/null",
        "/proc/self/environ",
        "file:///dev/null",
        "http://127.0.0.1/key",
        "JWK#",
        &format!("JWK#{right}"),
        &format!("../JWK#{right}"),
        &format!("{right}\0"),
        "' OR '1'='1",
        "*",
    ] {
        forge.header.kid = Some(kid.to_owned());
        forge.test.clock.advance(UNKNOWN_KEY_PAUSE);
        forge.test.recorder.clear();
        assert!(!forge.accepts(&forge.sign()).await, "{kid}");
        let asked: Vec<Value> = forge.test.recorder.requests().into_iter().map(|request| request.body).collect();
        assert!(!json!(asked).to_string().contains(&json!(kid).to_string()), "{kid} is part of no request");
    }
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let forge = Forge::start().await;
    let token = forge.sign();
    let [header, claims, signature] = parts(&token);
    let richer = URL_SAFE_NO_PAD.encode(forge.claims.to_string().replace("\"epoch\":1", "\"epoch\":2"));
    assert!(!forge.accepts(&format!("{header}.{richer}.{signature}")).await);
    for token in ["", ".", "..", "a.b.c", &format!("{token}x"), &format!("{token}="), &format!("{header}.{claims}")] {
        assert!(!forge.accepts(token).await, "{token}");
    }
}

#[tokio::test]
async fn a_claim_that_is_there_twice_is_refused() {
    let forge = Forge::start().await;
    let kid = forge.key.public_key().id();
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}).to_string();
    let claims = forge.claims.to_string();
    assert!(forge.accepts(&forge.sign_parts(&header, &claims)).await);
    let twice = claims.replacen('{', "{\"epoch\":7,", 1);
    assert!(!forge.accepts(&forge.sign_parts(&header, &twice)).await);
}

#[tokio::test]
async fn a_token_that_is_too_long_is_not_even_read() {
    let mut forge = Forge::start().await;
    forge.claims["padding"] = json!("x".repeat(100 * 1024));
    forge.test.recorder.clear();
    assert!(!forge.accepts(&forge.sign()).await);
    assert!(forge.test.recorder.requests().is_empty());
}

#[tokio::test]
async fn a_storm_of_unknown_keys_makes_one_look_a_second() {
    let mut forge = Forge::start().await;
    let good = forge.sign();
    forge.header.kid = Some("unknown".to_owned());
    let unknown = forge.sign();
    forge.test.recorder.clear();
    for _ in 0..20 {
        assert!(!forge.accepts(&unknown).await);
        assert!(forge.accepts(&good).await);
    }
    assert_eq!(forge.test.recorder.requests().len(), 1);
    forge.test.clock.advance(UNKNOWN_KEY_PAUSE);
    assert!(!forge.accepts(&unknown).await);
    assert_eq!(forge.test.recorder.requests().len(), 2);
}

#[tokio::test]
async fn the_key_set_is_read_again_after_ten_minutes() {
    let mut forge = Forge::start().await;
    forge.test.recorder.clear();
    forge.claims["exp"] = json!(NOW.seconds() + 10_000);
    let token = forge.sign();
    assert!(forge.accepts(&token).await);
    forge.test.clock.advance(KEY_SET_MAX_AGE);
    assert!(forge.accepts(&token).await);
    assert!(forge.accepts(&token).await);
    assert_eq!(forge.test.recorder.requests().len(), 1);
}

#[tokio::test]
async fn known_keys_go_on_while_the_table_is_away_and_it_is_not_asked_each_time() {
    let mut forge = Forge::start().await;
    forge.claims["exp"] = json!(NOW.seconds() + 10_000);
    let token = forge.sign();
    assert!(forge.accepts(&token).await);
    forge.test.clock.advance(KEY_SET_MAX_AGE);
    forge.test.recorder.clear();
    forge.test.recorder.fail_next("Query", Fault::NotApplied, 100);
    for _ in 0..5 {
        assert!(forge.accepts(&token).await);
    }
    assert!(forge.test.recorder.requests().len() <= 3, "one load, of three attempts at most");
}

#[tokio::test]
async fn a_key_that_could_not_be_looked_for_is_not_called_unknown() {
    let mut forge = Forge::start().await;
    forge.header.kid = Some("unknown".to_owned());
    let unknown = forge.sign();
    forge.test.recorder.fail_next("Query", Fault::NotApplied, 3);
    for _ in 0..3 {
        let outcome = forge.verifier.verify(&unknown, TokenKind::Access).await;
        assert!(matches!(outcome, Err(IdentityError::Unavailable(_))));
    }
    forge.test.clock.advance(UNKNOWN_KEY_PAUSE);
    assert!(!forge.accepts(&unknown).await);
}

#[tokio::test]
async fn without_any_keys_a_token_is_not_called_wrong() {
    let forge = Forge::start().await;
    let missing = Table::new(forge.test.table.client().clone(), "no-such-table");
    let verifier = Verifier::start(missing, forge.test.clock.clone()).await;
    let outcome = verifier.verify(&forge.sign(), TokenKind::Access).await;
    assert!(matches!(outcome, Err(IdentityError::Unavailable(_))));
}

#[tokio::test]
async fn while_there_is_no_key_at_all_every_token_is_looked_at_since_the_first_key_is_used_at_once() {
    let forge = Forge::start().await;
    let test = TestPeople::start().await;
    let verifier = Verifier::start(test.table.clone(), test.clock.clone()).await;
    let token = forge.sign();
    for _ in 0..2 {
        let outcome = verifier.verify(&token, TokenKind::Access).await;
        assert!(matches!(outcome, Err(IdentityError::Unavailable(_))));
    }
    let at_once = Handover { publicity: Duration::ZERO, retirement: Duration::ZERO };
    KeySet::new(test.table.clone()).publish(forge.key.public_key(), &[], at_once, &test.clock).await.unwrap();
    assert!(verifier.verify(&token, TokenKind::Access).await.is_ok());
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}
