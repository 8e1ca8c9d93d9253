//! `/` and `/assets/{name}`: the console's files as `npm run build` left them, or the description of the API where it was not built.
//!
//! These tests are true of both. The handler's own tests have files of their own.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::template::workspace_root;

use crate::world::World;

/// A file in the list of the console's build.
#[derive(Deserialize)]
struct BuiltFile {
    name: String,
    #[serde(rename = "type")]
    content_type: String,
    encodings: Vec<String>,
    immutable: bool,
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

/// Headers of an answer, and the bytes of its body.
async fn sent(world: &World, path: &str, codings: &str) -> (Value, Vec<u8>) {
    let request = Request::get(path).header("Accept", "text/html, */*;q=0.8").header("Accept-Encoding", codings);
    let mut stream = world.stack.stream(request).await;
    let prelude = stream.prelude().await.unwrap();
    assert_eq!(prelude["statusCode"], 200, "{path}");
    (prelude["headers"].clone(), stream.bytes().await.unwrap())
}

#[tokio::test]
async fn each_file_is_sent_byte_for_byte_as_it_was_built_in_each_of_its_codings() {
    let world = World::start().await;
    for file in BuiltFile::all() {
        let plain = file.form("");
        for (coding, ending) in [("br", ".br"), ("gzip", ".gz"), ("identity", "")] {
            let (headers, body) = sent(&world, &file.path(), coding).await;
            let is_built = file.encodings.iter().any(|built| built == coding);
            let expected = if is_built { file.form(ending) } else { plain.clone() };
            assert!(body == expected, "{} in {coding}", file.name);
            assert_eq!(headers["content-type"], file.content_type, "{}", file.name);
            let cache = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
            assert_eq!(headers["cache-control"], cache, "{}", file.name);
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
    let world = World::start().await;
    if BuiltFile::all().is_empty() {
        return;
    }
    let (_, page) = sent(&world, "/", "identity").await;
    let page = String::from_utf8(page).unwrap();
    let named =
        [" src=\"", " href=\""].map(|before| page.split(before).skip(1).filter_map(|rest| rest.split('"').next()));
    let named: Vec<&str> = named.into_iter().flatten().collect();
    assert!(!named.is_empty(), "{page}");
    for address in named {
        let name = address.strip_prefix("./").unwrap_or_else(|| panic!("{address} is not relative"));
        let response = world.stack.send(Request::get(&format!("/{name}"))).await;
        assert_eq!(
            (response.status, response.headers["x-content-type-options"].as_str()),
            (200, "nosniff"),
            "{address}"
        );
    }
    for inline in ["<script>", "<style", " style=", " onload=", " onclick=", "javascript:", "<base"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

/// The answers of a client that has what it was sent.
#[tokio::test]
async fn who_has_a_file_in_a_coding_is_told_so_and_gets_it_in_another() {
    let world = World::start().await;
    for file in BuiltFile::all() {
        let ask = |coding: &str, stored: &str| {
            Request::get(&file.path()).header("Accept-Encoding", coding).header("If-None-Match", stored)
        };
        let first = world.stack.send(ask("br", "")).await;
        let tag = &first.headers["etag"];
        for method in ["GET", "HEAD"] {
            let again = Request::new(method, &file.path()).header("Accept-Encoding", "br").header("If-None-Match", tag);
            for payload in [Payload::V1, Payload::V2] {
                let again = world.stack.send_as(again.clone(), payload).await;
                assert_eq!(
                    (again.status, again.body.as_str(), &again.headers["etag"]),
                    (304, "", tag),
                    "{}",
                    file.name
                );
            }
        }
        let other = world.stack.send(ask("identity", tag)).await.status;
        assert_eq!(other, if file.encodings.is_empty() { 304 } else { 200 }, "{}", file.name);
    }
}

#[tokio::test]
async fn the_description_says_who_may_register_and_where_the_console_is_if_it_was_built() {
    let is_built = !BuiltFile::all().is_empty();
    for (setting, said) in [("open", "open"), ("invite", "invitation"), ("closed", "closed")] {
        let world = World::start_with(&[("REGISTRATION", setting)]).await;
        for payload in [Payload::V1, Payload::V2] {
            let response = world.stack.send_as(Request::get("/").header("Accept", "application/json"), payload).await;
            let description = response.json();
            assert_eq!((response.status, &description["registration"]), (200, &json!(said)));
            assert_eq!(description["links"]["console"], if is_built { json!("./") } else { Value::Null });
            check_links(&world, &description).await;
        }
    }
}

/// Each link leads to a path of the API.
async fn check_links(world: &World, description: &Value) {
    let links = description["links"].as_object().unwrap();
    assert_eq!(links.len(), 6);
    for link in links.values().filter_map(Value::as_str) {
        let Response { status, .. } =
            world.stack.send(Request::get(&format!("/{}", link.trim_start_matches("./")))).await;
        assert!([200, 401, 405].contains(&status), "{link}: {status}");
    }
}

#[tokio::test]
async fn the_page_of_a_stage_without_its_final_slash_names_its_files_from_the_root() {
    let world = World::start().await;
    let page = world.stack.send(Request::get("").header("Accept", "text/html")).await;
    assert_eq!(page.status, 200);
    let is_built = !BuiltFile::all().is_empty();
    assert_eq!(page.body.contains("\"/Prod/assets/"), is_built);
    assert!(!page.body.contains("\"./assets/"));
    assert!(world.stack.recorder().requests().is_empty(), "it asks the table for nothing");
}
