//! Bad input at every endpoint that takes input: the answer is a problem with the right status and code, and the table
//! is unchanged.

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::stack::JWT_SIGNING_SECRET;

use crate::forgery;
use crate::refusals::refused;
use crate::requests::{UNKNOWN_ID, balance, chat, receipt};
use crate::world::{PASSWORD, Tokens, World, an_hour_ago};

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const MULTIPART: Option<&str> = Some("multipart/form-data; boundary=x");

fn body(path: &str, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Request {
    Request::post(path).body(content_type, body.into())
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_by_every_endpoint_that_takes_one() {
    let (world, Tokens { access, .. }) = World::with_ada(100, &[]).await;
    let too_large = format!("{{\"message\":\"{}\"}}", "x".repeat(64 * 1024));
    let paths = ["/register/", "/login/", "/token/refresh/", "/token/verify/", "/logout/", "/password/"];
    for path in paths.into_iter().chain(["/chatView/", "/keys/"]) {
        for (content_type, bytes, status, code) in [
            (JSON, &b"{"[..], 400, "parse_error"),
            (JSON, b"hello", 400, "parse_error"),
            (JSON, b"{} {}", 400, "parse_error"),
            (None, b"not json either", 400, "parse_error"),
            (FORM, b"username=%FF&password=%FF&refresh=%FF&token=%FF&message=%FF&name=%FF", 400, "parse_error"),
            (JSON, b"", 400, "invalid"),
            (None, b"", 400, "invalid"),
            (JSON, b"[]", 400, "invalid"),
            (JSON, b"[{\"username\":\"bob\"}]", 400, "invalid"),
            (JSON, b"42", 400, "invalid"),
            (JSON, b"null", 400, "invalid"),
            (JSON, b"{}", 400, "invalid"),
            (FORM, b"nothing=here", 400, "invalid"),
            (JSON, too_large.as_bytes(), 413, "too_large"),
            (FORM, too_large.as_bytes(), 413, "too_large"),
            (Some("application/xml"), b"<message/>", 415, "unsupported_media_type"),
            (Some("text/plain"), b"{}", 415, "unsupported_media_type"),
            (MULTIPART, b"--x", 400, "parse_error"),
            (MULTIPART, b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb", 400, "parse_error"),
            (Some("multipart/form-data"), b"--x--", 400, "parse_error"),
            (MULTIPART, b"--x--", 400, "invalid"),
            (MULTIPART, too_large.as_bytes(), 413, "too_large"),
            (Some("multipart/mixed; boundary=x"), b"--x--", 415, "unsupported_media_type"),
        ] {
            refused(&world, body(path, content_type, bytes).bearer(&access), status, code).await;
        }
    }
}

#[tokio::test]
async fn a_file_in_a_form_is_refused_by_the_name_of_its_field() {
    let (world, Tokens { access, .. }) = World::with_ada(100, &[]).await;
    let file = b"--x\r\nContent-Disposition: form-data; name=\"message\"; filename=\"a.txt\"\r\n\r\nHello\r\n--x--\r\n";
    for path in ["/register/", "/login/", "/token/refresh/", "/chatView/"] {
        let response = refused(&world, body(path, MULTIPART, *file).bearer(&access), 400, "invalid").await;
        assert_eq!(response.json()["errors"], json!({"message": ["Send a text, not a file."]}), "{path}");
    }
}

#[tokio::test]
async fn a_field_that_is_missing_blank_null_not_text_or_too_long_is_named() {
    let (world, Tokens { access, .. }) = World::with_ada(100, &[]).await;
    let good = json!({
        "username": "bob", "password": PASSWORD, "refresh": "x", "token": "x", "message": "Hello",
        "current_password": PASSWORD, "new_password": "an even better horse",
        "name": "my program",
    });
    for (path, fields) in [
        ("/register/", &["username", "password"][..]),
        ("/login/", &["username", "password"]),
        ("/token/refresh/", &["refresh"]),
        ("/logout/", &["refresh"]),
        ("/password/", &["current_password", "new_password"]),
        ("/token/verify/", &["token"]),
        ("/chatView/", &["message"]),
        ("/keys/", &["name", "password"]),
    ] {
        for field in fields {
            for bad in [
                None,
                Some(json!("")),
                Some(json!(" \t\n")),
                Some(Value::Null),
                Some(json!(1)),
                Some(json!(true)),
                Some(json!(["x"])),
                Some(json!({"x": "y"})),
                Some(json!("nul\0nul\0nul")),
            ] {
                let mut fields = good.clone();
                match bad {
                    Some(value) => fields[field] = value,
                    None => drop(fields.as_object_mut().unwrap().remove(*field)),
                }
                let request = Request::post(path).json(&fields).bearer(&access);
                let response = refused(&world, request, 400, "invalid").await;
                let errors = &response.json()["errors"];
                assert_eq!(errors.as_object().unwrap().keys().collect::<Vec<_>>(), [field], "{errors}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_does_not_prove_who_they_are_gets_nothing() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let expired = world.log_in_at("ada", an_hour_ago(), JWT_SIGNING_SECRET).await.access;
    let other_key = forgery::token_of_another_key().await.access;
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    for (authorization, code) in [
        (None, "not_authenticated"),
        (Some("Basic YWRhOnBhc3N3b3Jk".to_owned()), "not_authenticated"),
        (Some(ada.access.clone()), "not_authenticated"),
        (Some("Bearer".to_owned()), "token_not_valid"),
        (Some(format!("Bearer {} {}", ada.access, ada.access)), "token_not_valid"),
        (bearer("garbage"), "token_not_valid"),
        (bearer("a.b.c"), "token_not_valid"),
        (bearer(&other_key), "token_not_valid"),
        (bearer(&forgery::unsigned(&ada.access)), "token_not_valid"),
        (bearer(&forgery::signed_with_the_public_key(&ada.access)), "token_not_valid"),
        (bearer(&expired), "token_not_valid"),
        (bearer(&ada.refresh), "token_not_valid"),
        (bearer(&"x".repeat(100 * 1024)), "token_not_valid"),
    ] {
        let lists = ["/transactions/", "/messages/", "/export/"].map(Request::get);
        for request in lists.into_iter().chain([balance(), receipt(UNKNOWN_ID), chat()]) {
            let request = match &authorization {
                Some(value) => request.header("Authorization", value),
                None => request,
            };
            refused(&world, request, 401, code).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let world = World::start().await;
    for (path, allowed) in [
        ("/register/", "POST"),
        ("/login/", "POST"),
        ("/token/refresh/", "POST"),
        ("/token/verify/", "POST"),
        ("/token_balance/", "GET, HEAD"),
        ("/chatView/", "POST"),
        ("/transactions/", "GET, HEAD"),
        ("/usage/", "GET, HEAD"),
        ("/messages/", "GET, HEAD"),
        ("/export/", "GET, HEAD"),
        ("/conversations/", "GET, HEAD, POST"),
        ("/conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV/", "PATCH, DELETE"),
        ("/conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV/messages/", "GET, HEAD"),
        ("/transactions/01ARZ3NDEKTSV4RRFFQ69G5FAV/receipt/", "GET, HEAD"),
        ("/.well-known/jwks.json", "GET, HEAD"),
        ("/.well-known/receipt-keys.json", "GET, HEAD"),
    ] {
        // The answer to a HEAD has no body: see head.rs.
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if !allowed.contains(method) {
                let response = refused(&world, Request::new(method, path), 405, "method_not_allowed").await;
                assert_eq!(response.headers["allow"], allowed);
            }
        }
    }
}
