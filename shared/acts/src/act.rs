//! Acts, and the things that they are done to.

use std::fmt;

use domain::ids::{BatchId, JobId, UserId};
use domain::reason::Reason;
use serde_json::Value;

/// The kind of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Credits were given or taken back.
    Grant,
    /// The status of an account was changed, or whether it is staff, or its allowance.
    Change,
    /// A code was made by which a user sets a new password.
    MakeResetCode,
    /// All sessions of a user were ended.
    EndSessions,
    /// All API keys of a user were ended.
    EndKeys,
    /// The deletion of a user began.
    BeginDeletion,
    /// The deletion of a user was complete.
    EndDeletion,
    /// Voucher codes were made.
    MakeVouchers,
    /// Voucher codes were ended.
    EndVouchers,
    /// A bulk grant began.
    BeginBulkGrant,
    /// A bulk grant went on under another authority.
    ResumeBulkGrant,
    /// A bulk grant was over.
    EndBulkGrant,
    /// The catalogue was replaced.
    ReplaceCatalogue,
    /// Messages and registrations were stopped.
    Stop,
    /// Messages and registrations were resumed.
    Resume,
    /// A superuser was created.
    CreateSuperuser,
}

impl Deed {
    /// The word for it, in the table and at the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Change => "change",
            Self::MakeResetCode => "make_reset_code",
            Self::EndSessions => "end_sessions",
            Self::EndKeys => "end_keys",
            Self::BeginDeletion => "begin_deletion",
            Self::EndDeletion => "end_deletion",
            Self::MakeVouchers => "make_vouchers",
            Self::EndVouchers => "end_vouchers",
            Self::BeginBulkGrant => "begin_bulk_grant",
            Self::ResumeBulkGrant => "resume_bulk_grant",
            Self::EndBulkGrant => "end_bulk_grant",
            Self::ReplaceCatalogue => "replace_catalogue",
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::CreateSuperuser => "create_superuser",
        }
    }
}

/// The thing that an act is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActSubject {
    /// A user.
    User(UserId),
    /// Voucher codes that were made together.
    Batch(BatchId),
    /// A bulk job.
    Job(JobId),
    /// The catalogue of models.
    Catalogue,
    /// The deployment as a whole.
    Deployment,
}

impl fmt::Display for ActSubject {
    /// The word or the id, which no two subjects share: ids of all kinds have 80 random bits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(formatter),
            Self::Batch(id) => id.fmt(formatter),
            Self::Job(id) => id.fmt(formatter),
            Self::Catalogue => formatter.write_str("catalogue"),
            Self::Deployment => formatter.write_str("deployment"),
        }
    }
}

/// An act, without its actor.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// The kind of the act.
    pub deed: Deed,
    /// The subject: the user, the batch, the job or the deployment that the act changes.
    pub subject: ActSubject,
    /// An object of what the act changes, as it was.
    pub before: Value,
    /// The same, as it is from now on.
    pub after: Value,
    /// The reason, if one is given.
    pub reason: Option<&'a Reason>,
}

impl Act<'_> {
    /// Most bytes of `before`, and of `after`, as JSON: they have what an act changes, and no documents. With the longest
    /// reason a record has less than 4 KB.
    pub const MAX_STATE_BYTES: usize = 768;
}
