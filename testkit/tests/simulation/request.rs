//! Requests of clients, and their answers.

use std::time::Duration;

use crate::function::EXTRA;
use crate::operator::EMBEDDER;
use crate::person::{ProgramKey, Tokens};
use crate::process::Fate;
use providers::catalogue::CataloguedModel;
use shared::domain::ids::{ConversationId, EntryId, UserId};
use shared::identity::jwt::{LoggedIn, RefreshClaim};
use shared::ledger::paying_key::KeyLimits;

/// One request of a client.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The person whose client sends it.
    pub(super) person: usize,
    pub(super) wish: Wish,
    /// The fate of the process that answers it.
    pub(super) fate: Fate,
}

/// The endpoint of a request, with its fields.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Chat(Chat),
    Register {
        password: String,
        /// The place of an invitation's code among those of the world.
        invitation: Option<usize>,
    },
    Redeem {
        access: LoggedIn,
        /// The place of the code among those of the world.
        code: usize,
    },
    Login {
        password: String,
        /// Whether the login renews the password's hash.
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
        /// Whether a logout everywhere ends the API keys too.
        ends_keys: bool,
    },
    MakeKey {
        access: LoggedIn,
        password: String,
    },
    EndKey {
        access: LoggedIn,
        key: ProgramKey,
    },
    /// All limits of a key become others.
    ChangeKey {
        access: LoggedIn,
        key: ProgramKey,
        limits: KeyLimits,
    },
    Delete {
        access: LoggedIn,
        password: String,
    },
    MakeConversation {
        access: LoggedIn,
    },
    RenameConversation {
        access: LoggedIn,
        id: ConversationId,
    },
    DeleteConversation {
        access: LoggedIn,
        id: ConversationId,
    },
}

/// A message, or texts of which vectors are wanted.
#[derive(Clone, Debug)]
pub(super) struct Chat {
    /// The person who sends it, or the user who made the program's key.
    pub(super) access: LoggedIn,
    /// The program that sends it, if it is not a person.
    pub(super) program: Option<Program>,
    pub(super) key: Option<String>,
    pub(super) message: String,
    /// The model by its id or alias; `None` for the first of the catalogue.
    pub(super) model: Option<&'static str>,
    /// The most output tokens. Their cost is held, or the balance if that is lower.
    pub(super) most_tokens: u32,
    /// The fewest output tokens that the balance must cover.
    pub(super) least_tokens: u32,
    /// The output tokens that the model counts, which can be fewer than the hold covers, or more.
    pub(super) tokens: u32,
    pub(super) thinks: Duration,
    /// How the model fails before its first word, if it does.
    pub(super) failure: Option<ModelFailure>,
    /// The conversation in which the exchange is stored, if it is.
    pub(super) conversation: Option<ConversationId>,
    /// The replies that are wanted. With a key there is one.
    pub(super) choices: u8,
    /// The images in the message.
    pub(super) images: u32,
    /// The bytes of the extra parameter's text. With none there is no extra parameter.
    pub(super) extra_bytes: usize,
    /// The bytes of a proof of reasoning in the conversation. With none there is no proof.
    pub(super) proof_bytes: usize,
    pub(super) start: Start,
    /// Whether the reply is so long that its text is put apart.
    pub(super) is_long: bool,
    /// Whether the reply is streamed.
    pub(super) is_streamed: bool,
    /// Whether the model breaks off after its first words.
    pub(super) breaks_off: bool,
    /// The texts of which vectors are wanted. With none it is a message.
    pub(super) inputs: u32,
}

/// The instance that answers a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A new one.
    Cold,
    /// One that is idle, if there is one.
    Warm,
}

/// A program, and the warm function that its message meets.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) key: ProgramKey,
    pub(super) function: usize,
}

/// A failure of a model before its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelFailure {
    /// It may have worked.
    Fails,
    /// It has not accepted the request, and neither has any fallback.
    TurnsAway,
    /// It has not accepted the request, and the first fallback does.
    FirstTurnsAway,
}

/// The answer to a client.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// 200 to a message, with the amount of its hold. `by_fallback`: another model than the first has answered.
    Charged { id: EntryId, cost: u64, held: u64, by_fallback: bool },
    /// A reply that broke off or whose time was up, and that was charged, with the amount of its hold.
    BrokenOff { id: EntryId, held: u64 },
    /// 200 to a message, replayed.
    Replayed { id: EntryId, cost: u64, response: String },
    /// 201.
    Registered(UserId),
    /// 200 to a login or a refresh, with tokens.
    Admitted(Tokens),
    /// 201 to a conversation.
    Made(ConversationId),
    /// 201 to a new API key.
    KeyMade(ProgramKey),
    /// 204, or 200 to a new title.
    Done,
    /// An error, by its code, that promises that nothing was done.
    Refused(&'static str),
    /// A 503 after which the request may have been done; for a message only `outcome_unknown`.
    Unknown,
    /// No answer: the process was killed.
    Nothing,
    /// An answer that no client may get.
    Wrong(String),
}

impl Chat {
    /// The request in place of this one for the vectors of so many texts: in one piece, for a repetition alone, and with
    /// nothing beside the texts but the extra parameter.
    pub(super) fn for_vectors(self, inputs: u32) -> Self {
        let (conversation, model) = (None, Some(EMBEDDER));
        Self { conversation, model, choices: 1, images: 0, proof_bytes: 0, is_streamed: false, inputs, ..self }
    }

    /// Whether vectors are wanted, and no reply.
    pub(super) fn is_for_vectors(&self) -> bool {
        self.inputs > 0
    }

    /// Whether the model is given the extra parameter.
    pub(super) fn gives_extra_to(&self, model: &CataloguedModel) -> bool {
        self.extra_bytes > 0 && model.extra_parameters.contains(EXTRA)
    }
}

impl Wish {
    /// The name in a count.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Chat(chat) if chat.is_for_vectors() => "embeddings",
            Self::Chat(_) => "chat",
            Self::Register { invitation: None, .. } => "register",
            Self::Register { .. } => "registration by invitation",
            Self::Redeem { .. } => "redemption",
            Self::Login { .. } => "login",
            Self::Refresh { .. } => "refresh",
            Self::ChangePassword { .. } => "change of the password",
            Self::Logout { everywhere: false, .. } => "logout",
            Self::Logout { everywhere: true, .. } => "logout everywhere",
            Self::MakeKey { .. } => "new key",
            Self::EndKey { .. } => "end of a key",
            Self::ChangeKey { .. } => "change of a key",
            Self::Delete { .. } => "deletion",
            Self::MakeConversation { .. } => "conversation",
            Self::RenameConversation { .. } => "title",
            Self::DeleteConversation { .. } => "deletion of a conversation",
        }
    }
}

impl Told {
    /// The name in a count.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Charged { by_fallback: true, .. } => "charged by a fallback",
            Self::Charged { cost, held, .. } if cost < held => "charged less than was held",
            Self::Charged { .. } => "charged",
            Self::BrokenOff { .. } => "broken off",
            Self::Replayed { .. } => "replayed",
            Self::Registered(_) | Self::Admitted(_) | Self::Made(_) | Self::KeyMade(_) | Self::Done => "done",
            Self::Refused(code) => code,
            Self::Unknown => "unknown",
            Self::Nothing => "nothing",
            Self::Wrong(_) => "wrong",
        }
    }
}
