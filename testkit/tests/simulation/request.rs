//! Requests of clients, and what they are told.

use std::time::Duration;

use crate::person::Tokens;
use crate::process::Fate;
use shared::domain::ids::{EntryId, UserId};
use shared::identity::jwt::{LoggedIn, RefreshClaim};

/// One request of a client.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Whose client it is.
    pub(super) person: usize,
    pub(super) wish: Wish,
    /// What is to happen to the process that answers it.
    pub(super) fate: Fate,
}

/// What a client wants.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Chat(Chat),
    Register {
        password: String,
    },
    Login {
        password: String,
        /// Whether the password is hashed anew on this occasion.
        renews_hash: bool,
    },
    Refresh {
        claim: RefreshClaim,
        rotates: bool,
    },
    ChangePassword {
        access: LoggedIn,
        current: String,
        new: String,
    },
    Logout {
        claim: RefreshClaim,
        everywhere: bool,
    },
    Delete {
        access: LoggedIn,
        password: String,
    },
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Chat {
    pub(super) access: LoggedIn,
    pub(super) key: Option<String>,
    pub(super) message: String,
    /// The most that it may cost, which is held, or less where the balance does not cover it.
    pub(super) amount: u32,
    pub(super) least: u32,
    /// What the message turns out to cost, which can be less than was held, or more.
    pub(super) cost: u32,
    pub(super) thinks: Duration,
    pub(super) model_fails: bool,
    /// Whether the reply is handed out while it is written.
    pub(super) is_streamed: bool,
    /// Whether the model breaks off after its first words, if it is.
    pub(super) breaks_off: bool,
}

/// What a client was told.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// 200 to a message, for which so much was held.
    Charged { id: EntryId, cost: u64, held: u64 },
    /// A stream that began and broke off, for which so much was held; it was charged.
    BrokenOff { id: EntryId, held: u64 },
    /// 200 to a message, as before.
    Replayed { id: EntryId, cost: u64, response: String },
    /// 201.
    Registered(UserId),
    /// 200 to a login or a refresh, with tokens.
    Admitted(Tokens),
    /// 204.
    Done,
    /// An error after which nothing was done, by its code.
    Refused(&'static str),
    /// 503, after which it may have been done; of a message only `outcome_unknown`.
    Unknown,
    /// No answer: the process was killed.
    Nothing,
    /// What no client may hear.
    Wrong(String),
}

impl Wish {
    /// What it is called in a count.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chat",
            Self::Register { .. } => "register",
            Self::Login { .. } => "login",
            Self::Refresh { .. } => "refresh",
            Self::ChangePassword { .. } => "change of the password",
            Self::Logout { everywhere: false, .. } => "logout",
            Self::Logout { everywhere: true, .. } => "logout everywhere",
            Self::Delete { .. } => "deletion",
        }
    }
}

impl Told {
    /// What it is called in a count.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Charged { cost, held, .. } if cost < held => "charged less than was held",
            Self::Charged { .. } => "charged",
            Self::BrokenOff { .. } => "broken off",
            Self::Replayed { .. } => "replayed",
            Self::Registered(_) | Self::Admitted(_) | Self::Done => "done",
            Self::Refused(code) => code,
            Self::Unknown => "unknown",
            Self::Nothing => "nothing",
            Self::Wrong(_) => "wrong",
        }
    }
}
