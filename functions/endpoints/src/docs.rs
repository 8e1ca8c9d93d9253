//! `GET /docs/`: the API's description as a page on which each request can be tried, with Swagger UI's own files.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, HeaderName, Method, Request};

/// How long caches may keep the page, and its own files, whose names stay while their content changes.
const PAGE_MAX_AGE_SECONDS: u64 = 300;

/// How long caches may keep a file with a version in its name: a year, the longest that is of use.
const VERSION_MAX_AGE_SECONDS: u64 = 31_536_000;

/// The page may load its own files and call its own API, and nothing else; the images are in the style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("../../docs-page/page.html");

/// Stands in the page for the way from its own address to its files.
const FOLDER: &str = "{{folder}}";

/// A file of the page.
struct PageFile {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const FILES: [PageFile; 7] = [
    PageFile {
        name: "start.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../../docs-page/start.js"),
    },
    PageFile {
        name: "page.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../../docs-page/page.css"),
    },
    PageFile {
        name: "swagger-ui-bundle-5.35.0.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../../swagger-ui/swagger-ui-bundle-5.35.0.js"),
    },
    PageFile {
        name: "swagger-ui-5.35.0.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../../swagger-ui/swagger-ui-5.35.0.css"),
    },
    PageFile {
        name: "LICENSE",
        content_type: "text/plain; charset=utf-8",
        content: include_str!("../../swagger-ui/LICENSE"),
    },
    PageFile {
        name: "NOTICE",
        content_type: "text/plain; charset=utf-8",
        content: include_str!("../../swagger-ui/NOTICE"),
    },
    PageFile {
        name: "swagger-ui-bundle.js.LICENSE.txt",
        content_type: "text/plain; charset=utf-8",
        content: include_str!("../../swagger-ui/swagger-ui-bundle.js.LICENSE.txt"),
    },
];

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<DocsEndpoint>().await
}

struct DocsEndpoint;

impl Endpoint for DocsEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(_resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self)
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let answer = match request.item_of("docs") {
            None => page(request.has_final_slash()),
            Some(name) => file(FILES.iter().find(|file| file.name == name).ok_or(ApiError::NotFound)?),
        };
        Ok(answer
            .header(HeaderName::from_static("content-security-policy"), CONTENT_SECURITY_POLICY)
            .header(HeaderName::from_static("referrer-policy"), "no-referrer")
            .header(HeaderName::from_static("x-content-type-options"), "nosniff"))
    }
}

/// The page. A browser resolves its relative addresses below the final slash of the page's own address.
fn page(has_final_slash: bool) -> Answer {
    let page = PAGE.replace(FOLDER, if has_final_slash { "./" } else { "docs/" });
    Answer::text("text/html; charset=utf-8", page, PAGE_MAX_AGE_SECONDS)
}

fn file(file: &PageFile) -> Answer {
    let has_version = file.name.contains(|letter: char| letter.is_ascii_digit());
    let max_age = if has_version { VERSION_MAX_AGE_SECONDS } else { PAGE_MAX_AGE_SECONDS };
    Answer::text(file.content_type, file.content.to_owned(), max_age)
}
