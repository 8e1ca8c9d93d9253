//! Pages of other origins: the headers that browsers get, with `CORS_ORIGINS` and without.

use testkit::gateway::{Payload, Request, Response};

use crate::refusals::refused;
use crate::requests::{
    COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, TEXT_COMPLETIONS, balance, chat, completion, log_in, message,
    of_page, with_cookie,
};
use crate::world::{PASSWORD, Tokens, World};

const PAGE: &str = "https://app.example.com";

const ALLOWED_HEADERS: &str = "Anthropic-Beta, Anthropic-Dangerous-Direct-Browser-Access, Anthropic-Version, Authorization, \
                               Api-Key, Content-Type, Idempotency-Key, X-Api-Key, *";

fn from_page(request: Request) -> Request {
    request.header("Origin", PAGE)
}

/// A browser's preflight before a page of `origin` may send a `POST`.
fn preflight(path: &str, origin: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,content-type,x-session,x-stainless-os")
}

fn says_nothing_of_cors(response: &Response) -> bool {
    !response.headers.keys().any(|name| name.starts_with("access-control-"))
}

#[tokio::test]
async fn without_the_setting_no_answer_says_anything_about_other_origins() {
    let world = World::start().await;
    for payload in [Payload::V1, Payload::V2] {
        let response = world.stack.send_as(preflight("/chatView/", PAGE), payload).await;
        assert_eq!((response.status, response.headers["allow"].as_str()), (405, "POST"));
        assert!(says_nothing_of_cors(&response) && !response.headers.contains_key("vary"), "{response:?}");
    }
    let response = world.stack.send(from_page(balance())).await;
    assert!(says_nothing_of_cors(&response), "{response:?}");
}

#[tokio::test]
async fn a_page_of_an_origin_in_the_setting_may_use_every_endpoint_and_read_every_answer() {
    let world = World::start_with(&[("CORS_ORIGINS", "http://localhost:5173, https://app.example.com")]).await;
    for path in ["/chatView/", COMPLETIONS, TEXT_COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES] {
        for payload in [Payload::V1, Payload::V2] {
            let response = world.stack.send_as(preflight(path, PAGE), payload).await;
            assert_eq!((response.status, response.body.as_str()), (204, ""), "{response:?}");
            let told = ["allow-origin", "allow-methods", "allow-headers", "max-age"]
                .map(|name| response.headers[&format!("access-control-{name}")].as_str());
            assert_eq!(told, [PAGE, "POST", ALLOWED_HEADERS, "7200"]);
            assert_eq!(response.headers["vary"], "Origin");
        }
    }
    world.register("ada", 100).await;
    let access = world.log_in("ada").await.access;
    for (status, request) in [
        (200, chat().bearer(&access)),
        (200, completion(true).bearer(&access)),
        (401, completion(true)),
        (400, message("").bearer(&access)),
        (405, Request::new("OPTIONS", "/chatView/")),
    ] {
        let response = world.stack.send(from_page(request)).await;
        assert_eq!((response.status, response.headers["access-control-allow-origin"].as_str()), (status, PAGE));
        assert_eq!(response.headers["vary"], "Origin");
        let exposed = &response.headers["access-control-expose-headers"].to_ascii_lowercase();
        let always = ["access-control-", "allow", "cache-control", "content-", "vary"];
        for name in response.headers.keys().filter(|name| !always.iter().any(|prefix| name.starts_with(prefix))) {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}");
        }
    }
}

#[tokio::test]
async fn pages_are_never_allowed_to_send_credentials() {
    for setting in ["*", PAGE] {
        let world = World::start_with(&[("CORS_ORIGINS", setting)]).await;
        world.register("ada", 100).await;
        let Tokens { access, refresh } = world.log_in("ada").await;
        for (status, request) in [
            (204, preflight("/chatView/", PAGE)),
            (204, preflight(COMPLETIONS, PAGE)),
            (200, from_page(chat().bearer(&access))),
            (200, from_page(completion(true).bearer(&access))),
            (401, from_page(balance())),
            (204, preflight("/login/", PAGE)),
            (204, preflight("/token/refresh/", PAGE)),
            (204, preflight("/logout/", PAGE)),
            (200, from_page(of_page(log_in("ada", PASSWORD)))),
            (200, from_page(of_page(with_cookie(Request::post("/token/refresh/"), &refresh)))),
            (401, from_page(of_page(Request::post("/token/refresh/")))),
            (204, from_page(of_page(with_cookie(Request::post("/logout/"), &refresh)))),
        ] {
            let response = world.stack.send(request).await;
            assert_eq!(response.status, status, "{response:?}");
            assert!(response.headers.contains_key("access-control-allow-origin"), "{response:?}");
            assert!(!response.headers.contains_key("access-control-allow-credentials"), "{response:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_nothing() {
    let world = World::start_with(&[("CORS_ORIGINS", PAGE)]).await;
    for origin in ["https://evil.example", "http://app.example.com", "https://app.example.com:8443", "null"] {
        let response = world.stack.send(preflight("/token_balance/", origin)).await;
        assert!(response.status == 405 && says_nothing_of_cors(&response), "{response:?}");
        assert_eq!(response.headers["vary"], "Origin");
        let response = world.stack.send(balance().header("Origin", origin)).await;
        assert!(response.status == 401 && says_nothing_of_cors(&response), "{response:?}");
    }
}

/// A request without the header needs no preflight, and browsers send one of a neighbour's page, which is of the same site, with
/// the cookie. The cookie is not looked at.
#[tokio::test]
async fn a_request_that_a_browser_sends_without_a_preflight_does_nothing_with_the_cookie() {
    for setting in ["*", PAGE] {
        let (world, ada) = World::with_ada(100, &[("CORS_ORIGINS", setting)]).await;
        for (path, fields) in [("/token/refresh/", &[][..]), ("/logout/", &[]), ("/logout/", &[("everywhere", "true")])]
        {
            let form = with_cookie(Request::post(path).form(fields), &ada.refresh);
            for content_type in [None, Some("text/plain")] {
                let bare = with_cookie(Request::post(path).body(content_type, Vec::new()), &ada.refresh);
                refused(&world, from_page(bare), 400, "invalid").await;
            }
            let response = refused(&world, from_page(form), 400, "invalid").await;
            assert!(!response.headers.contains_key("access-control-allow-credentials"), "{response:?}");
        }
        let refreshed = world.stack.send(of_page(with_cookie(Request::post("/token/refresh/"), &ada.refresh))).await;
        assert_eq!(refreshed.status, 200, "the session goes on");
    }
}
