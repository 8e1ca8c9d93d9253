//! The console's files through the real binary, as `npm run build` left them; where nobody ran that, there are none. The handler's own
//! tests have files of their own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a finding")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::gateway::{Payload, Request};
use testkit::stack::Stack;
use testkit::template::workspace_root;

/// The content security policy, part by part.
const DIRECTIVES: [&str; 10] = [
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "require-trusted-types-for 'script'",
    "script-src 'self'",
    "style-src 'self'",
    "trusted-types dompurify",
];

/// The parts of a browser that the page may not use.
const REFUSED_FEATURES: [&str; 19] = [
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
];

const OTHER_POLICIES: [(&str, &str); 4] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// A file in the list of the console's build.
#[derive(Deserialize)]
struct BuiltFile {
    name: String,
    #[serde(rename = "type")]
    content_type: String,
    encodings: Vec<String>,
}

impl BuiltFile {
    /// All of them; none if the console was not built.
    fn all() -> Vec<Self> {
        let list = fs::read_to_string(in_dist("files.json"));
        list.map_or_else(|_| Vec::new(), |list| serde_json::from_str(&list).unwrap())
    }

    fn path(&self) -> String {
        if self.name == "index.html" { "/".to_owned() } else { format!("/{}", self.name) }
    }

    fn form(&self, ending: &str) -> Vec<u8> {
        fs::read(in_dist(&format!("{}{ending}", self.name))).unwrap()
    }
}

fn in_dist(name: &str) -> PathBuf {
    workspace_root().join("console/dist").join(name)
}

/// A stack in which no other function is asked.
async fn start() -> Stack {
    Stack::start(|_| PathBuf::from(env!("CARGO_BIN_EXE_console")), &[]).await
}

/// Headers of an answer, and the bytes of its body.
async fn sent(stack: &Stack, path: &str, codings: &str) -> (Value, Vec<u8>) {
    let request = Request::get(path).header("Accept", "text/html, */*;q=0.8").header("Accept-Encoding", codings);
    let mut stream = stack.stream(request).await;
    let prelude = stream.prelude().await.unwrap();
    assert_eq!(prelude["statusCode"], 200, "{path}");
    (prelude["headers"].clone(), stream.bytes().await.unwrap())
}

#[tokio::test]
async fn each_file_is_sent_byte_for_byte_as_it_was_built_in_each_of_its_codings() {
    let stack = start().await;
    for file in BuiltFile::all() {
        let plain = file.form("");
        for (coding, ending) in [("br", ".br"), ("gzip", ".gz"), ("identity", "")] {
            let (headers, body) = sent(&stack, &file.path(), coding).await;
            let is_built = file.encodings.iter().any(|built| built == coding);
            let expected = if is_built { file.form(ending) } else { plain.clone() };
            assert!(body == expected, "{} in {coding}", file.name);
            assert_eq!(headers["content-type"], file.content_type, "{}", file.name);
            let named = if is_built { json!(coding) } else { Value::Null };
            assert_eq!(headers.get("content-encoding").cloned().unwrap_or_default(), named, "{}", file.name);
            if is_built && coding == "gzip" {
                let mut decoded = Vec::new();
                GzDecoder::new(&body[..]).read_to_end(&mut decoded).unwrap();
                assert!(decoded == plain, "{}", file.name);
            }
        }
    }
}

#[tokio::test]
async fn the_page_names_no_other_host_and_its_files_by_relative_addresses_that_are_there() {
    let stack = start().await;
    if BuiltFile::all().is_empty() {
        return;
    }
    let (_, page) = sent(&stack, "/", "identity").await;
    let page = String::from_utf8(page).unwrap();
    let named =
        [" src=\"", " href=\""].map(|before| page.split(before).skip(1).filter_map(|rest| rest.split('"').next()));
    let mut files = 0;
    for address in named.into_iter().flatten() {
        assert!(!address.contains(':') && !address.starts_with('/'), "{address} is not relative");
        let Some(name) = address.strip_prefix("./assets/") else { continue };
        files += 1;
        let response = stack.send(Request::get(&format!("/assets/{name}"))).await;
        assert_eq!(
            (response.status, response.headers["x-content-type-options"].as_str()),
            (200, "nosniff"),
            "{address}"
        );
        assert_eq!(response.headers["cache-control"], "public, max-age=31536000, immutable", "{address}");
    }
    assert!(files > 0, "{page}");
    for inline in ["<script>", "<style", " style=", " onload=", " onclick=", "javascript:", "<base"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn a_client_that_has_a_file_gets_a_304_whatever_coding_it_accepts() {
    let stack = start().await;
    for file in BuiltFile::all() {
        let tag = &stack.send(Request::get(&file.path())).await.headers["etag"];
        for (method, coding) in [("GET", "br"), ("HEAD", "gzip"), ("GET", "identity")] {
            let again =
                Request::new(method, &file.path()).header("Accept-Encoding", coding).header("If-None-Match", tag);
            for payload in [Payload::V1, Payload::V2] {
                let again = stack.send_as(again.clone(), payload).await;
                assert_eq!(
                    (again.status, again.body.as_str(), &again.headers["etag"]),
                    (304, "", tag),
                    "{}",
                    file.name
                );
            }
        }
    }
}

#[tokio::test]
async fn the_page_of_a_stage_without_its_final_slash_names_its_files_from_the_root() {
    let stack = start().await;
    let page = stack.send(Request::get("").header("Accept", "text/html")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body.contains("\"/Prod/assets/"), !BuiltFile::all().is_empty());
    assert!(!page.body.contains("\"./assets/"));
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let stack = start().await;
    let files = BuiltFile::all();
    let stored = if files.is_empty() { 200 } else { 304 };
    let mut cases = vec![
        (Request::get("/").header("Accept", "text/html"), 200),
        (Request::get("/").header("Accept", "application/json"), 200),
        (Request::get("/").header("Accept", "text/html").header("If-None-Match", "*"), stored),
        (Request::new("HEAD", "/"), 200),
    ];
    cases.extend(files.iter().map(|file| (Request::get(&file.path()), 200)));
    for (request, status) in cases {
        let answer = stack.send(request.clone()).await;
        assert_eq!(answer.status, status, "{request:?}");
        let policy = &answer.headers["content-security-policy"];
        assert_eq!(policy.split("; ").collect::<BTreeSet<_>>(), DIRECTIVES.into(), "{request:?}");
        assert!(!policy.contains("unsafe-"), "{policy}");
        let refused = answer.headers["permissions-policy"].split(", ").map(|feature| feature.strip_suffix("=()"));
        let refused: Option<BTreeSet<_>> = refused.collect();
        assert_eq!(refused, Some(REFUSED_FEATURES.into()), "{request:?}");
        for (name, value) in OTHER_POLICIES {
            assert_eq!(answer.headers[name], value, "{request:?}: {name}");
        }
    }
}
