//! What bad input gets: a problem with the right status and code, and nothing changed in the table.

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::stack::JWT_SIGNING_SECRET;

use crate::forgery;
use crate::world::{PASSWORD, World, an_hour_ago, days_ago};

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// Sends `request` in both payload versions: each must be refused with the same status and code,
/// as a problem, and leave the table as it was.
pub async fn refused(world: &World, request: Request, status: u16, code: &str) -> Response {
    let described = format!("{request:?}");
    let before = world.items().await;
    let response = world.stack.send_as(request.clone(), Payload::V2).await;
    assert_eq!((response.status, response.json()["code"].as_str()), (status, Some(code)), "{described}");
    let response = world.stack.send_as(request, Payload::V1).await;
    let problem = response.json();
    assert_eq!((response.status, problem["code"].as_str()), (status, Some(code)), "{described}");
    assert_eq!(response.headers["content-type"], "application/problem+json");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(problem["status"], status);
    assert!(["type", "title", "detail"].iter().all(|member| problem[*member].is_string()), "{problem}");
    assert_eq!(response.headers.contains_key("www-authenticate"), status == 401, "{described}");
    assert!(world.items().await == before, "was refused and changed the table: {described}");
    response
}

fn body(path: &str, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Request {
    Request::post(path).body(content_type, body.into())
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_by_every_endpoint_that_takes_one() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
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
            (Some("multipart/form-data; boundary=x"), b"--x--", 415, "unsupported_media_type"),
        ] {
            refused(&world, body(path, content_type, bytes).bearer(&access), status, code).await;
        }
    }
}

#[tokio::test]
async fn a_field_that_is_missing_blank_null_not_text_or_too_long_is_named() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
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
        ("/keys/", &["name"]),
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
async fn names_and_passwords_outside_the_rule_are_refused() {
    let world = World::start().await;
    let long_name = "x".repeat(151);
    let long_password = "x".repeat(1025);
    for (username, password) in [
        (long_name.as_str(), PASSWORD),
        ("bob smith", PASSWORD),
        ("bob\0", PASSWORD),
        ("<script>", PASSWORD),
        ("bob", "1234567"),
        ("bob", long_password.as_str()),
        ("bob.the.builder", "Bob.The.Builder"),
    ] {
        let fields = json!({"username": username, "password": password});
        refused(&world, Request::post("/register/").json(&fields), 400, "invalid").await;
        let form = Request::post("/register/").form(&[("username", username), ("password", password)]);
        refused(&world, form, 400, "invalid").await;
    }
}

#[tokio::test]
async fn a_common_password_is_refused_where_the_setting_says_so() {
    let registration =
        |password: &str| Request::post("/register/").json(&json!({"username": "bob", "password": password}));
    let world = World::start_with(&[("PASSWORD_BLOCKLIST", "true")]).await;
    for password in ["password1", "Password1", "12345678"] {
        let problem = refused(&world, registration(password), 400, "invalid").await.json();
        assert_eq!(problem["errors"], json!({"password": ["This password is too common."]}));
    }
    assert_eq!(world.stack.send(registration(PASSWORD)).await.status, 201);
    let passwords = json!({"current_password": PASSWORD, "new_password": "password1"});
    let change = Request::post("/password/").json(&passwords).bearer(&world.log_in("bob").await.access);
    let problem = refused(&world, change, 400, "invalid").await.json();
    assert_eq!(problem["errors"], json!({"new_password": ["This password is too common."]}));
    let world = World::start().await;
    assert_eq!(world.stack.send(registration("password1")).await.status, 201, "by default it is not");
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let world = World::start().await;
    world.register("Ada", 100).await;
    for username in ["Ada", "ada", "ADA", "Ａｄａ"] {
        let fields = json!({"username": username, "password": PASSWORD});
        refused(&world, Request::post("/register/").json(&fields), 409, "username_taken").await;
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let guess = |username: &str, password: &str| {
        Request::post("/login/").json(&json!({"username": username, "password": password}))
    };
    let wrong = refused(&world, guess("ada", "wrong password"), 401, "invalid_credentials").await;
    let short = refused(&world, guess("ada", "x"), 401, "invalid_credentials").await;
    let unknown = refused(&world, guess("nobody", PASSWORD), 401, "invalid_credentials").await;
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.body, short.body);
    assert_eq!(wrong.headers, unknown.headers);
}

#[tokio::test]
async fn whoever_does_not_prove_who_they_are_gets_nothing() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let ada = world.log_in("ada").await;
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
        for request in [
            Request::get("/token_balance/"),
            Request::get("/transactions/"),
            Request::get("/messages/"),
            Request::post("/chatView/").json(&json!({"message": "Hello"})),
        ] {
            let request = match &authorization {
                Some(value) => request.header("Authorization", value),
                None => request,
            };
            refused(&world, request, 401, code).await;
        }
    }
}

#[tokio::test]
async fn only_a_refresh_token_of_a_living_session_refreshes() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let ada = world.log_in("ada").await;
    let expired = world.log_in_at("ada", days_ago(2), JWT_SIGNING_SECRET).await.refresh;
    let other_key = forgery::token_of_another_key().await.refresh;
    for token in [
        "garbage",
        &ada.access,
        &expired,
        &other_key,
        &forgery::unsigned(&ada.refresh),
        &forgery::signed_with_the_public_key(&ada.refresh),
    ] {
        let request = Request::post("/token/refresh/").json(&json!({"refresh": token}));
        refused(&world, request, 401, "token_not_valid").await;
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
        ("/token_balance/", "GET"),
        ("/chatView/", "POST"),
        ("/transactions/", "GET"),
        ("/messages/", "GET"),
        ("/.well-known/jwks.json", "GET"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
            if method != allowed {
                let response = refused(&world, Request::new(method, path), 405, "method_not_allowed").await;
                assert_eq!(response.headers["allow"], allowed);
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_the_balance_does_not_cover_costs_nothing() {
    let world = World::start_with(&[("MESSAGE_COST", "5")]).await;
    world.register("grace", 4).await;
    let access = world.log_in("grace").await.access;
    let request = Request::post("/chatView/").json(&json!({"message": "Hello"})).bearer(&access);
    let problem = refused(&world, request, 402, "insufficient_tokens").await.json();
    assert_eq!((&problem["balance"], &problem["cost"]), (&json!(4), &json!(5)));
}

#[tokio::test]
async fn a_page_that_nobody_has_is_refused_and_says_which_parameter_is_wrong() {
    let world = World::start().await;
    for username in ["ada", "grace"] {
        world.register(username, 100).await;
    }
    let access = world.log_in("ada").await.access;
    let first = world.stack.send(Request::get("/transactions/").query("limit", "1").bearer(&access)).await;
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    let grace = world.log_in("grace").await.access;
    let tampered = cursor.replacen(|character: char| character.is_ascii_lowercase(), "_", 1);
    for (path, token, parameter, value) in [
        ("/transactions/", &grace, "cursor", cursor.as_str()),
        ("/messages/", &access, "cursor", &cursor),
        ("/transactions/", &access, "cursor", &tampered),
        ("/transactions/", &access, "cursor", ""),
        ("/messages/", &access, "cursor", "ÿ&limit=1"),
        ("/transactions/", &access, "limit", "0"),
        ("/messages/", &access, "limit", "101"),
        ("/messages/", &access, "limit", "ten"),
        ("/messages/", &access, "limit", ""),
    ] {
        let request = Request::get(path).query(parameter, value).bearer(token);
        let problem = refused(&world, request, 400, "invalid").await.json();
        assert_eq!(problem["errors"].as_object().unwrap().keys().collect::<Vec<_>>(), [parameter], "{problem}");
    }
    let both = Request::get("/messages/").query("limit", "x").query("cursor", "x").bearer(&access);
    assert_eq!(refused(&world, both, 400, "invalid").await.json()["errors"].as_object().unwrap().len(), 2);
}
