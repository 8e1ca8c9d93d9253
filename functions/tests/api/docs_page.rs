//! `/docs/`: the page that shows the API's description, and its files.

use std::collections::BTreeSet;
use std::fs;

use testkit::gateway::{Request, Response};
use testkit::template::workspace_root;

use crate::world::World;

/// The addresses of the page as a browser shows them: on a laptop and behind a domain, and below a stage.
const PAGES: [&str; 4] = ["/docs/", "/docs", "/Prod/docs/", "/Prod/docs"];

/// The addresses that a page or a script names.
fn addresses(text: &str) -> BTreeSet<&str> {
    let named = |before: &'static str| text.split(before).skip(1).filter_map(|rest| rest.split('"').next());
    named(" src=\"").chain(named(" href=\"")).chain(named("new URL(\"")).filter(|it| *it != "data:,").collect()
}

/// The path to which a browser resolves `address` on the page at `page`.
fn resolved(page: &str, address: &str) -> String {
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for part in address.split('/') {
        match part {
            "." => {}
            ".." => drop(folders.pop()),
            name => folders.push(name),
        }
    }
    folders.join("/")
}

async fn page_at(world: &World, address: &str) -> Response {
    let page = world.stack.send(Request::get(address.strip_prefix("/Prod").unwrap_or(address))).await;
    assert_eq!(page.status, 200, "{address}: {page:?}");
    page
}

#[tokio::test]
async fn every_address_of_the_page_is_right_below_a_stage_and_with_and_without_the_final_slash() {
    let world = World::start().await;
    for address in PAGES {
        let page = page_at(&world, address).await;
        let stage = if address.starts_with("/Prod") { "/Prod" } else { "" };
        let named: BTreeSet<String> = addresses(&page.body).iter().map(|named| resolved(address, named)).collect();
        let description = format!("{stage}/openapi.json");
        assert!(named.contains(&description) && named.len() > 5, "{address}: {named:?}");
        for path in named.into_iter().filter(|path| *path != description) {
            let file = path.strip_prefix(stage).unwrap();
            assert!(file.starts_with("/docs/"), "{address}: {path}");
            let response = world.stack.send(Request::get(file)).await;
            assert_eq!(response.status, 200, "{address}: {path}");
            assert_eq!(response.headers["x-content-type-options"], "nosniff", "{path}");
        }
    }
    let script = world.stack.send(Request::get("/docs/start.js")).await.body;
    let named: Vec<String> = addresses(&script).iter().map(|named| resolved("/Prod/docs/start.js", named)).collect();
    assert_eq!(named, ["/Prod/openapi.json"]);
}

#[tokio::test]
async fn the_page_loads_nothing_of_others_and_runs_no_script_but_its_files() {
    let world = World::start().await;
    let page = page_at(&world, "/docs/").await;
    let policy = &page.headers["content-security-policy"];
    let allowed: BTreeSet<&str> = policy.split("; ").collect();
    let expected = [
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src data:",
        "script-src 'self'",
        "style-src 'self'",
    ];
    assert_eq!(allowed, expected.into());
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let script = world.stack.send(Request::get("/docs/start.js")).await.body;
    for text in [&page.body, &script] {
        assert!(!text.contains("://"), "{text}");
    }
    assert_eq!(page.body.matches("<script").count(), page.body.matches("<script src=").count());
    for inline in ["<style", " style=", " onload=", " onclick=", "javascript:"] {
        assert!(!page.body.contains(inline), "{inline}");
    }
    // Swagger UI would send the description's address to a validator of its makers.
    assert!(script.contains("validatorUrl: null"), "{script}");
}

#[tokio::test]
async fn each_file_is_sent_as_it_is_stored_and_one_with_a_version_in_its_name_is_kept_for_a_year() {
    let world = World::start().await;
    let mut with_version = 0;
    for folder in ["functions/docs-page", "functions/swagger-ui"] {
        for file in fs::read_dir(workspace_root().join(folder)).unwrap().map(|file| file.unwrap()) {
            let name = file.file_name().into_string().unwrap();
            if name == "page.html" {
                continue;
            }
            let response = world.stack.send(Request::get(&format!("/docs/{name}"))).await;
            assert_eq!(response.status, 200, "{name}");
            assert!(response.body == fs::read_to_string(file.path()).unwrap(), "{name}");
            let has_version = name.contains("-5.");
            with_version += usize::from(has_version);
            let expected = if has_version { "public, max-age=31536000" } else { "public, max-age=300" };
            assert_eq!(response.headers["cache-control"], expected, "{name}");
        }
    }
    assert_eq!(with_version, 2, "Swagger UI's script and its styles");
}
