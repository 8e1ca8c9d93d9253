//! The environment of the functions.

use std::env;

use tokio::process::Command;

use super::checks::Plan;
use super::error::LaunchError;
use super::{provider_keys, signing_secret};

/// Variables that could lead the functions to a real AWS account, in spite of the credentials and the address set here, and a
/// password that is not theirs.
const REMOVED: [&str; 9] = [
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "JWT_SIGNING_SECRET_ARN",
    "PROVIDER_KEYS_ARN",
    "RECEIPT_SIGNING_SECRET_ARN",
    SUPERUSER_PASSWORD,
];

/// The password of the superuser that the launcher creates. No program that it starts has to know it.
pub(super) const SUPERUSER_PASSWORD: &str = "SUPERUSER_PASSWORD";

/// The secrets that functions sign with, and their files in the data's folder.
const SIGNING_SECRETS: [(&str, &str); 2] =
    [("JWT_SIGNING_SECRET", signing_secret::OF_TOKENS), ("RECEIPT_SIGNING_SECRET", signing_secret::OF_RECEIPTS)];

/// The API keys of the catalogue's providers, a JSON object of names and keys.
const PROVIDER_KEYS: &str = "PROVIDER_KEYS";

/// Variables that cargo sets for the launcher's own package.
const CARGO_PREFIXES: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The launcher's environment, changed so that the functions use the embedded `DynamoDB` and no AWS account.
#[derive(Clone)]
pub(super) struct Environment {
    added: Vec<(&'static str, String)>,
}

/// `TABLE_NAME` of the launcher's environment, or the default.
pub(super) fn table_name() -> String {
    non_empty("TABLE_NAME").unwrap_or_else(|| "chat-api".to_owned())
}

impl Environment {
    /// The environment of functions whose table is at `endpoint`.
    pub(super) fn new(plan: &Plan, endpoint: String) -> Result<Self, LaunchError> {
        let mut added = vec![
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
            ("AWS_REGION", non_empty("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned())),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            // On a laptop all registrations come from one network.
            ("REGISTRATIONS_PER_HOUR", non_empty("REGISTRATIONS_PER_HOUR").unwrap_or_else(|| "0".to_owned())),
            ("TABLE_NAME", table_name()),
        ];
        for (name, file) in SIGNING_SECRETS {
            if non_empty(name).is_none() {
                added.push((name, signing_secret::load_or_create(&plan.data, file)?));
            }
        }
        if let Some(keys) = provider_keys::load(&plan.data)?.filter(|_| non_empty(PROVIDER_KEYS).is_none()) {
            added.push((PROVIDER_KEYS, keys));
        }
        Ok(Self { added })
    }

    /// Sets it for a command.
    pub(super) fn apply(&self, command: &mut Command) {
        let inherited = env::vars_os().map(|(name, _)| name);
        let unwanted = inherited.filter(|name| {
            let name = name.to_string_lossy();
            REMOVED.contains(&name.as_ref()) || CARGO_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        for name in unwanted {
            command.env_remove(name);
        }
        command.envs(self.added.iter().map(|(name, value)| (name, value)));
    }

    /// The variables as the beginning of a shell command, which reads the secrets from their files.
    pub(super) fn as_shell_line(&self, plan: &Plan) -> String {
        let from_file =
            |name: &str, file: &str| format!("{name}=\"$(cat {})\"", quoted(&plan.shown(&plan.data.join(file))));
        let files = || SIGNING_SECRETS.into_iter().chain([(PROVIDER_KEYS, provider_keys::FILE_NAME)]);
        let assignments = self.added.iter().map(|(name, value)| match files().find(|(secret, _)| secret == name) {
            Some((_, file)) => from_file(name, file),
            None => format!("{name}={}", quoted(value)),
        });
        assignments.collect::<Vec<_>>().join(" ")
    }
}

/// The value of a variable of the launcher's environment, unless it is empty.
pub(super) fn non_empty(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn quoted(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:".contains(character);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_shell_would_split_is_quoted() {
        assert_eq!(quoted("http://127.0.0.1:8000"), "http://127.0.0.1:8000");
        assert_eq!(quoted("my data/it's"), r"'my data/it'\''s'");
    }
}
