//! The cursors of the lists.

use arbitrary::Arbitrary;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::domain::ids::UserId;
use shared::ledger::history::{AnsweredMessage, Cursor, List, Transaction};

use super::damage::Damage;

const DIGEST_BYTES: usize = 16;
const OWNERS: [&str; 2] = ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"];
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A cursor of any list, user and entry, and the damage to it.
#[derive(Arbitrary, Debug)]
pub struct Input {
    is_of_messages: bool,
    owner: bool,
    entry_id: EntryId,
    damage: Vec<Damage>,
}

#[derive(Arbitrary, Debug)]
enum EntryId {
    Canonical([u8; 26]),
    LowerCase([u8; 26]),
    Text(String),
}

impl Input {
    /// Every cursor that is accepted is one that we wrote, for this user and this list; and every one that we wrote
    /// is accepted.
    ///
    /// # Panics
    /// The property does not hold.
    pub fn check(&self) {
        let list = if self.is_of_messages { AnsweredMessage::NAME } else { Transaction::NAME };
        let written = written(list, OWNERS[usize::from(self.owner)], &self.entry_id.text());
        let text = self.damage.iter().fold(written, |text, damage| damage.apply(&text));
        for owner in OWNERS {
            check::<Transaction>(&text, owner);
            check::<AnsweredMessage>(&text, owner);
        }
    }
}

impl EntryId {
    fn text(&self) -> String {
        let letters = |numbers: &[u8; 26]| -> String {
            numbers.iter().map(|number| char::from(CROCKFORD[usize::from(number % 32)])).collect()
        };
        match self {
            Self::Canonical(numbers) => letters(numbers),
            Self::LowerCase(numbers) => letters(numbers).to_lowercase(),
            Self::Text(text) => text.clone(),
        }
    }
}

fn check<T: List>(text: &str, owner: &str) {
    let user_id: UserId = serde_json::from_value(owner.into()).unwrap();
    let is_ours = entry_id_in(text).is_some_and(|id| is_canonical(&id) && written(T::NAME, owner, &id) == text);
    assert_eq!(Cursor::parse::<T>(text, user_id).is_ok(), is_ours, "{text:?} of {} of {owner}", T::NAME);
}

fn entry_id_in(text: &str) -> Option<String> {
    let decoded = URL_SAFE_NO_PAD.decode(text).ok()?;
    String::from_utf8(decoded.get(DIGEST_BYTES..)?.to_vec()).ok()
}

/// 26 characters of Crockford's alphabet. The first is at most 7, as the number is below 2^128.
fn is_canonical(id: &str) -> bool {
    id.len() == 26 && id.bytes().all(|byte| CROCKFORD.contains(&byte)) && id.as_bytes()[0] <= b'7'
}

fn written(list: &str, owner: &str, entry_id: &str) -> String {
    let digest = digest(&SHA256, format!("cursor\0{owner}\0{list}\0{entry_id}").as_bytes());
    URL_SAFE_NO_PAD.encode([&digest.as_ref()[..DIGEST_BYTES], entry_id.as_bytes()].concat())
}
