//! People: their names, and the passwords and tokens that they know.

use std::sync::Mutex;

use shared::domain::ids::ConversationId;
use shared::domain::username::Username;
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

/// The passwords and tokens that may be valid, the likeliest last.
struct Knowledge {
    passwords: Vec<String>,
    tokens: Vec<Tokens>,
    /// The conversations that were made, also those that were deleted since.
    conversations: Vec<ConversationId>,
}

impl Person {
    pub(super) fn new(username: Username, password: &str, tokens: Tokens) -> Self {
        let knowledge =
            Knowledge { passwords: vec![password.to_owned()], tokens: vec![tokens], conversations: Vec::new() };
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

    pub(super) fn receive(&self, tokens: Tokens) {
        self.knowledge.lock().unwrap().tokens.push(tokens);
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
