use super::*;

use std::collections::BTreeMap;

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
use lambda_http::http::HeaderValue;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt};
use shared::domain::time::Timestamp;

const PAGE_TEXT: &[u8] = b"<!doctype html><script src=\"./assets/main-1a2b.js\">";
/// As those of Brotli and gzip, these bytes are no UTF-8.
const BROTLI: &[u8] = &[0x8b, 0x00, 0xff, b'\r', b'\n'];
const GZIP: &[u8] = &[0x1f, 0x8b, 0x08, 0x00];

const FILES: &[ConsoleFile] = &[
    ConsoleFile {
        name: "index.html",
        content_type: "text/html; charset=utf-8",
        tag: "W/\"page\"",
        is_immutable: false,
        plain: PAGE_TEXT,
        encoded: &[(ContentCoding::Brotli, BROTLI), (ContentCoding::Gzip, GZIP)],
    },
    ConsoleFile {
        name: "assets/main-1a2b.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "W/\"main\"",
        is_immutable: true,
        plain: b"1",
        encoded: &[],
    },
    ConsoleFile {
        name: "assets/licences.md",
        content_type: "text/plain; charset=utf-8",
        tag: "W/\"licences\"",
        is_immutable: false,
        plain: b"MIT",
        encoded: &[],
    },
];

/// An answer as a client sees it.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn asked_of(
    files: &'static [ConsoleFile],
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> Result<Seen, ApiError> {
    answer_to(lambda_http::Request::new(Body::Empty).with_raw_http_path(path), files, headers).await
}

async fn answer_to(
    mut received: lambda_http::Request,
    files: &'static [ConsoleFile],
    headers: &[(&'static str, &'static str)],
) -> Result<Seen, ApiError> {
    for (name, value) in headers {
        received.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    let endpoint = ConsoleEndpoint { files, registration: Registration::Invite };
    let answer = endpoint.answer(Request::new(received, Timestamp::from_seconds(0))).await?;
    let Streamable::Whole(answer) = answer else { panic!("it streams nothing") };
    let (parts, body) = answer.into_response().into_parts();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Ok(Seen { status: parts.status.as_u16(), headers: headers.collect(), body: body.to_vec() })
}

async fn asked(path: &str, headers: &[(&'static str, &'static str)]) -> Seen {
    asked_of(FILES, path, headers).await.unwrap()
}

#[tokio::test]
async fn a_browser_gets_the_page_in_the_coding_that_it_prefers_and_asks_again_each_time() {
    for (codings, sent, name) in [
        ("gzip, deflate, br", BROTLI, "br"),
        ("gzip", GZIP, "gzip"),
        ("br;q=0.1, gzip;q=0.2", GZIP, "gzip"),
        ("identity", PAGE_TEXT, ""),
    ] {
        let page = asked("/", &[("accept", "text/html,*/*;q=0.8"), ("accept-encoding", codings)]).await;
        assert_eq!((page.status, page.body.as_slice()), (200, sent), "{codings}");
        assert_eq!((page.header("content-encoding"), page.header("etag")), (name, "W/\"page\""), "{codings}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!((page.header("cache-control"), page.header("vary")), ("no-cache", "Accept, Accept-Encoding"));
    }
    assert_eq!(asked("/", &[]).await.body, PAGE_TEXT, "without these headers too");
}

#[tokio::test]
async fn a_browser_that_has_the_page_gets_a_304_without_a_body() {
    let with_tag =
        |tag: &'static str| async move { asked("/", &[("accept-encoding", "br"), ("if-none-match", tag)]).await };
    for tag in ["W/\"page\"", "\"page\"", "\"old\", W/\"page\"", "*"] {
        let seen = with_tag(tag).await;
        assert_eq!((seen.status, seen.body.len(), seen.header("etag")), (304, 0, "W/\"page\""), "{tag}");
        assert_eq!((seen.header("cache-control"), seen.header("content-encoding")), ("no-cache", ""));
        assert_eq!(seen.header("vary"), "Accept, Accept-Encoding");
    }
    assert_eq!(with_tag("\"old\"").await.status, 200);
}

#[tokio::test]
async fn a_program_that_names_json_gets_a_description_with_links() {
    let seen = asked("/", &[("accept", "application/json"), ("accept-encoding", "br"), ("if-none-match", "*")]).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, "application/json"));
    assert_eq!((seen.header("cache-control"), seen.header("vary")), ("public, max-age=300", "Accept, Accept-Encoding"));
    assert_eq!((seen.header("etag"), seen.header("content-encoding")), ("", ""));
    let expected = serde_json::json!({
        "name": "chat-api",
        "version": env!("CARGO_PKG_VERSION"),
        "registration": "invitation",
        "links": {
            "console": "./", "docs": "docs/", "openapi": "openapi.json", "register": "register/", "login": "login/",
            "models": "v1/models",
        },
    });
    assert_eq!(seen.json(), expected);
}

#[tokio::test]
async fn without_the_console_everybody_gets_the_description_and_no_asset_is_there() {
    for accept in ["text/html", "*/*", "application/json"] {
        let seen = asked_of(&[], "/", &[("accept", accept)]).await.unwrap();
        assert_eq!((seen.status, seen.header("content-type")), (200, "application/json"), "{accept}");
        assert_eq!(seen.json()["links"]["console"], serde_json::Value::Null);
    }
    assert!(matches!(asked_of(&[], "/assets/main-1a2b.js", &[]).await, Err(ApiError::NotFound)));
}

#[tokio::test]
async fn an_asset_whose_name_changes_with_it_is_kept_for_a_year_and_no_other_name_is_one() {
    for path in ["/assets/main-1a2b.js", "/assets/main-1a2b.js/", "/base/assets/main-1a2b.js"] {
        let seen = asked(path, &[("accept", "application/json"), ("accept-encoding", "br")]).await;
        assert_eq!(
            (seen.status, seen.body.as_slice(), seen.header("content-encoding")),
            (200, &b"1"[..], ""),
            "{path}"
        );
        assert_eq!(seen.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!((seen.header("vary"), seen.header("etag")), ("Accept-Encoding", "W/\"main\""));
        assert_eq!(asked(path, &[("if-none-match", "\"main\"")]).await.status, 304);
    }
    assert_eq!(asked("/assets/licences.md", &[]).await.header("cache-control"), "no-cache");
    for name in ["main", "index.html", "main-1a2b.js.br", "..", "%2e%2e", "", "assets"] {
        let seen = asked_of(FILES, &format!("/assets/{name}"), &[]).await;
        // `/assets/` itself is no path of the API: it leads here below a domain's path alone.
        assert!(name.is_empty() || matches!(seen, Err(ApiError::NotFound)), "{name}: {seen:?}");
    }
}

/// A request that API Gateway passes on: at an address, to a path of the template.
fn passed_on(address: &str, route: &str) -> lambda_http::Request {
    let mut context = ApiGatewayProxyRequestContext::default();
    (context.path, context.resource_path) = (Some(address.to_owned()), Some(route.to_owned()));
    let received = lambda_http::Request::new(Body::Empty).with_raw_http_path(address);
    received.with_request_context(RequestContext::ApiGatewayV1(context))
}

#[tokio::test]
async fn a_domain_whose_path_looks_like_that_of_an_asset_has_the_page_and_its_files() {
    for address in ["/assets/v1/", "/assets/v1"] {
        let seen = answer_to(passed_on(address, "/"), FILES, &[]).await.unwrap();
        assert_eq!((seen.status, seen.header("content-type")), (200, "text/html; charset=utf-8"), "{address}");
    }
    let asset = passed_on("/assets/v1/assets/main-1a2b.js", "/assets/{name}");
    assert_eq!(answer_to(asset, FILES, &[]).await.unwrap().body, b"1");
    let other = passed_on("/assets/v1/assets/v1", "/assets/{name}");
    assert!(matches!(answer_to(other, FILES, &[]).await, Err(ApiError::NotFound)));
}

#[tokio::test]
async fn a_page_whose_address_lacks_the_final_slash_names_its_files_from_the_root() {
    let at = |address: &str| passed_on(address, "/");
    let seen = answer_to(at("/prod"), FILES, &[("accept-encoding", "br")]).await.unwrap();
    assert_eq!(seen.body, b"<!doctype html><script src=\"/prod/assets/main-1a2b.js\">");
    assert_eq!((seen.header("cache-control"), seen.header("content-encoding")), ("no-cache", ""));
    assert_eq!(answer_to(at("/prod/"), FILES, &[]).await.unwrap().body, PAGE_TEXT);
}
