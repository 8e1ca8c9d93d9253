//! The parts of a request that a client chooses.

use std::net::{Ipv4Addr, Ipv6Addr};

use arbitrary::Arbitrary;
use serde_json::{Value, json};

use super::text::Text;

/// The address that the gateway saw.
#[derive(Arbitrary, Debug)]
pub(super) enum Address {
    Ipv4([u8; 4]),
    Ipv6([u16; 8]),
    Other(Text),
}

#[derive(Arbitrary, Debug)]
pub(super) enum ContentType {
    Absent,
    Json,
    Form,
    Multipart,
    Parameters { is_form: bool, rest: Text },
    Other(Text),
}

#[derive(Arbitrary, Debug)]
pub(super) enum Body {
    Bytes(Vec<u8>),
    /// JSON or a form, by its content type; a name may be repeated.
    Fields(Vec<(Name, FieldValue)>),
    /// JSON with one long text.
    Long {
        name: Name,
        text: Text,
        times: u16,
    },
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Name {
    Username,
    Password,
    Refresh,
    Message,
    Everywhere,
    Other(Text),
}

#[derive(Arbitrary, Debug)]
pub(super) enum FieldValue {
    Null,
    Bool(bool),
    Number(f64),
    Text(Text),
    List(Vec<Text>),
}

#[derive(Arbitrary, Debug)]
pub(super) enum Parameter {
    Limit,
    Cursor,
    From,
    To,
    Kind,
    Key,
    Model,
    Other(Text),
}

impl Address {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Ipv4(octets) => Ipv4Addr::from(*octets).to_string(),
            Self::Ipv6(segments) => Ipv6Addr::from(*segments).to_string(),
            Self::Other(text) => text.0.clone(),
        }
    }
}

/// The separator of the parts of multipart bodies, short enough to be found by chance.
const BOUNDARY: &str = "-";

impl ContentType {
    pub(super) fn is_form(&self) -> bool {
        matches!(self, Self::Form | Self::Parameters { is_form: true, .. })
    }

    pub(super) fn is_multipart(&self) -> bool {
        matches!(self, Self::Multipart)
    }

    pub(super) fn text(&self) -> Option<String> {
        let essence = if self.is_form() { "application/x-www-form-urlencoded" } else { "application/json" };
        match self {
            Self::Absent => None,
            Self::Json | Self::Form => Some(essence.to_owned()),
            Self::Multipart => Some(format!("multipart/form-data; boundary={BOUNDARY}")),
            Self::Parameters { rest, .. } => Some(format!("{essence}; {}", rest.0)),
            Self::Other(text) => Some(text.0.clone()),
        }
    }
}

impl Name {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Username => "username",
            Self::Password => "password",
            Self::Refresh => "refresh",
            Self::Message => "message",
            Self::Everywhere => "everywhere",
            Self::Other(name) => &name.0,
        }
    }
}

impl FieldValue {
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Number(value) => json!(value),
            Self::Text(value) => json!(value.0),
            Self::List(values) => values.iter().map(|value| value.0.as_str()).collect(),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(value) => value.0.clone(),
            other => other.json().to_string(),
        }
    }
}

impl Parameter {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Limit => "limit",
            Self::Cursor => "cursor",
            Self::From => "from",
            Self::To => "to",
            Self::Kind => "kind",
            Self::Key => "key",
            Self::Model => "model",
            Self::Other(name) => &name.0,
        }
    }
}
