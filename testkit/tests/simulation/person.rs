//! People: their names, and the passwords and tokens that they know.

use std::sync::Mutex;

use shared::domain::ids::{ApiKeyId, ConversationId, UserId};
use shared::domain::username::Username;
use shared::identity::api_keys::{ApiKey, MadeApiKey};
use shared::identity::jwt::{LoggedIn, RefreshClaim};
use shared::identity::password_hash::PasswordHash;

/// A person. Several clients and owners of one person may be at work at once.
pub(super) struct Person {
    pub(super) username: Username,
    knowledge: Mutex<Knowledge>,
}

/// The tokens of one login or refresh.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    pub(super) access: LoggedIn,
    pub(super) refresh: RefreshClaim,
}

/// The API key of a program, and the user who made it.
#[derive(Clone, Debug)]
pub(super) struct ProgramKey {
    pub(super) id: ApiKeyId,
    pub(super) user_id: UserId,
    pub(super) text: String,
}

impl ProgramKey {
    pub(super) fn new(user_id: UserId, made: &MadeApiKey) -> Self {
        Self { id: made.view.id, user_id, text: made.key.expose().to_owned() }
    }

    /// The partition of the key's item.
    pub(super) fn partition(&self) -> String {
        format!("APIKEY#{}", ApiKey::parse(&self.text).unwrap().digest())
    }
}

/// The passwords, tokens and API keys that may be valid, the likeliest last.
struct Knowledge {
    passwords: Vec<String>,
    tokens: Vec<Tokens>,
    /// The conversations that were made, also those that were deleted since.
    conversations: Vec<ConversationId>,
    program_keys: Vec<ProgramKey>,
}

impl Person {
    pub(super) fn new(username: Username, password: &str, tokens: Tokens) -> Self {
        let (passwords, tokens) = (vec![password.to_owned()], vec![tokens]);
        let knowledge = Knowledge { passwords, tokens, conversations: Vec::new(), program_keys: Vec::new() };
        Self { username, knowledge: Mutex::new(knowledge) }
    }

    /// A password, most often the likeliest.
    pub(super) fn password(&self, generator: &mut fastrand::Rng) -> String {
        choose(&self.knowledge.lock().unwrap().passwords, generator).clone()
    }

    /// Tokens, most often the newest.
    pub(super) fn tokens(&self, generator: &mut fastrand::Rng) -> Tokens {
        *choose(&self.knowledge.lock().unwrap().tokens, generator)
    }

    /// From now on this is the likeliest password.
    pub(super) fn learn_password(&self, password: &str) {
        let passwords = &mut self.knowledge.lock().unwrap().passwords;
        passwords.retain(|known| known != password);
        passwords.push(password.to_owned());
    }

    /// From now on this is the least likely password.
    pub(super) fn doubt_password(&self, password: &str) {
        let passwords = &mut self.knowledge.lock().unwrap().passwords;
        passwords.retain(|known| known != password);
        passwords.insert(0, password.to_owned());
    }

    pub(super) fn learn_conversation(&self, id: ConversationId) {
        self.knowledge.lock().unwrap().conversations.push(id);
    }

    /// A conversation that was made, most often the newest, or else the first.
    pub(super) fn conversation(&self, generator: &mut fastrand::Rng) -> ConversationId {
        let made = &self.knowledge.lock().unwrap().conversations;
        if made.is_empty() { ConversationId::FIRST } else { *choose(made, generator) }
    }

    /// An API key, if there is one, most often the newest. It may have ended.
    pub(super) fn program_key(&self, generator: &mut fastrand::Rng) -> Option<ProgramKey> {
        let knowledge = self.knowledge.lock().unwrap();
        (!knowledge.program_keys.is_empty()).then(|| choose(&knowledge.program_keys, generator).clone())
    }

    pub(super) fn receive(&self, tokens: Tokens) {
        self.knowledge.lock().unwrap().tokens.push(tokens);
    }

    pub(super) fn receive_key(&self, key: ProgramKey) {
        self.knowledge.lock().unwrap().program_keys.push(key);
    }
}

fn choose<'a, T>(likeliest_last: &'a [T], generator: &mut fastrand::Rng) -> &'a T {
    let last = likeliest_last.len() - 1;
    let choice = if generator.u8(..5) > 0 { last } else { generator.usize(..=last) };
    &likeliest_last[choice]
}

/// A hash that is compared as text: the password and a salt.
pub(super) fn hash(password: &str, salt: &str) -> PasswordHash {
    serde_json::from_value(format!("{password}${salt}").into()).unwrap()
}

/// The password of a hash.
pub(super) fn password_of(hash: &str) -> &str {
    hash.split_once('$').map_or(hash, |(password, _)| password)
}
