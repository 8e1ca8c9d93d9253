//! `create-superuser`: creates a superuser in the table that the environment names. It is no function: the launcher of a laptop
//! runs it, and a deployment has `operator`.
//!
//! Name and password come on standard input, where no list of processes shows them.

use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use shared::acts::ActOrigin;
use shared::domain::password::{Password, PasswordRules};
use shared::domain::username::Username;
use shared::endpoint::Resources;
use shared::identity::IdentityError;
use shared::identity::password_hash::PasswordHash;
use shared::ledger::authority::RecentAuthority;

/// Most bytes that are read.
const MOST_BYTES: u64 = 64 * 1024;

/// Time for the writing.
const TIME: Duration = Duration::from_secs(30);

/// The id in the place of a request's, in the history.
const REQUEST: &str = "createsuperuser";

/// The line on standard input.
#[derive(Deserialize)]
struct SuperuserCredentials {
    username: String,
    password: String,
}

/// The main of this program.
#[must_use]
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> ExitCode {
    match create().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Creates the superuser. An error is a sentence for the person at the terminal.
async fn create() -> Result<(), String> {
    let resources = Resources::from_environment().map_err(|error| error.to_string())?;
    let (username, password) = chosen(&credentials()?, resources.settings.password_rules)?;
    let hash = PasswordHash::of(&password).map_err(|error| error.to_string())?;
    let authority = RecentAuthority::operator(ActOrigin::new(None, REQUEST));
    let deadline = resources.clock.now().plus(TIME);
    let created = resources.accounts().create_superuser(&username, hash, &authority, deadline).await;
    created.map(|_| ()).map_err(|error| match error {
        IdentityError::UsernameTaken => taken(&username),
        error => format!("The superuser cannot be created: {error}."),
    })
}

fn credentials() -> Result<SuperuserCredentials, String> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
    read.map_err(|error| format!("Standard input cannot be read: {error}."))?;
    // The error of the parser could quote the password.
    serde_json::from_str(&text).map_err(|_| "Standard input is no object with `username` and `password`.".to_owned())
}

fn chosen(credentials: &SuperuserCredentials, rules: PasswordRules) -> Result<(Username, Password), String> {
    let username = Username::chosen(&credentials.username).map_err(|error| format!("Username: {error}"))?;
    let password = Password::choose(&credentials.password, &username, rules);
    Ok((username, password.map_err(|error| format!("Password: {error}"))?))
}

fn taken(username: &Username) -> String {
    let event = serde_json::json!({"action": "promote", "username": username.as_str()});
    format!(
        "The username {} is taken. Promote it instead, while the API runs: cargo lambda invoke --invoke-address 127.0.0.1 \
         --invoke-port 9000 operator --data-ascii '{event}'",
        username.as_str()
    )
}
