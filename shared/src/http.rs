//! HTTP as the handlers see it: [`Request`], [`Answer`], and [`ApiError`](crate::error::ApiError) as problem+json.
//!
//! Nothing here knows which endpoints there are, or the settings.

mod accept;
mod accept_encoding;
mod answer;
mod bearer;
mod body_fields;
mod catalogue_body;
mod cors;
mod csv_body;
mod csv_table;
mod entity_tag;
mod event_stream;
mod form;
mod history_query;
mod idempotency_key;
mod item;
mod json_object;
mod methods;
mod multipart;
mod page;
mod problem;
mod refresh_cookie;
mod refresh_token_place;
mod request;
mod shallow_value;
mod source_network;
mod stage_root;
mod unknown_members;
mod usage_query;
mod user_agent;
mod users_query;
mod weights;

pub use accept_encoding::ContentCoding;
pub use answer::{Answer, BufferedResponse};
pub use body_fields::{BodyFields, MAX_BODY_BYTES};
pub use catalogue_body::CatalogueReplacement;
pub use cors::{CorsOrigins, Origin};
pub(crate) use cors::{is_preflight, preflight};
pub use csv_table::{CsvCell, CsvTable};
pub use event_stream::{BrokenStream, EventStream, Streamable};
pub(crate) use event_stream::{KEEP_ALIVE, LONGEST_SILENCE, READER_TIMEOUT, event, named_event};
pub use history_query::{ActQuery, ActorQuery, SubjectQuery, cursor_after};
pub(crate) use json_object::{Elements, JsonObject};
pub use lambda_http::http::{HeaderName, Method, StatusCode};
pub(crate) use methods::{allows, listed};
pub(crate) use problem::{Problem, headers_of, problem};
pub use refresh_cookie::RefreshCookie;
pub use refresh_token_place::{PlacedRefreshToken, RefreshTokenPlace};
pub use request::Request;
pub use stage_root::StageRoot;
pub(crate) use unknown_members::{MAX_UNKNOWN_BYTES, MAX_UNKNOWN_MEMBERS};
pub use usage_query::UsageQuery;
pub use users_query::UsersQuery;
