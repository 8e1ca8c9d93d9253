//! Servers over HTTP, whatever protocol they speak: the connection that is kept, the key and the headers that they are
//! sent, the requests that are repeated, and how much of their answers is read. Nothing that a server says in sentences is
//! repeated or logged: it may quote the prompt.

mod answer_body;
mod authorization;
mod connection;
mod events;
mod failure;
mod finish_reason;
mod http_provider;
mod lenient;
mod rejection;
mod sending;

pub(crate) use authorization::{Authorization, KeyHeader};
pub(crate) use connection::{Connection, HttpClient};
pub(crate) use events::{ReplyReader, reply_stream};
pub(crate) use failure::{failed, transport, unreadable};
pub(crate) use finish_reason::finish_reason;
pub(crate) use http_provider::{HttpProvider, parsed};
pub(crate) use lenient::{LenientText, Weight};
pub(crate) use rejection::ErrorObject;
pub(crate) use sending::{EVENT_STREAM, Server, send};
