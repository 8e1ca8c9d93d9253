//! The actor of an act, and where the act came from.

use std::fmt;

use domain::ids::UserId;
use domain::source_network::SourceNetwork;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The word for an operator, which is no user's id.
const OPERATOR: &str = "operator";

/// The actor: a superuser, or an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A superuser.
    Staff(UserId),
    /// An operator, who invokes a function with AWS credentials. IAM knows which one: `CloudTrail` has the same request id.
    Operator,
}

impl Actor {
    /// Parses the text that [`Display`](fmt::Display) writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == OPERATOR { Some(Self::Operator) } else { UserId::parse(text).map(Self::Staff) }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff(user_id) => user_id.fmt(formatter),
            Self::Operator => formatter.write_str(OPERATOR),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an actor"))
    }
}

/// The request by which somebody acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActOrigin {
    pub(crate) network: Option<SourceNetwork>,
    pub(crate) request_id: String,
}

impl ActOrigin {
    /// Most characters of a request's id that are kept. Lambda's have 36.
    const MAX_ID_CHARACTERS: usize = 64;

    /// The request of this id, from `network` if it came through the API.
    #[must_use]
    pub fn new(network: Option<SourceNetwork>, request_id: &str) -> Self {
        Self { network, request_id: request_id.chars().take(Self::MAX_ID_CHARACTERS).collect() }
    }
}
