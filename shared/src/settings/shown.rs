//! The settings in force, as staff see them.

use std::collections::BTreeMap;
use std::env;

use serde::Serialize;

use crate::settings::Variables;

/// The settings that are shown, with the values that they have where they are not set. It is a list of what may be seen: a secret,
/// the ARN of one, an address that may have a password in it and the operator's texts are on no list.
pub const SHOWN: [(&str, &str); 32] = [
    ("ACCESS_TOKEN_LIFETIME", "300"),
    ("ALLOWANCE_CAP", "0"),
    ("ALLOWANCE_PERIOD", "month"),
    ("ALLOWANCE_TOKENS", "0"),
    ("AUDIT_TIMEOUT", "840"),
    ("CONTEXT_MESSAGES", "10"),
    ("CONTEXT_TOKENS", "2000"),
    ("CORS_ORIGINS", ""),
    ("FUNCTION_TIMEOUT", "28"),
    ("INPUT_COST", "1"),
    ("LOG_LEVEL", "info"),
    ("MAX_GRANT", "1000000"),
    ("MAX_HOLDS", "10"),
    ("MAX_INPUT_TOKENS", "32768"),
    ("MAX_OUTPUT_TOKENS", "1024"),
    ("MESSAGE_COST", "1"),
    ("MESSAGE_RETENTION_DAYS", "0"),
    ("MIN_OUTPUT_TOKENS", "16"),
    ("MODEL", "dummy"),
    ("MODEL_ID", ""),
    ("MODEL_STREAMS", "always"),
    ("OUTPUT_COST", "4"),
    ("PASSWORD_BLOCKLIST", "false"),
    ("PRICING", "message"),
    ("REFRESH_TOKEN_LIFETIME", "86400"),
    ("REGISTRATION", "open"),
    ("REGISTRATIONS_PER_HOUR", "20"),
    ("REQUESTS_PER_MINUTE", "0"),
    ("ROTATE_REFRESH_TOKENS", "false"),
    ("STACK_NAME", "local"),
    ("STARTING_TOKENS", "100"),
    ("STREAM_TIMEOUT", "300"),
];

/// The settings in force that staff may see, by their names, in the words in which they are set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ShownSettings(BTreeMap<&'static str, String>);

impl ShownSettings {
    /// Those of the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::read(|name| env::var(name).ok())
    }

    /// Those of `variables`. An absent or empty variable has its default.
    #[must_use]
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Self {
        let variables = Variables(variables);
        Self(SHOWN.map(|(name, default)| (name, variables.get(name).unwrap_or(default.to_owned()))).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use crate::settings::{ChatSettings, Settings};

    /// The settings that nobody is shown. A new one is put here or above.
    const HIDDEN: [&str; 9] = [
        "DUMMY_DELAY_MS",
        "DUMMY_FAILURE",
        "OPENAI_API_KEY",
        "OPENAI_API_KEY_ARN",
        "OPENAI_BASE_URL",
        "PROVIDER_KEYS",
        "PROVIDER_KEYS_ARN",
        "SYSTEM_PROMPT",
        "TABLE_NAME",
    ];

    #[test]
    fn every_setting_is_shown_or_hidden_on_purpose_and_shown_with_its_default() {
        let asked = RefCell::new(BTreeSet::new());
        let note = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
        };
        let shown = |name: &str| {
            note(name);
            SHOWN.iter().find(|(shown, _)| *shown == name).map(|(_, default)| (*default).to_owned())
        };
        assert_eq!(Settings::read(shown).unwrap(), Settings::read(|_| None).unwrap());
        let of_chat = ChatSettings::read(shown).unwrap();
        assert_eq!(format!("{of_chat:?}"), format!("{:?}", ChatSettings::read(|_| None).unwrap()));
        let openai = |name: &str| {
            note(name);
            ["MODEL", "MODEL_ID"].contains(&name).then(|| "openai".to_owned())
        };
        ChatSettings::read(openai).unwrap();
        let known: BTreeSet<String> = SHOWN.iter().map(|(name, _)| *name).chain(HIDDEN).map(str::to_owned).collect();
        assert_eq!(asked.into_inner(), known);
    }

    #[test]
    fn what_is_set_is_shown_and_nothing_that_is_hidden() {
        let ShownSettings(shown) = ShownSettings::read(|name| Some(format!("the value of {name}")));
        assert_eq!(shown["MAX_GRANT"], "the value of MAX_GRANT");
        assert!(HIDDEN.iter().all(|name| !shown.contains_key(name)));
        let ShownSettings(shown) = ShownSettings::read(|_| Some(String::new()));
        assert_eq!(shown["MAX_GRANT"], "1000000");
    }
}
