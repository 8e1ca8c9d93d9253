//! The parts that handlers are made of.

use acts::ActReader;
use domain::setting::SettingError;
use domain::time::Clock;
use identity::accounts::{Accounts, Deletion};
use identity::api_keys::ApiKeys;
use identity::callers::Callers;
use identity::code_guesses::CodeGuesses;
use identity::directory::UserLister;
use identity::jwt::{KeySet, Signer, Verifier};
use identity::login::Logins;
use identity::receipts::{ReceiptKeys, ReceiptSigner};
use identity::registrations::Registrations;
use identity::reset_codes::ResetCodes;
use identity::sessions::Sessions;
use identity::staff::StaffDesk;
use ledger::Ledger;
use ledger::audit::Audit;
use ledger::bulk_grants::BulkGrants;
use ledger::conversations::ConversationKeeper;
use ledger::gate::Gate;
use ledger::history::History;
use ledger::past_exchanges::PastExchanges;
use ledger::switch::Switch;
use ledger::usage::{UsageOfAllReader, UsageReader};
use ledger::vouchers::Vouchers;
use providers::catalogues::Catalogues;
use providers::connections::Connections;
use providers::offers::OfferDesk;
use providers::stored_catalogue::CatalogueKeeper;
use providers::unconnected::Unconnected;
use store::Table;

use crate::conversation::Conversations;
use crate::export::Export;
use crate::settings::{ChatSettings, ReceiptSigningSettings, Settings, SigningSettings};
use crate::till::Till;

/// Settings, table and clock of a function, and constructors of everything that handlers make of these.
///
/// An `async` constructor may wait for the network. Two of them that a handler needs are joined.
pub struct Resources {
    /// The settings of every function.
    pub settings: Settings,
    /// The table.
    pub table: Table,
    /// The clock.
    pub clock: Clock,
}

impl Resources {
    /// Reads the settings from the environment, and starts the log and the metrics.
    ///
    /// # Errors
    /// [`SettingError`] if a setting cannot be used, or AWS cannot be reached with the environment's settings.
    pub fn from_environment() -> Result<Self, SettingError> {
        let settings = Settings::from_environment()?;
        telemetry::logging::start(settings.log_level, &settings.stack_name);
        let table = Table::connect(&settings.table_name)?;
        Ok(Self { settings, table, clock: Clock::system() })
    }

    /// Accounts: registration, reading, operators' acts, changes of passwords.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.table.clone(), self.clock.clone())
    }

    /// Deletion of accounts.
    #[must_use]
    pub fn deletion(&self) -> Deletion {
        Deletion::new(self.table.clone(), self.clock.clone())
    }

    /// Logins: the proof of a password, within the limit on attempts.
    #[must_use]
    pub fn logins(&self) -> Logins {
        Logins::new(self.table.clone(), self.clock.clone())
    }

    /// The limit on registrations from one network.
    #[must_use]
    pub fn registrations(&self) -> Registrations {
        Registrations::new(self.table.clone(), self.clock.clone(), self.settings.registrations_per_hour)
    }

    /// The limit on guesses at codes from one network.
    #[must_use]
    pub fn code_guesses(&self) -> CodeGuesses {
        CodeGuesses::new(self.table.clone(), self.clock.clone())
    }

    /// The codes by which a user sets a new password without the old one.
    #[must_use]
    pub fn reset_codes(&self) -> ResetCodes {
        ResetCodes::new(self.table.clone(), self.clock.clone())
    }

    /// Sessions.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.table.clone(), self.clock.clone())
    }

    /// The list of users, for staff.
    #[must_use]
    pub fn user_lister(&self) -> UserLister {
        UserLister::new(self.table.clone())
    }

    /// The desk at which staff show who they are.
    pub async fn staff_desk(&self) -> StaffDesk {
        StaffDesk::start(self.table.clone(), self.clock.clone()).await
    }

    /// API keys.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self.table.clone(), self.clock.clone())
    }

    /// The verifier of JWTs.
    pub async fn verifier(&self) -> Verifier {
        Verifier::start(self.table.clone(), self.clock.clone()).await
    }

    /// The verifier of JWTs and API keys.
    pub async fn callers(&self) -> Callers {
        Callers::start(self.table.clone(), self.clock.clone()).await
    }

    /// The signer of JWTs. Its secret is a setting that no other constructor reads.
    ///
    /// # Errors
    /// [`SettingError`] if the secret's setting cannot be used.
    pub async fn signer(&self) -> Result<Signer, SettingError> {
        let SigningSettings { secret } = SigningSettings::from_environment()?;
        Signer::start(self.settings.token_lifetimes(), secret, self.table.clone(), self.clock.clone()).await
    }

    /// The public keys of the JWTs.
    pub async fn key_set(&self) -> KeySet {
        KeySet::start(self.table.clone()).await
    }

    /// The signer of receipts. Its secret is a setting that no other constructor reads.
    ///
    /// # Errors
    /// [`SettingError`] if the secret's setting cannot be used.
    pub async fn receipt_signer(&self) -> Result<ReceiptSigner, SettingError> {
        let ReceiptSigningSettings { secret } = ReceiptSigningSettings::from_environment()?;
        ReceiptSigner::start(secret, self.table.clone(), self.clock.clone()).await
    }

    /// The public keys of receipts.
    pub async fn receipt_keys(&self) -> ReceiptKeys {
        ReceiptKeys::start(self.table.clone()).await
    }

    /// The gate before messages and registrations.
    pub async fn gate(&self) -> Gate {
        Gate::start(self.table.clone(), self.clock.clone()).await
    }

    /// The switch by which an operator opens and closes the gate.
    #[must_use]
    pub fn switch(&self) -> Switch {
        Switch::new(self.table.clone(), self.clock.clone())
    }

    /// The history of what staff and operators did, for reading.
    #[must_use]
    pub fn act_reader(&self) -> ActReader {
        ActReader::new(self.table.clone())
    }

    /// The keeper of the catalogue of models.
    #[must_use]
    pub fn catalogue_keeper(&self) -> CatalogueKeeper {
        CatalogueKeeper::new(self.table.clone(), self.clock.clone())
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let ledger = Ledger::new(self.table.clone(), self.clock.clone(), self.settings.max_holds);
        let ledger = ledger.with_requests_per_minute(self.settings.requests_per_minute);
        ledger.with_retention(self.settings.message_retention)
    }

    /// Vouchers and invitations.
    #[must_use]
    pub fn vouchers(&self) -> Vouchers {
        Vouchers::new(self.table.clone(), self.clock.clone())
    }

    /// Bulk grants.
    #[must_use]
    pub fn bulk_grants(&self) -> BulkGrants {
        BulkGrants::new(self.table.clone(), self.clock.clone())
    }

    /// The lists of a user's transactions and messages.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(self.table.clone(), self.clock.clone()).with_retention(self.settings.message_retention)
    }

    /// The reader of users' usage.
    #[must_use]
    pub fn usage_reader(&self) -> UsageReader {
        UsageReader::new(self.table.clone(), self.clock.clone())
    }

    /// The reader of the usage of all users together.
    #[must_use]
    pub fn usage_of_all_reader(&self) -> UsageOfAllReader {
        UsageOfAllReader::new(self.table.clone())
    }

    /// The export of all that is stored of a user.
    #[must_use]
    pub fn export(&self) -> Export {
        Export::new(self.sessions(), self.api_keys(), self.history(), self.clock.clone())
    }

    /// The keeper of users' conversations.
    #[must_use]
    pub fn conversation_keeper(&self) -> ConversationKeeper {
        ConversationKeeper::new(self.table.clone(), self.clock.clone())
    }

    /// The audit of the ledger.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.table.clone(), self.clock.clone()).with_retention(self.settings.message_retention)
    }

    /// The catalogue in the table, and the model that `chat` names where there is none. Nothing is read before the first
    /// request.
    #[must_use]
    pub fn catalogues(&self, chat: &ChatSettings) -> Catalogues {
        Catalogues::new(self.table.clone(), self.clock.clone(), chat.catalogue())
    }

    /// The models of the catalogue with their prices, none of which can be asked. Nothing is read before the first
    /// request.
    #[must_use]
    pub fn priced_offers(&self, chat: &ChatSettings) -> OfferDesk {
        OfferDesk::new(self.catalogues(chat), Box::new(Unconnected))
    }

    /// The verifier of JWTs and API keys, and the till of the catalogue's models. The reads of the table go one after the
    /// other, over one connection: opening another takes longer than a read. The catalogue is the first of them: it says
    /// whose connections are opened beside the others.
    ///
    /// # Errors
    /// [`SettingError`] if the model that `chat` names is not built into this function, or cannot be reached with these
    /// settings.
    pub async fn callers_and_till(&self, chat: &ChatSettings) -> Result<(Callers, Till), SettingError> {
        let catalogues = self.catalogues(chat);
        let connections = Connections::start(&chat.model, chat.model_streams, chat.provider_keys.clone());
        let ((), connections) = tokio::join!(catalogues.warm_up(), connections);
        let offers = OfferDesk::new(catalogues, Box::new(connections?));
        let from_table = async { (self.callers().await, self.gate().await) };
        let ((callers, gate), ()) = tokio::join!(from_table, offers.warm_up());
        let till = Till {
            ledger: self.ledger(),
            gate,
            offers,
            least_output_tokens: chat.output_limits.least,
            clock: self.clock.clone(),
        };
        Ok((callers, till))
    }

    /// The conversations at `/chatView/`, as a model is told them.
    #[must_use]
    pub fn conversations(&self, chat: &ChatSettings) -> Conversations {
        let past_exchanges = PastExchanges::new(self.table.clone(), self.clock.clone());
        let past_exchanges = past_exchanges.with_retention(self.settings.message_retention);
        Conversations::new(past_exchanges, chat.context_limits, chat.system_prompt.clone())
    }
}
