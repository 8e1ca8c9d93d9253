//! The functions of accounts and sessions. A password's hash is compared as text.

use super::FUNCTION_TIMEOUT;
use crate::person::{ProgramKey, Tokens, hash, password_of};
use crate::request::{Told, Wish};
use crate::world::World;
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::ids::{TokenId, UserId};
use shared::domain::source_network::SourceNetwork;
use shared::domain::term_change::TermChange;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::error::ApiError;
use shared::identity::accounts::{Accounts, LogoutScope, PasswordChange};
use shared::identity::api_keys::{
    ApiKeyBudget, ApiKeyChanges, ApiKeyLifetime, ApiKeyModels, ApiKeyPatch, ApiKeyRate, ApiKeyTerms, ApiKeys, NewApiKey,
};
use shared::identity::jwt::{LoggedIn, RefreshClaim, RefreshTerms, Subject};
use shared::identity::login::ProvenLogin;
use shared::identity::sessions::{Opening, Refreshed};
use shared::ledger::account::Status;
use shared::ledger::audit::DeletionProgress;
use shared::ledger::gate::Accepting;
use shared::ledger::paying_key::KeyLimits;
use shared::ledger::vouchers::Vouchers;

/// The grant of a new account.
const GRANT: u64 = 5;

pub(super) async fn answer(world: &World, person: usize, wish: &Wish) -> Result<Told, ApiError> {
    let desk =
        Desk { world, username: &world.people[person].username, deadline: world.clock.now().plus(FUNCTION_TIMEOUT) };
    match wish {
        Wish::Chat(_)
        | Wish::MakeConversation { .. }
        | Wish::RenameConversation { .. }
        | Wish::DeleteConversation { .. } => Ok(Told::Wrong("a request to a function that takes it not".to_owned())),
        Wish::Register { password, invitation: None } => desk.register(password).await,
        Wish::Register { password, invitation: Some(code) } => desk.register_invited(password, *code).await,
        Wish::Redeem { access, code } => desk.redeem(access, *code).await,
        Wish::Login { password, renews_hash } => desk.login(password, *renews_hash).await,
        Wish::Refresh { claim, rotates } => desk.refresh(claim, *rotates).await,
        Wish::ChangePassword { access, current, new } => desk.change_password(access, current, new).await,
        Wish::Logout { claim, everywhere: false, .. } => desk.logout(claim).await,
        Wish::Logout { claim, everywhere: true, ends_keys } => desk.log_out_everywhere(claim, *ends_keys).await,
        Wish::MakeKey { access, password } => desk.make_key(access, password).await,
        Wish::EndKey { access, key } => desk.end_key(access, key).await,
        Wish::ChangeKey { access, key, limits } => desk.change_key(access, key, limits).await,
        Wish::Delete { access, password } => desk.delete(access, password).await,
    }
}

/// One request to such a function.
struct Desk<'a> {
    world: &'a World,
    username: &'a Username,
    deadline: Timestamp,
}

impl Desk<'_> {
    /// As `register`.
    async fn register(&self, password: &str) -> Result<Told, ApiError> {
        let grant = Credits::new(GRANT).unwrap();
        Ok(Told::Registered(register(&self.world.accounts, self.username, password, grant, self.deadline).await?))
    }

    /// As `register` with an invitation. Limits on guesses have tests of their own.
    async fn register_invited(&self, password: &str, code: usize) -> Result<Told, ApiError> {
        let World { accounts, codes, clock, .. } = self.world;
        let invitation = self.vouchers().find_invitation(&codes[code].code).await?.ok_or(ApiError::VoucherNotFound)?;
        if let Some(end) = invitation.end(clock.now()) {
            return Err(ApiError::VoucherSpent(end));
        }
        let (hash, terms) = (hash(password, "first"), (&invitation, None));
        let registered = accounts.register_invited(Accepting::unasked(), self.username, hash, terms, self.deadline);
        Ok(Told::Registered(registered.await?))
    }

    /// As `vouchers`.
    async fn redeem(&self, access: &LoggedIn, code: usize) -> Result<Told, ApiError> {
        let World { accounts, codes, .. } = self.world;
        let account = accounts.read(access).await?;
        let vouchers = self.vouchers();
        let found = vouchers.find_credits(&codes[code].code, access.user_id()).await?;
        let voucher = found.ok_or(ApiError::VoucherNotFound)?;
        vouchers.redeem(Accepting::unasked(), access.payer(), account, voucher, self.deadline).await?;
        Ok(Told::Done)
    }

    fn vouchers(&self) -> Vouchers {
        Vouchers::new(self.world.table.clone(), self.world.clock.clone())
    }

    /// As `login`.
    async fn login(&self, password: &str, renews_hash: bool) -> Result<Told, ApiError> {
        let proven = self.proven(self.username, password).await?;
        let login = proven.login();
        let renewed_hash = renews_hash.then(|| self.new_hash(password));
        let opening = Opening {
            proven: &proven,
            renewed_hash: renewed_hash.as_ref(),
            refresh: self.new_terms(),
            user_agent: None,
        };
        let session_id = self.world.sessions.begin(&opening, self.deadline).await?;
        let subject = Subject { user_id: login.user_id, session_id, session_epoch: login.session_epoch };
        Ok(Told::Admitted(tokens(subject, opening.refresh.id)))
    }

    /// As `token-refresh`.
    async fn refresh(&self, claim: &RefreshClaim, rotates: bool) -> Result<Told, ApiError> {
        let next = rotates.then(|| self.new_terms());
        let Refreshed { subject, replacement } = self.world.sessions.refresh(claim, next).await?;
        Ok(Told::Admitted(tokens(subject, replacement.map_or(claim.token_id, |terms| terms.id))))
    }

    /// As `password`.
    async fn change_password(&self, access: &LoggedIn, current: &str, new: &str) -> Result<Told, ApiError> {
        let username = self.world.accounts.read(access).await?.parsed_username()?;
        let proven = self.proven(&username, current).await?;
        let new_hash = self.new_hash(new);
        let change = PasswordChange { person: access, proven: &proven, new_hash: &new_hash };
        self.world.accounts.change_password(&change, self.deadline).await?;
        Ok(Told::Done)
    }

    /// As `logout` of one session.
    async fn logout(&self, claim: &RefreshClaim) -> Result<Told, ApiError> {
        self.world.sessions.end(claim.user_id, claim.session_id).await?;
        Ok(Told::Done)
    }

    /// As `logout` of all sessions.
    async fn log_out_everywhere(&self, claim: &RefreshClaim, ends_keys: bool) -> Result<Told, ApiError> {
        let scope = if ends_keys { LogoutScope::SessionsAndApiKeys } else { LogoutScope::Sessions };
        self.world.accounts.log_out_everywhere(claim, scope, self.deadline).await?;
        Ok(Told::Done)
    }

    /// As `keys` for a `POST`.
    async fn make_key(&self, access: &LoggedIn, password: &str) -> Result<Told, ApiError> {
        let api_keys = self.api_keys();
        let room = api_keys.room(access).await?;
        let proven = self.proven(&room.username()?, password).await?;
        let new = NewApiKey { person: access, proven: &proven, terms: &terms_of_key(KeyLimits::default()) };
        let made = api_keys.make(&new, room, self.deadline).await?;
        Ok(Told::KeyMade(ProgramKey::new(access.user_id(), &made)))
    }

    /// As `keys` for a `DELETE`.
    async fn end_key(&self, access: &LoggedIn, key: &ProgramKey) -> Result<Told, ApiError> {
        self.api_keys().end(access, key.id, self.deadline).await?;
        Ok(Told::Done)
    }

    /// As `keys` for a `PATCH` with the password, which tests of its own check.
    async fn change_key(&self, access: &LoggedIn, key: &ProgramKey, limits: &KeyLimits) -> Result<Told, ApiError> {
        let KeyLimits { budget, requests_per_minute, models } = limits.clone();
        let changes = ApiKeyChanges {
            budget: TermChange::To(ApiKeyBudget(budget)),
            requests_per_minute: TermChange::To(ApiKeyRate(requests_per_minute)),
            models: TermChange::To(ApiKeyModels(models)),
            ..ApiKeyChanges::default()
        };
        let api_keys = self.api_keys();
        let found = api_keys.find(access, key.id).await?;
        let login = self.world.logins.find(&found.username()?).await?.ok_or(ApiError::InvalidCredentials)?;
        let proven = ProvenLogin::unproven(login, self.username, SourceNetwork::UNKNOWN);
        let patch = ApiKeyPatch { person: access, proven: Some(&proven), changes: &changes };
        api_keys.change(patch, found, self.deadline).await?;
        Ok(Told::Done)
    }

    fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self.world.table.clone(), self.world.clock.clone())
    }

    /// As `account` for a `DELETE`.
    async fn delete(&self, access: &LoggedIn, password: &str) -> Result<Told, ApiError> {
        let deletion = &self.world.deletion;
        let account = deletion.read(access).await?;
        let username = account.parsed_username()?;
        let proven = self.proven(&username, password).await?;
        if account.status != Status::Deleting {
            deletion.begin(access, &proven, &account, self.deadline).await?;
        }
        match deletion.finish(access.user_id(), &username, self.deadline).await? {
            DeletionProgress::Finished => Ok(Told::Done),
            DeletionProgress::OutOfTime => Err(ApiError::Unavailable(Cause::because("out of time"))),
        }
    }

    /// The login of a name, if the password is right. Limits on attempts have tests of their own.
    async fn proven(&self, username: &Username, password: &str) -> Result<ProvenLogin, ApiError> {
        let found = self.world.logins.find(username).await?;
        let found = found.filter(|login| password_of(login.password_hash.as_str()) == password);
        let login = found.ok_or(ApiError::InvalidCredentials)?;
        Ok(ProvenLogin::unproven(login, username, SourceNetwork::UNKNOWN))
    }

    fn new_hash(&self, password: &str) -> shared::identity::password_hash::PasswordHash {
        hash(password, &TokenId::new(&self.world.clock).to_string())
    }

    fn new_terms(&self) -> RefreshTerms {
        new_terms(&self.world.clock, self.world.session_lifetime)
    }
}

fn tokens(subject: Subject, token_id: TokenId) -> Tokens {
    let refresh = RefreshClaim { user_id: subject.user_id, session_id: subject.session_id, token_id };
    Tokens { access: subject.into(), refresh }
}

/// The terms of a key that does not expire.
pub(crate) fn terms_of_key(limits: KeyLimits) -> ApiKeyTerms {
    ApiKeyTerms { name: "program".to_owned().try_into().unwrap(), lifetime: ApiKeyLifetime::default(), limits }
}

/// The terms of a new refresh token, as the signer makes them.
pub(crate) fn new_terms(clock: &Clock, lifetime: std::time::Duration) -> RefreshTerms {
    let issued_at = clock.now();
    RefreshTerms { id: TokenId::new(clock), issued_at, expires_at: issued_at.plus(lifetime) }
}

pub(crate) async fn register(
    accounts: &Accounts,
    username: &Username,
    password: &str,
    grant: Credits,
    deadline: Timestamp,
) -> Result<UserId, ApiError> {
    Ok(accounts.register(Accepting::unasked(), username, hash(password, "first"), grant, deadline).await?)
}
