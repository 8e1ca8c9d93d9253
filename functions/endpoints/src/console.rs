//! `GET /`: the console's page, or for programs a description of the API with links. `GET /assets/{name}`: the
//! console's other files.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve_started};
use shared::error::ApiError;
use shared::http::{Answer, ContentCoding, HeaderName, Method, Request, Streamable};
use shared::settings::Registration;

/// How long caches may keep the description.
const DESCRIPTION_MAX_AGE_SECONDS: u64 = 300;

/// The name of most files changes with their content, so that nobody has to ask for them again.
const CACHE_OF_IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The page, and each file that keeps its name, may change with each deployment: a browser asks each time whether its own
/// is still the one.
const CACHE_OF_OTHERS: &str = "no-cache";

/// The name of the page among the files.
const PAGE: &str = "index.html";

/// The folder of all files but the page.
const ASSETS: &str = "assets";

/// The page and the description are at the same address, and each file has several codings.
const VARY: HeaderName = HeaderName::from_static("vary");
const PAGE_DEPENDS_ON: &str = "Accept, Accept-Encoding";
const ASSETS_DEPEND_ON: &str = "Accept-Encoding";

const ETAG: HeaderName = HeaderName::from_static("etag");
const CACHE_CONTROL: HeaderName = HeaderName::from_static("cache-control");
const CONTENT_ENCODING: HeaderName = HeaderName::from_static("content-encoding");

/// The policies that a browser applies to the console, in each answer that is no error (docs/decisions/console.md). The page
/// runs its own scripts, calls its own API, and writes HTML only through `DOMPurify`'s policy.
const POLICIES: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types dompurify",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), \
         geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), \
         picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), \
         xr-spatial-tracking=()",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// A file of the console.
#[derive(Debug)]
pub struct ConsoleFile {
    /// `index.html`, or `assets/` and a name.
    pub name: &'static str,
    /// The media type.
    pub content_type: &'static str,
    /// Its entity tag, a weak one: the same content has it in every coding.
    pub tag: &'static str,
    /// Whether the name changes with the content.
    pub is_immutable: bool,
    /// The content as it is.
    pub plain: &'static [u8],
    /// The content in other codings. A small file has none.
    pub encoded: &'static [(ContentCoding, &'static [u8])],
}

/// The main of this function's binary, which was built with these files. Without a page the console is left out.
#[tokio::main(flavor = "current_thread")]
pub async fn run(files: &'static [ConsoleFile]) -> Result<(), Error> {
    let resources = Resources::from_environment()?;
    let without_files = ConsoleEndpoint::start(&resources).await?;
    serve_started(ConsoleEndpoint { files, ..without_files }, resources).await
}

struct ConsoleEndpoint {
    files: &'static [ConsoleFile],
    registration: Registration,
}

impl Endpoint for ConsoleEndpoint {
    /// Nothing is streamed. But API Gateway passes bytes on as they are from a function that can stream, and from others
    /// only where the API lists their media types.
    type Answer = Streamable<ApiError>;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { files: &[], registration: resources.settings.registration })
    }

    async fn answer(&self, request: Request) -> Result<Streamable<ApiError>, ApiError> {
        let answer = match asset_of(&request) {
            Some(name) => self.asset(&request, name)?,
            None => self.root(&request)?,
        };
        let answer =
            POLICIES.iter().fold(answer, |answer, (name, value)| answer.header(HeaderName::from_static(name), value));
        Ok(answer.into())
    }
}

impl ConsoleEndpoint {
    fn root(&self, request: &Request) -> Result<Answer, ApiError> {
        let answer = match self.page() {
            Some(page) if request.prefers_page() => sent_as_page(page, request),
            page => Answer::public(&self.description(page.is_some()), DESCRIPTION_MAX_AGE_SECONDS)?,
        };
        Ok(answer.header(VARY, PAGE_DEPENDS_ON))
    }

    fn asset(&self, request: &Request, name: &str) -> Result<Answer, ApiError> {
        let is_asked =
            |file: &&ConsoleFile| file.name.strip_prefix(ASSETS).and_then(|it| it.strip_prefix('/')) == Some(name);
        let file = self.files.iter().find(is_asked).ok_or(ApiError::NotFound)?;
        Ok(sent(file, request).header(VARY, ASSETS_DEPEND_ON))
    }

    fn page(&self) -> Option<&'static ConsoleFile> {
        self.files.iter().find(|file| file.name == PAGE)
    }

    fn description(&self, has_console: bool) -> Description {
        let registration = match self.registration {
            Registration::Open => "open",
            Registration::Invite => "invitation",
            Registration::Closed => "closed",
        };
        let links = Links { console: has_console.then_some("./"), ..LINKS };
        Description { name: "chat-api", version: env!("CARGO_PKG_VERSION"), registration, links }
    }
}

/// The name of the asset that is asked for; `None` is the root. The path alone does not tell them apart: the root of a
/// domain's path `assets/v1` is `/assets/v1/`.
fn asset_of(request: &Request) -> Option<&str> {
    if request.route() == "/" {
        return None;
    }
    let path = request.path().strip_suffix('/').unwrap_or(request.path());
    let (folder, name) = path.rsplit_once('/')?;
    (folder.rsplit('/').next() == Some(ASSETS)).then_some(name)
}

/// The page. Its relative addresses begin with the root where the page's own address lacks the final slash.
fn sent_as_page(page: &ConsoleFile, request: &Request) -> Answer {
    let Some(root) = request.root_without_final_slash() else { return sent(page, request) };
    let text = String::from_utf8_lossy(page.plain).replace("\"./", &format!("\"{root}"));
    Answer::bytes(page.content_type, text.as_bytes()).header(CACHE_CONTROL, CACHE_OF_OTHERS)
}

/// The file in the coding that the client prefers, unless the client has it already.
fn sent(file: &ConsoleFile, request: &Request) -> Answer {
    let answer = if request.has_stored(file.tag) { Answer::not_modified() } else { with_content(file, request) };
    let cache = if file.is_immutable { CACHE_OF_IMMUTABLE } else { CACHE_OF_OTHERS };
    answer.header(ETAG, file.tag).header(CACHE_CONTROL, cache)
}

fn with_content(file: &ConsoleFile, request: &Request) -> Answer {
    let preferred = request.preferred_coding(file.encoded.iter().map(|(coding, _)| *coding));
    match file.encoded.iter().find(|(coding, _)| Some(*coding) == preferred) {
        Some((coding, bytes)) => Answer::bytes(file.content_type, bytes).header(CONTENT_ENCODING, coding.name()),
        None => Answer::bytes(file.content_type, file.plain),
    }
}

/// The description of the API, for a program or a person without a browser.
#[derive(Serialize)]
struct Description {
    name: &'static str,
    version: &'static str,
    /// The mode of registration: `open`, `invitation` (a code is needed) or `closed`.
    registration: &'static str,
    links: Links,
}

/// Addresses relative to the root's.
#[derive(Serialize)]
struct Links {
    console: Option<&'static str>,
    docs: &'static str,
    openapi: &'static str,
    register: &'static str,
    login: &'static str,
    models: &'static str,
}

/// The addresses that every deployment has.
const LINKS: Links = Links {
    console: None,
    docs: "docs/",
    openapi: "openapi.json",
    register: "register/",
    login: "login/",
    models: "v1/models",
};

#[cfg(test)]
mod tests;
