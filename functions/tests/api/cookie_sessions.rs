//! Sessions of pages in browsers, whose refresh token is in a cookie: `/login/`, `/token/refresh/` and `/logout/` with
//! `X-Session: cookie`. That pages of other origins cannot use the cookie is in `cors.rs` too.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::recorder::Fault;
use testkit::runtime_api::Function;
use testkit::stack::JWT_SIGNING_SECRET;

use crate::forgery;
use crate::refusals::{refused, status_and_code};
use crate::requests::{balance, log_in, of_page, refresh, with_cookie};
use crate::world::{PASSWORD, Tokens, World, binary, days_ago};

/// A cookie in an answer.
#[derive(Clone, Debug, PartialEq)]
struct KeptCookie {
    token: String,
    max_age_seconds: u64,
    path: String,
}

impl KeptCookie {
    /// The only cookie of an answer, which must have every attribute that keeps others away.
    fn of(response: &Response) -> Self {
        let header = response.headers.get("set-cookie").unwrap_or_else(|| panic!("no cookie: {response:?}"));
        let [token, max_age, path, "Secure", "HttpOnly", "SameSite=Strict"] =
            header.split("; ").collect::<Vec<_>>()[..]
        else {
            panic!("{header}")
        };
        let value = |part: &str, name: &str| part.strip_prefix(name).unwrap_or_else(|| panic!("{header}")).to_owned();
        Self {
            token: value(token, "refresh_token="),
            max_age_seconds: value(max_age, "Max-Age=").parse().unwrap(),
            path: value(path, "Path="),
        }
    }

    fn is_cleared(&self) -> bool {
        self.token.is_empty() && self.max_age_seconds == 0
    }
}

fn refresh_of_page(token: &str) -> Request {
    with_cookie(of_page(Request::post("/token/refresh/")), token)
}

fn log_out_of_page(token: &str, body: &Value) -> Request {
    with_cookie(of_page(Request::post("/logout/").json(body)), token)
}

/// The members of a body, sorted by name.
fn members(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{response:?}");
    let body: BTreeMap<String, Value> = serde_json::from_str(&response.body).unwrap();
    body.into_keys().collect()
}

/// Logs Ada in as a page does.
async fn log_page_in(world: &World) -> (String, Tokens) {
    let response = world.stack.send(of_page(log_in("ada", PASSWORD))).await;
    let KeptCookie { token: refresh, path, .. } = KeptCookie::of(&response);
    let access = response.json()["access_token"].as_str().unwrap().to_owned();
    (path, Tokens { access, refresh })
}

#[tokio::test]
async fn a_login_of_a_page_puts_the_refresh_token_into_a_cookie_and_nowhere_else() {
    let world = World::start().await;
    world.register("ada", 100).await;
    for (payload, root) in [(Payload::V1, "/Prod/"), (Payload::V2, "/")] {
        let response = world.stack.send_as(of_page(log_in("ada", PASSWORD)), payload).await;
        assert_eq!(members(&response), ["access_token", "user"]);
        let cookie = KeptCookie::of(&response);
        assert_eq!(cookie.path, root);
        let day = 24 * 60 * 60;
        assert!((day - 60..=day).contains(&cookie.max_age_seconds), "{cookie:?}");
        assert!(!response.body.contains(&cookie.token));
        assert_eq!(response.headers["cache-control"], "no-store");
        assert_eq!(world.stack.send(refresh(&cookie.token)).await.status, 200, "it is a token like any other");
    }
}

#[tokio::test]
async fn without_the_header_no_answer_has_a_cookie_and_none_is_looked_at() {
    let (world, ada) = World::with_ada(100, &[("ROTATE_REFRESH_TOKENS", "true")]).await;
    world.register("bob", 100).await;
    let bob = world.log_in("bob").await;
    let logged_in = world.stack.send(with_cookie(log_in("ada", PASSWORD), &bob.refresh)).await;
    assert_eq!(members(&logged_in), ["access_token", "refresh_token", "user"]);
    let refreshed = world.stack.send(with_cookie(refresh(&ada.refresh), &bob.refresh)).await;
    assert_eq!(members(&refreshed), ["access_token", "refresh_token"]);
    let next = refreshed.json()["refresh_token"].as_str().unwrap().to_owned();
    let log_out = with_cookie(Request::post("/logout/").json(&json!({"refresh": next})), &bob.refresh);
    let logged_out = world.stack.send(log_out).await;
    assert_eq!(logged_out.status, 204);
    for response in [logged_in, refreshed, logged_out] {
        assert!(!response.headers.contains_key("set-cookie"), "{response:?}");
    }
    for path in ["/token/refresh/", "/logout/"] {
        refused(&world, with_cookie(Request::post(path), &bob.refresh), 400, "invalid").await;
    }
    assert_eq!(world.stack.send(refresh(&bob.refresh)).await.status, 200, "the session of the cookie goes on");
    let with_cookie_alone = balance().header("Cookie", &format!("refresh_token={}", bob.refresh));
    refused(&world, of_page(with_cookie_alone), 401, "not_authenticated").await;
}

/// API Gateway's event for `request` at an address whose path has `root` before that of the API. At a domain of one's own the
/// path of the mapping is in both places.
fn event_at(request: &Request, root: &str, is_own_domain: bool) -> Value {
    let mut event = request.to_rest_event();
    let path = format!("{root}{}", &request.path()[1..]);
    event["requestContext"]["path"] = json!(path);
    if is_own_domain {
        event["path"] = json!(path);
    }
    event
}

#[tokio::test]
async fn the_cookie_is_for_the_root_of_the_api_wherever_that_is_and_each_answer_names_the_same() {
    let world = World::start_with(&[("ROTATE_REFRESH_TOKENS", "true")]).await;
    world.register("ada", 100).await;
    // The document knows the paths below the root alone, so these functions are not held to it.
    let start = async |name: &str| {
        let function = Function::start(&binary(name), world.stack.environment_of(name));
        function.wait_until_ready().await.unwrap();
        function
    };
    let (login, token_refresh, logout) = (start("login").await, start("token-refresh").await, start("logout").await);
    for (root, is_own_domain) in
        [("/prod/", false), ("/", true), ("/chat/", true), ("/a/b/", true), ("/$default/", false)]
    {
        let send = async |function: &Function, request: Request| {
            KeptCookie::of(&Response::from_event(
                &function.invoke(&event_at(&request, root, is_own_domain)).await.unwrap(),
            ))
        };
        let logged_in = send(&login, of_page(log_in("ada", PASSWORD))).await;
        let refreshed = send(&token_refresh, refresh_of_page(&logged_in.token)).await;
        let logged_out = send(&logout, log_out_of_page(&refreshed.token, &json!({}))).await;
        assert_eq!([&logged_in.path, &refreshed.path, &logged_out.path], [root; 3]);
        assert!(logged_out.is_cleared() && refreshed.token != logged_in.token);
    }
    let without_slash = Request::post("/login").json(&json!({"username": "ada", "password": PASSWORD}));
    assert_eq!(KeptCookie::of(&world.stack.send(of_page(without_slash)).await).path, "/Prod/");
}

#[tokio::test]
async fn a_cookie_refreshes_without_a_body_and_stays_as_it_is_without_rotation() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let (_, page) = log_page_in(&world).await;
    for payload in [Payload::V1, Payload::V2] {
        for request in [refresh_of_page(&page.refresh), refresh_of_page(&page.refresh).json(&json!({}))] {
            let response = world.stack.send_as(request, payload).await;
            assert_eq!(members(&response), ["access_token"]);
            assert!(!response.headers.contains_key("set-cookie"), "{response:?}");
            let access = response.json()["access_token"].as_str().unwrap().to_owned();
            assert_eq!(world.balance(&access).await.0, 100);
        }
    }
}

#[tokio::test]
async fn with_rotation_the_next_token_is_in_the_cookie_and_tabs_that_refresh_at_once_get_the_same() {
    let world = World::start_with(&[("ROTATE_REFRESH_TOKENS", "true")]).await;
    world.register("ada", 100).await;
    let (path, page) = log_page_in(&world).await;
    let tabs = join_all((0..3).map(|_| world.stack.send(refresh_of_page(&page.refresh)))).await;
    let cookies: Vec<KeptCookie> = tabs.iter().map(KeptCookie::of).collect();
    let second = &cookies[0];
    assert_ne!(second.token, page.refresh);
    assert_eq!(second.path, path);
    for (tab, cookie) in tabs.iter().zip(&cookies) {
        assert_eq!(members(tab), ["access_token"]);
        assert_eq!(cookie.token, second.token, "to the letter");
    }
    let third = KeptCookie::of(&world.stack.send(refresh_of_page(&second.token)).await).token;
    // The first token is not the last one before the current one any more: its use ends the session.
    for token in [&page.refresh, &third] {
        let response = world.stack.send(refresh_of_page(token)).await;
        assert_eq!(status_and_code(&response), (401, "token_not_valid".to_owned()));
    }
}

#[tokio::test]
async fn a_cookie_that_is_no_token_of_a_living_session_refreshes_nothing() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let expired = world.log_in_at("ada", days_ago(2), JWT_SIGNING_SECRET).await.refresh;
    let ended = world.log_in("ada").await;
    assert_eq!(world.log_out(&ended, false).await.status, 204);
    refused(&world, of_page(Request::post("/token/refresh/")), 401, "not_authenticated").await;
    for (token, code) in [
        ("", "not_authenticated"),
        ("garbage", "token_not_valid"),
        ("two words", "token_not_valid"),
        (&ada.access, "token_not_valid"),
        (&expired, "token_not_valid"),
        (&ended.refresh, "token_not_valid"),
        (&format!("\"{}\"", ada.refresh), "token_not_valid"),
        (&forgery::unsigned(&ada.refresh), "token_not_valid"),
        (&format!("{}; x={}", ada.refresh, "x".repeat(10_240)), "token_not_valid"),
    ] {
        refused(&world, refresh_of_page(token), 401, code).await;
    }
    world.deactivate("ada").await;
    refused(&world, refresh_of_page(&ada.refresh), 401, "user_inactive").await;
}

#[tokio::test]
async fn of_two_cookies_of_the_name_the_first_counts_which_browsers_send_for_the_longest_path() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let two = |first: &str, second: &str| refresh_of_page(&format!("{first}; refresh_token={second}"));
    for payload in [Payload::V1, Payload::V2] {
        let response = world.stack.send_as(two(&ada.refresh, "that-of-another-api"), payload).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    refused(&world, two("that-of-another-api", &ada.refresh), 401, "token_not_valid").await;
    refused(&world, two("", &ada.refresh), 401, "not_authenticated").await;
}

#[tokio::test]
async fn a_token_in_the_body_beside_the_header_is_refused_and_the_header_has_one_word() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let body = json!({"refresh": ada.refresh});
    for path in ["/token/refresh/", "/logout/"] {
        for request in
            [of_page(Request::post(path).json(&body)), of_page(Request::post(path).json(&json!({"refresh": null})))]
        {
            let refusal = refused(&world, with_cookie(request, &ada.refresh), 400, "invalid").await;
            assert!(refusal.json()["errors"]["refresh"].is_array(), "{refusal:?}");
        }
    }
    for request in [log_in("ada", PASSWORD), refresh(&ada.refresh), Request::post("/logout/").json(&body)] {
        for word in ["Cookie", "body", "", "cookie;"] {
            let refusal = refused(&world, request.clone().header("X-Session", word), 400, "invalid").await;
            assert!(refusal.json()["errors"]["X-Session"].is_array(), "{refusal:?}");
        }
    }
    assert_eq!(world.stack.send(refresh(&ada.refresh)).await.status, 200, "no session has ended");
}

#[tokio::test]
async fn a_logout_ends_the_session_of_the_cookie_and_the_browser_forgets_the_cookie() {
    let world = World::start().await;
    world.register("ada", 100).await;
    for (payload, root) in [(Payload::V1, "/Prod/"), (Payload::V2, "/")] {
        let (_, page) = log_page_in(&world).await;
        // The second logout is of a session that has ended.
        for request in
            [log_out_of_page(&page.refresh, &json!({})), with_cookie(of_page(Request::post("/logout/")), &page.refresh)]
        {
            let response = world.stack.send_as(request, payload).await;
            assert_eq!((response.status, response.body.as_str()), (204, ""));
            let cookie = KeptCookie::of(&response);
            assert!(cookie.is_cleared() && cookie.path == root, "{cookie:?}");
        }
        refused(&world, refresh_of_page(&page.refresh), 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn the_browser_forgets_a_cookie_that_names_no_session_and_nothing_ends() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let expired = world.log_in_at("ada", days_ago(2), JWT_SIGNING_SECRET).await.refresh;
    let before = world.items().await;
    let without = of_page(Request::post("/logout/"));
    let with = |token: &str| log_out_of_page(token, &json!({"everywhere": false}));
    let two_words = with("two words");
    for request in
        [without, with(""), with("garbage"), with(&forgery::unsigned(&ada.refresh)), with(&ada.access), two_words]
    {
        let response = world.stack.send(request).await;
        assert_eq!(response.status, 204, "{response:?}");
        assert!(KeptCookie::of(&response).is_cleared());
        assert!(world.items().await == before);
    }
    let response = world.stack.send(with(&expired)).await;
    assert!(response.status == 204 && KeptCookie::of(&response).is_cleared(), "{response:?}");
    assert_eq!(world.stack.send(refresh(&ada.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_logout_everywhere_takes_a_cookie_of_a_living_session() {
    let (world, other) = World::with_ada(100, &[]).await;
    let (_, page) = log_page_in(&world).await;
    let ended = world.log_in("ada").await;
    assert_eq!(world.log_out(&ended, false).await.status, 204);
    let everywhere = json!({"everywhere": true});
    refused(&world, of_page(Request::post("/logout/").json(&everywhere)), 401, "not_authenticated").await;
    for token in ["garbage", &ended.refresh] {
        refused(&world, log_out_of_page(token, &everywhere), 401, "token_not_valid").await;
    }
    refused(&world, log_out_of_page(&page.refresh, &json!({"keys": true})), 400, "invalid").await;
    let key = world.make_api_key(&page.access).await.key;
    let response = world.stack.send(log_out_of_page(&page.refresh, &json!({"everywhere": true, "keys": true}))).await;
    assert!(response.status == 204 && KeptCookie::of(&response).is_cleared(), "{response:?}");
    for token in [&page.refresh, &other.refresh] {
        refused(&world, refresh(token), 401, "token_not_valid").await;
    }
    for bearer in [&page.access, &other.access, &key] {
        refused(&world, balance().bearer(bearer), 401, "token_not_valid").await;
    }
}

#[tokio::test]
async fn a_logout_that_could_not_end_the_session_leaves_the_cookie() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let (_, page) = log_page_in(&world).await;
    world.stack.function("logout").await;
    world.stack.recorder().fail_next("DeleteItem", Fault::NotApplied, 3);
    let response = world.stack.send(log_out_of_page(&page.refresh, &json!({}))).await;
    assert_eq!(status_and_code(&response), (503, "unavailable".to_owned()));
    assert!(!response.headers.contains_key("set-cookie"), "{response:?}");
    world.stack.recorder().forget_faults();
    assert_eq!(world.stack.send(refresh_of_page(&page.refresh)).await.status, 200);
}
