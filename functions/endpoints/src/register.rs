//! `POST /register/`: a username and a password become an account with credits to start with, or with those of an invitation.

use serde_json::json;
use shared::domain::allowance::AllowanceTerms;
use shared::domain::code::VoucherCode;
use shared::domain::credits::Credits;
use shared::domain::password::{Password, PasswordRules};
use shared::domain::setting::SettingError;
use shared::domain::source_network::SourceNetwork;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::code_guesses::CodeGuesses;
use shared::identity::password_hash::PasswordHash;
use shared::identity::registrations::Registrations;
use shared::ledger::gate::Gate;
use shared::ledger::vouchers::{Invitation, Vouchers};
use shared::settings::Registration;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<RegisterEndpoint>().await
}

struct RegisterEndpoint {
    gate: Gate,
    accounts: Accounts,
    registration: Registration,
    registrations: Registrations,
    code_guesses: CodeGuesses,
    vouchers: Vouchers,
    starting_tokens: Credits,
    /// The allowance of accounts that come by invitation.
    allowance: Option<AllowanceTerms>,
    password_rules: PasswordRules,
    clock: Clock,
}

impl Endpoint for RegisterEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            accounts: resources.accounts(),
            gate: resources.gate().await,
            registration: resources.settings.registration,
            registrations: resources.registrations(),
            code_guesses: resources.code_guesses(),
            vouchers: resources.vouchers(),
            starting_tokens: resources.settings.starting_tokens,
            allowance: resources.settings.allowance,
            password_rules: resources.settings.password_rules,
            clock: resources.clock.clone(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        if self.registration == Registration::Closed {
            return Err(ApiError::RegistrationClosed);
        }
        let (deadline, network) = (request.deadline(), request.source_network());
        let Applicant { username, password, code } = self.applicant(request.fields()?)?;
        let accepting = self.gate.accepting().await?;
        self.registrations.count(network, deadline).await?;
        // The invitation comes before the hash, which is what costs: a wrong code does not get that far.
        let invitation = match code {
            Some(code) => Some(self.invitation(&code, network, deadline).await?),
            None => None,
        };
        let hash = PasswordHash::of(&password)?;
        match &invitation {
            Some(invitation) => {
                let terms = (invitation, self.allowance);
                self.accounts.register_invited(accepting, &username, hash, terms, deadline).await?
            }
            None => self.accounts.register(accepting, &username, hash, self.starting_tokens, deadline).await?,
        };
        Answer::private(StatusCode::CREATED, &json!({"message": "You've been registered"}))
    }
}

/// The fields of a registration.
struct Applicant {
    username: Username,
    password: Password,
    /// The code of an invitation.
    code: Option<VoucherCode>,
}

impl RegisterEndpoint {
    /// The applicant of a body. Where nobody registers without an invitation, its code is required.
    fn applicant(&self, mut fields: BodyFields) -> Result<Applicant, ApiError> {
        let username = fields.take_with("username", |text| Username::chosen(&text));
        let password = fields.take_with("password", |text| match &username {
            Some(username) => Password::choose(&text, username, self.password_rules),
            None => Password::parse(&text),
        });
        let is_invited = self.registration == Registration::Invite || fields.has("invitation");
        let code = if is_invited { fields.take("invitation").map(Some) } else { Some(None) };
        match (username, password, code) {
            (Some(username), Some(password), Some(code)) => Ok(Applicant { username, password, code }),
            _ => Err(fields.refuse()),
        }
    }

    /// The invitation with this code, by which somebody can register now.
    async fn invitation(
        &self,
        code: &VoucherCode,
        network: SourceNetwork,
        deadline: Timestamp,
    ) -> Result<Invitation, ApiError> {
        let guess = self.code_guesses.count(network, deadline).await?;
        let invitation = self.vouchers.find_invitation(code).await?.ok_or(ApiError::VoucherNotFound)?;
        self.code_guesses.take_back(guess).await;
        match invitation.end(self.clock.now()) {
            Some(end) => Err(ApiError::VoucherSpent(end)),
            None => Ok(invitation),
        }
    }
}
