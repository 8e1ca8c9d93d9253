//! Settings: environment variables, read once at start-up.
//!
//! Begin with [`Settings`]. Functions that talk to a model also read [`ChatSettings`], functions that sign tokens
//! [`SigningSettings`], and the one that signs receipts [`ReceiptSigningSettings`].

mod chat;
mod shown;

use std::env;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use cloud::SecretSource;
use domain::allowance::AllowanceTerms;
use domain::credits::Credits;
use domain::password::PasswordRules;
use domain::period::PeriodLength;
use domain::requests_per_minute::RequestsPerMinute;
use domain::setting::SettingError;
use identity::jwt::{SigningSecretSource, TokenLifetimes};
use ledger::retention::Retention;
use secrecy::SecretString;
use tracing_subscriber::filter::LevelFilter;

use crate::http::CorsOrigins;

pub use chat::ChatSettings;
pub use shown::{SHOWN, ShownSettings};

/// The most that `MAX_GRANT` may be.
const MAX_MAX_GRANT: u64 = 1_000_000_000_000;

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever has an invitation.
    Invite,
    /// Nobody.
    Closed,
}

/// The settings of every function. Each field is the environment variable of the same name, in capitals. template.yaml
/// has a parameter with the same default for each, which a test compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `TABLE_NAME`: the DynamoDB table. Default `chat-api`.
    pub table_name: String,
    /// `STARTING_TOKENS`: credits granted at registration. Default 100.
    pub starting_tokens: Credits,
    /// `REGISTRATION`: who may register: `open` is everybody, `invite` whoever has an invitation, `closed` nobody. Default
    /// `open`.
    pub registration: Registration,
    /// `REGISTRATIONS_PER_HOUR`: the most registrations from one network in an hour, up to a million. 0 is no limit.
    /// Default 20.
    pub registrations_per_hour: u32,
    /// `ACCESS_TOKEN_LIFETIME`: in seconds, up to a day. Default 300.
    pub access_token_lifetime: Duration,
    /// `REFRESH_TOKEN_LIFETIME`: in seconds, up to a year. Default 86400.
    pub refresh_token_lifetime: Duration,
    /// `ROTATE_REFRESH_TOKENS`: `true` if each refresh replaces the refresh token. Default `false`.
    pub rotate_refresh_tokens: bool,
    /// `FUNCTION_TIMEOUT`: in seconds, from 20 to 28. The time for a request where Lambda does not give a deadline.
    /// Default 28: API Gateway ends a buffered response after 29.
    pub function_timeout: Duration,
    /// `AUDIT_TIMEOUT`: in seconds, from 30 to 900. The time for a run of the audit where Lambda does not give a deadline.
    /// Default 840, a minute less than the schedule's quarter of an hour, so that two runs seldom meet.
    pub audit_timeout: Duration,
    /// `MAX_HOLDS`: the most messages of one user that may be in flight, up to 20. Default 10.
    pub max_holds: u32,
    /// `REQUESTS_PER_MINUTE`: the most messages of one user in a minute, up to 6,000. 0 is no limit. Default 0.
    pub requests_per_minute: Option<RequestsPerMinute>,
    /// `MESSAGE_RETENTION_DAYS`: how many days messages and replies are kept, up to 3,650. 0 is for good. Default 0.
    pub message_retention: Retention,
    /// `MAX_GRANT`: the most credits of one act of staff, from 1 to 10^12. Operators have no such limit. Default 1,000,000.
    pub max_grant: Credits,
    /// `ALLOWANCE_TOKENS`, `ALLOWANCE_PERIOD`, `ALLOWANCE_CAP`: the allowance of accounts that come by invitation: so many
    /// credits with every `day`, `week` or `month`, up to the cap. 0 credits are none, and a cap of 0 is that of one period's
    /// credits. Default 0, `month`, 0.
    pub allowance: Option<AllowanceTerms>,
    /// `PASSWORD_BLOCKLIST`: `true` if common passwords are refused. Default `false`.
    pub password_rules: PasswordRules,
    /// `CORS_ORIGINS`: the origins of pages that may use the API from a browser, up to twenty with commas between them,
    /// or `*` for every origin. Default none.
    pub cors_origins: CorsOrigins,
    /// `STACK_NAME`: the name of the `CloudFormation` stack, for the metrics. Default `local`.
    pub stack_name: String,
    /// `LOG_LEVEL`: the least severe level that is logged. Default `info`.
    pub log_level: LevelFilter,
}

impl Settings {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// [`SettingError`] naming the first variable whose value cannot be used.
    pub fn from_environment() -> Result<Self, SettingError> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads the settings from `variables`. An absent or empty variable has its default.
    ///
    /// # Errors
    /// [`SettingError`] naming the first variable whose value cannot be used.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let variables = Variables(variables);
        Ok(Self {
            table_name: variables.get("TABLE_NAME").unwrap_or("chat-api".to_owned()),
            starting_tokens: variables.credits("STARTING_TOKENS", 100)?,
            registration: variables.registration("REGISTRATION")?,
            registrations_per_hour: variables.count("REGISTRATIONS_PER_HOUR", 20, 0..=1_000_000)?,
            access_token_lifetime: variables.seconds("ACCESS_TOKEN_LIFETIME", 300, 1..=86_400)?,
            refresh_token_lifetime: variables.seconds(
                "REFRESH_TOKEN_LIFETIME",
                86_400,
                1..=TokenLifetimes::LONGEST.as_secs(),
            )?,
            rotate_refresh_tokens: variables.flag("ROTATE_REFRESH_TOKENS")?,
            function_timeout: variables.seconds("FUNCTION_TIMEOUT", 28, 20..=28)?,
            audit_timeout: variables.seconds("AUDIT_TIMEOUT", 840, 30..=900)?,
            max_holds: variables.count("MAX_HOLDS", 10, 1..=20)?,
            requests_per_minute: RequestsPerMinute::new(variables.count(
                "REQUESTS_PER_MINUTE",
                0,
                0..=RequestsPerMinute::MAX,
            )?),
            message_retention: Retention::of_days(variables.count("MESSAGE_RETENTION_DAYS", 0, 0..=3650)?),
            max_grant: variables.credits_within("MAX_GRANT", 1_000_000, 1..=MAX_MAX_GRANT)?,
            allowance: variables.allowance()?,
            password_rules: PasswordRules { blocklist: variables.flag("PASSWORD_BLOCKLIST")? },
            cors_origins: variables.cors_origins("CORS_ORIGINS")?,
            stack_name: variables.stack_name("STACK_NAME")?,
            log_level: variables.log_level("LOG_LEVEL")?,
        })
    }

    /// The lifetimes of the JWTs.
    #[must_use]
    pub fn token_lifetimes(&self) -> TokenLifetimes {
        TokenLifetimes { access: self.access_token_lifetime, refresh: self.refresh_token_lifetime }
    }
}

/// The settings of the functions that sign tokens.
#[derive(Clone, Debug)]
pub struct SigningSettings {
    /// `JWT_SIGNING_SECRET`: the secret from which the key that signs JWTs is derived, on a laptop.
    /// `JWT_SIGNING_SECRET_ARN`: the secret's name in AWS Secrets Manager, where deployed.
    pub secret: SigningSecretSource,
}

impl SigningSettings {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// [`SettingError`] if neither variable is set, or the secret is too short.
    pub fn from_environment() -> Result<Self, SettingError> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads the settings from `variables`.
    ///
    /// # Errors
    /// [`SettingError`] if neither variable is set, or the secret is too short.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let secret = Variables(variables).signing_secret("JWT_SIGNING_SECRET", "JWT_SIGNING_SECRET_ARN")?;
        Ok(Self { secret })
    }
}

/// The settings of the function that signs receipts.
#[derive(Clone, Debug)]
pub struct ReceiptSigningSettings {
    /// `RECEIPT_SIGNING_SECRET`: the secret from which the key that signs receipts is derived, on a laptop.
    /// `RECEIPT_SIGNING_SECRET_ARN`: the secret's name in AWS Secrets Manager, where deployed.
    pub secret: SigningSecretSource,
}

impl ReceiptSigningSettings {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// [`SettingError`] if neither variable is set, or the secret is too short.
    pub fn from_environment() -> Result<Self, SettingError> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads the settings from `variables`.
    ///
    /// # Errors
    /// [`SettingError`] if neither variable is set, or the secret is too short.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let secret = Variables(variables).signing_secret("RECEIPT_SIGNING_SECRET", "RECEIPT_SIGNING_SECRET_ARN")?;
        Ok(Self { secret })
    }
}

struct Variables<V>(V);

impl<V: Fn(&str) -> Option<String>> Variables<V> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn secret(&self, value_name: &str, arn_name: &str) -> Option<SecretSource> {
        match self.get(arn_name) {
            Some(arn) => Some(SecretSource::SecretsManager { arn }),
            None => self.get(value_name).map(SecretString::from).map(SecretSource::Value),
        }
    }

    fn signing_secret(&self, name: &'static str, arn_name: &str) -> Result<SigningSecretSource, SettingError> {
        let source = self.secret(name, arn_name);
        let source = source.ok_or_else(|| SettingError::new(name, format!("must be set, or {arn_name}")))?;
        SigningSecretSource::new(source).map_err(|problem| SettingError::new(name, problem.to_string()))
    }

    fn number(&self, name: &'static str, default: u64, rule: &str) -> Result<u64, SettingError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => {
                u64::from_str(&value).map_err(|_| SettingError::new(name, format!("must be {rule}, not \"{value}\"")))
            }
        }
    }

    fn credits(&self, name: &'static str, default: u64) -> Result<Credits, SettingError> {
        self.credits_within(name, default, 0..=Credits::MAX.into())
    }

    fn credits_within(
        &self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<Credits, SettingError> {
        let rule = format!("a whole number from {} to {}", range.start(), range.end());
        let amount = self.number(name, default, &rule)?;
        let credits = Credits::new(amount).ok().filter(|_| range.contains(&amount));
        credits.ok_or_else(|| SettingError::new(name, format!("must be {rule}, not \"{amount}\"")))
    }

    fn registration(&self, name: &'static str) -> Result<Registration, SettingError> {
        let words = [("open", Registration::Open), ("invite", Registration::Invite), ("closed", Registration::Closed)];
        self.one_of(name, &words)
    }

    fn allowance(&self) -> Result<Option<AllowanceTerms>, SettingError> {
        const CAP: &str = "ALLOWANCE_CAP";
        let credits = self.credits("ALLOWANCE_TOKENS", 0)?;
        let periods = [("month", PeriodLength::Month), ("week", PeriodLength::Week), ("day", PeriodLength::Day)];
        let per = self.one_of("ALLOWANCE_PERIOD", &periods)?;
        let cap = self.credits(CAP, 0)?;
        if credits == Credits::ZERO {
            return Ok(None);
        }
        let terms = AllowanceTerms::new(credits, per, if cap == Credits::ZERO { credits } else { cap });
        let problem = |_| SettingError::new(CAP, format!("must be 0 or at least ALLOWANCE_TOKENS, not \"{cap}\""));
        terms.map(Some).map_err(problem)
    }

    fn seconds(&self, name: &'static str, default: u64, range: RangeInclusive<u64>) -> Result<Duration, SettingError> {
        let rule = format!("a whole number of seconds from {} to {}", range.start(), range.end());
        let seconds = self.number(name, default, &rule)?;
        if !range.contains(&seconds) {
            return Err(SettingError::new(name, format!("must be {rule}, not \"{seconds}\"")));
        }
        Ok(Duration::from_secs(seconds))
    }

    fn count(&self, name: &'static str, default: u32, range: RangeInclusive<u32>) -> Result<u32, SettingError> {
        let rule = format!("a whole number from {} to {}", range.start(), range.end());
        let count = self.number(name, default.into(), &rule)?;
        match u32::try_from(count) {
            Ok(count) if range.contains(&count) => Ok(count),
            _ => Err(SettingError::new(name, format!("must be {rule}, not \"{count}\""))),
        }
    }

    fn cors_origins(&self, name: &'static str) -> Result<CorsOrigins, SettingError> {
        self.get(name).map_or(Ok(CorsOrigins::None), |value| {
            CorsOrigins::parse(&value).ok_or_else(|| {
                let most = CorsOrigins::MAX_ORIGINS;
                let problem = format!(
                    "must be * or up to {most} origins such as https://app.example.com, without path or default port \
                     and with commas between them, not \"{value}\""
                );
                SettingError::new(name, problem)
            })
        })
    }

    fn stack_name(&self, name: &'static str) -> Result<String, SettingError> {
        let value = self.get(name).unwrap_or("local".to_owned());
        let is_name = value.len() <= 128 && value.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        if is_name {
            Ok(value)
        } else {
            Err(SettingError::new(name, format!("must be up to 128 letters, digits and hyphens, not \"{value}\"")))
        }
    }

    fn log_level(&self, name: &'static str) -> Result<LevelFilter, SettingError> {
        let levels = [
            ("info", LevelFilter::INFO),
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("debug", LevelFilter::DEBUG),
            ("trace", LevelFilter::TRACE),
        ];
        self.one_of(name, &levels)
    }

    fn flag(&self, name: &'static str) -> Result<bool, SettingError> {
        self.one_of(name, &[("false", false), ("true", true)])
    }

    /// The meaning of one of `words`. The first word is the default.
    fn one_of<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<T, SettingError> {
        let value = self.get(name).unwrap_or(words[0].0.to_owned());
        words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            SettingError::new(name, format!("must be {}, not \"{value}\"", words.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<Settings, SettingError> {
        Settings::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn every_setting_has_a_default() {
        let settings = Settings::read(|_| None).unwrap();
        assert_eq!(settings.starting_tokens, Credits::new(100).unwrap());
        assert_eq!(settings.access_token_lifetime, Duration::from_secs(300));
        assert_eq!(read("STARTING_TOKENS", "").unwrap(), settings, "empty is not set");
    }

    #[test]
    fn a_setting_replaces_its_default() {
        assert_eq!(read("TABLE_NAME", "other").unwrap().table_name, "other");
        assert!(read("PASSWORD_BLOCKLIST", "true").unwrap().password_rules.blocklist);
        assert_eq!(read("REGISTRATION", "closed").unwrap().registration, Registration::Closed);
        assert_eq!(read("MAX_GRANT", "1").unwrap().max_grant, Credits::new(1).unwrap());
        assert_eq!(read("CORS_ORIGINS", "*").unwrap().cors_origins, CorsOrigins::Any);
        assert_eq!(read("STARTING_TOKENS", "0").unwrap().starting_tokens, Credits::ZERO);
        assert_eq!(read("MESSAGE_RETENTION_DAYS", "30").unwrap().message_retention, Retention::of_days(30));
    }

    #[test]
    fn an_allowance_has_a_period_and_a_cap_of_one_periods_credits_unless_another_is_set() {
        let allowance = |set: &[(&str, &str)]| {
            let value = |asked: &str| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
            Settings::read(value).map(|settings| settings.allowance)
        };
        let terms = |credits, per, cap| {
            Some(AllowanceTerms::new(Credits::new(credits).unwrap(), per, Credits::new(cap).unwrap()).unwrap())
        };
        assert_eq!(allowance(&[("ALLOWANCE_CAP", "50")]).unwrap(), None);
        assert_eq!(allowance(&[("ALLOWANCE_TOKENS", "50")]).unwrap(), terms(50, PeriodLength::Month, 50));
        let weekly = [("ALLOWANCE_TOKENS", "50"), ("ALLOWANCE_PERIOD", "week"), ("ALLOWANCE_CAP", "80")];
        assert_eq!(allowance(&weekly).unwrap(), terms(50, PeriodLength::Week, 80));
        let too_low = allowance(&[("ALLOWANCE_TOKENS", "50"), ("ALLOWANCE_CAP", "49")]).unwrap_err();
        assert_eq!(too_low.to_string(), "ALLOWANCE_CAP must be 0 or at least ALLOWANCE_TOKENS, not \"49\"");
    }

    #[test]
    fn a_bad_value_is_refused_in_a_sentence_that_names_it() {
        for (name, value, sentence) in [
            ("STARTING_TOKENS", "-1", "STARTING_TOKENS must be a whole number from 0 to 9007199254740991, not \"-1\""),
            (
                "STARTING_TOKENS",
                "9007199254740992",
                "STARTING_TOKENS must be a whole number from 0 to 9007199254740991, not \
                 \"9007199254740992\"",
            ),
            (
                "ACCESS_TOKEN_LIFETIME",
                "5m",
                "ACCESS_TOKEN_LIFETIME must be a whole number of seconds from 1 to 86400, not \"5m\"",
            ),
            ("FUNCTION_TIMEOUT", "19", "FUNCTION_TIMEOUT must be a whole number of seconds from 20 to 28, not \"19\""),
            ("FUNCTION_TIMEOUT", "29", "FUNCTION_TIMEOUT must be a whole number of seconds from 20 to 28, not \"29\""),
            ("ROTATE_REFRESH_TOKENS", "yes", "ROTATE_REFRESH_TOKENS must be false, true, not \"yes\""),
            (
                "REGISTRATIONS_PER_HOUR",
                "1000001",
                "REGISTRATIONS_PER_HOUR must be a whole number from 0 to 1000000, not \"1000001\"",
            ),
            (
                "MESSAGE_RETENTION_DAYS",
                "3651",
                "MESSAGE_RETENTION_DAYS must be a whole number from 0 to 3650, not \"3651\"",
            ),
            ("REGISTRATION", "yes", "REGISTRATION must be open, invite, closed, not \"yes\""),
            ("MAX_GRANT", "0", "MAX_GRANT must be a whole number from 1 to 1000000000000, not \"0\""),
            ("ALLOWANCE_PERIOD", "total", "ALLOWANCE_PERIOD must be month, week, day, not \"total\""),
            ("PASSWORD_BLOCKLIST", "yes", "PASSWORD_BLOCKLIST must be false, true, not \"yes\""),
            (
                "CORS_ORIGINS",
                "https://app.example.com/",
                "CORS_ORIGINS must be * or up to 20 origins such as https://app.example.com, without path or default \
                 port and with commas between them, not \"https://app.example.com/\"",
            ),
            ("STACK_NAME", "a stack", "STACK_NAME must be up to 128 letters, digits and hyphens, not \"a stack\""),
            ("LOG_LEVEL", "loud", "LOG_LEVEL must be info, error, warn, debug, trace, not \"loud\""),
        ] {
            assert_eq!(read(name, value).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn a_missing_or_short_signing_secret_is_refused_without_repeating_it() {
        let missing = SigningSettings::read(|_| None).unwrap_err();
        assert_eq!(missing.to_string(), "JWT_SIGNING_SECRET must be set, or JWT_SIGNING_SECRET_ARN");
        let short = SigningSettings::read(|name| (name == "JWT_SIGNING_SECRET").then(|| "swordfish".to_owned()));
        assert_eq!(short.unwrap_err().to_string(), "JWT_SIGNING_SECRET must have at least 32 characters");
    }

    #[test]
    fn receipts_are_signed_with_a_secret_of_their_own() {
        let of_tokens = ReceiptSigningSettings::read(|name| (name == "JWT_SIGNING_SECRET").then(|| "x".repeat(32)));
        assert_eq!(
            of_tokens.unwrap_err().to_string(),
            "RECEIPT_SIGNING_SECRET must be set, or RECEIPT_SIGNING_SECRET_ARN"
        );
        assert!(
            ReceiptSigningSettings::read(|name| (name == "RECEIPT_SIGNING_SECRET").then(|| "x".repeat(32))).is_ok()
        );
    }

    #[test]
    fn a_signing_secret_never_prints() {
        let secret = "0123456789abcdef0123456789abcdef";
        let settings = SigningSettings::read(|name| (name == "JWT_SIGNING_SECRET").then(|| secret.to_owned())).unwrap();
        assert!(!format!("{settings:?}").contains(secret));
    }
}
