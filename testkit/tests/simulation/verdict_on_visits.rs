//! The answers to owners, compared with accounts and sessions.

use std::collections::HashMap;

use crate::chronicle::{Chronicle, Deed};
use crate::engine::{PREFIX_OF_SESSIONS, PREFIX_OF_TEXTS, StoredItem, partition_of};
use crate::person::Tokens;
use crate::process::ProcessId;
use crate::request::{Request, Told, Wish};
use crate::world::{Beginning, World};
use shared::domain::ids::{SessionId, UserId};
use shared::identity::jwt::{LoggedIn, RefreshClaim};
use shared::identity::sessions::{MAX_SESSIONS, Session};
use shared::ledger::audit::Tombstone;

/// Every answer to an owner agrees with the table.
pub(super) fn on_visits(items: &[StoredItem], world: &World, chronicle: &Chronicle) -> Vec<String> {
    let journal = world.journal.lock().unwrap();
    let items = items.iter().map(|item| ((item.partition.as_str(), item.sort.as_str()), item)).collect();
    let (beginnings, endings) = (world.beginnings.lock().unwrap(), world.endings.lock().unwrap());
    let bench = Bench { items, journal: &journal, beginnings: &beginnings, endings: &endings, chronicle };
    let visits = journal.iter().enumerate().filter(|(_, (request, _))| !matches!(request.wish, Wish::Chat(_)));
    let violations = visits.filter_map(|(number, (request, told))| {
        let what = bench.contradiction(ProcessId(number), &request.wish, told)?;
        Some(format!("process {number}, {what}: it was told {told:?}"))
    });
    violations.collect()
}

/// The items, requests and deeds that a verdict compares.
struct Bench<'a> {
    /// By partition and sort key.
    items: HashMap<(&'a str, &'a str), &'a StoredItem>,
    journal: &'a [(Request, Told)],
    /// The beginning of each process.
    beginnings: &'a [Beginning],
    /// The moment at which each process had answered.
    endings: &'a HashMap<usize, usize>,
    chronicle: &'a Chronicle,
}

impl Bench<'_> {
    /// The contradiction to the answer of a process, if there is one.
    fn contradiction(&self, process: ProcessId, wish: &Wish, told: &Told) -> Option<String> {
        let deeds = self.chronicle.deeds(process);
        let missing = |deed: Deed| (!deeds.contains(&deed)).then(|| format!("which has not {deed:?} but {deeds:?}"));
        match (wish, told) {
            (_, Told::Unknown | Told::Nothing)
            | (Wish::Refresh { .. }, Told::Admitted(_))
            // The verdicts on conversations, on keys and on vouchers judge these.
            | (Wish::MakeConversation { .. }, Told::Made(_))
            | (Wish::MakeKey { .. }, Told::KeyMade(_))
            | (
                Wish::RenameConversation { .. }
                | Wish::DeleteConversation { .. }
                | Wish::EndKey { .. }
                | Wish::Redeem { .. },
                Told::Done,
            )
            // The name was taken by an account whose deletion had begun, and a late attempt found it free.
            | (Wish::Register { .. }, Told::Refused("username_taken")) => None,
            (_, Told::Wrong(what)) => Some(what.clone()),
            (_, Told::Refused(_)) => (!deeds.is_empty()).then(|| format!("which has {deeds:?}")),
            (Wish::Register { .. }, Told::Registered(user_id)) => missing(Deed::Registered(partition_of(*user_id))),
            (Wish::Login { .. }, Told::Admitted(tokens)) => {
                let session = session_key(tokens.access.session_id());
                missing(Deed::SessionBegun(partition_of(tokens.access.user_id()), session))
                    .or_else(|| self.unexplained_end(tokens))
            }
            (Wish::ChangePassword { access, .. }, Told::Done) => {
                missing(Deed::PasswordChanged(partition_of(access.user_id())))
            }
            (Wish::Logout { claim, everywhere: true, .. }, Told::Done) => {
                missing(Deed::EpochRaised(partition_of(claim.user_id)))
            }
            (Wish::Logout { claim, everywhere: false, .. }, Told::Done) => {
                self.session(claim).map(|_| "whose session is there".to_owned())
            }
            (Wish::ChangeKey { access, .. }, Told::Done) => self.ended_before(process, access),
            (Wish::Delete { access, .. }, Told::Done) => self.remains(access.user_id()),
            _ => Some("which was to do something else".to_owned()),
        }
    }

    /// A session exists until a request ends it or the epoch is raised.
    fn unexplained_end(&self, tokens: &Tokens) -> Option<String> {
        let Tokens { access, refresh } = tokens;
        let user = self.chronicle.user(&partition_of(access.user_id()))?;
        let is_over = user.is_closed || user.session_epoch > access.session_epoch();
        let is_there = self.session(refresh).is_some_and(|session| session.session_epoch == user.session_epoch);
        if is_over || is_there || self.is_ended(refresh) {
            return None;
        }
        Some("whose session has gone, and nobody ended it".to_owned())
    }

    /// Whether only requests that may end a session have ended it: its logout, a refresh with one of its tokens, which
    /// may have been replaced, or a login at the limit of sessions.
    fn is_ended(&self, session: &RefreshClaim) -> bool {
        let (partition, sort) = (partition_of(session.user_id), session_key(session.session_id));
        let is_it = |claim: &RefreshClaim| claim.session_id == session.session_id;
        let enders = self.chronicle.enders(&partition, &sort);
        let is_entitled = |ender: &ProcessId| match &self.journal[ender.0].0.wish {
            Wish::Logout { claim, everywhere: false, .. } | Wish::Refresh { claim, .. } => is_it(claim),
            Wish::Login { .. } => self.chronicle.sessions_begun(&partition) >= MAX_SESSIONS,
            _ => false,
        };
        !enders.is_empty() && enders.iter().all(is_entitled)
    }

    /// A session that was over when a request came changes no key: its time was up, or somebody had been told that it has ended.
    fn ended_before(&self, process: ProcessId, access: &LoggedIn) -> Option<String> {
        let (partition, sort) = (partition_of(access.user_id()), session_key(access.session_id()));
        let beginning = &self.beginnings[process.0];
        let had_ended = |ender: &ProcessId| {
            let was_told = self.journal.get(ender.0).is_some_and(|(_, told)| matches!(told, Told::Done));
            was_told && self.endings.get(&ender.0).is_some_and(|answered| *answered <= beginning.moment)
        };
        let session = self.items.get(&(partition.as_str(), sort.as_str())).map(|item| item.parsed::<Session>());
        let was_over = session.is_some_and(|session| session.expires_at <= beginning.at.seconds());
        (was_over || self.chronicle.enders(&partition, &sort).iter().any(had_ended))
            .then(|| "whose session had ended before".to_owned())
    }

    fn remains(&self, user_id: UserId) -> Option<String> {
        let partition = partition_of(user_id);
        let left = self.items.keys().filter(|(of, _)| *of == partition).map(|(_, sort)| *sort);
        // A text may arrive late: a sweep deletes it.
        let left: Vec<&str> = left.filter(|sort| !sort.starts_with(PREFIX_OF_TEXTS)).collect();
        (left != [Tombstone::SORT_KEY]).then(|| format!("whose user has {left:?}, and not the tombstone alone"))
    }

    fn session(&self, claim: &RefreshClaim) -> Option<Session> {
        let key = (partition_of(claim.user_id), session_key(claim.session_id));
        self.items.get(&(key.0.as_str(), key.1.as_str())).map(|item| item.parsed())
    }
}

fn session_key(session_id: SessionId) -> String {
    format!("{PREFIX_OF_SESSIONS}{session_id}")
}
