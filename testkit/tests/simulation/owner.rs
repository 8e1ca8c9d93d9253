//! Owners of accounts, who log in and out, change their passwords, leave, and come back.

use std::sync::Arc;

use crate::client::pause;
use crate::person::{Person, Tokens};
use crate::process::Fate;
use crate::request::{Request, Told, Wish};
use crate::world::World;

/// An owner of an account. A person may have several at the same time.
pub(super) struct Owner {
    pub(super) world: Arc<World>,
    pub(super) person: usize,
    pub(super) generator: fastrand::Rng,
}

impl Owner {
    pub(super) async fn run(mut self) {
        for _ in 0..self.generator.usize(2..=6) {
            pause(&mut self.generator).await;
            let acts = if self.world.needs_programs() { 17..28 } else { 0..32 };
            match self.generator.u8(acts) {
                0..7 => self.log_in().await,
                7..11 => self.change_password().await,
                11..14 => self.refresh().await,
                14..17 => self.log_out().await,
                17..25 => self.end_key().await,
                25..28 => self.make_key().await,
                _ => self.leave_and_come_back(None).await,
            }
        }
    }

    async fn log_in(&mut self) {
        let password = self.password();
        let renews_hash = self.generator.u8(..6) == 0;
        match self.insist(Wish::Login { password: password.clone(), renews_hash }).await {
            Told::Admitted(tokens) => {
                self.known().learn_password(&password);
                self.known().receive(tokens);
            }
            Told::Refused(_) => self.known().doubt_password(&password),
            _ => {}
        }
    }

    async fn refresh(&mut self) {
        let claim = self.tokens().refresh;
        let rotates = self.generator.bool();
        let told = self.insist(Wish::Refresh { claim, rotates }).await;
        if let Told::Admitted(tokens) = told {
            self.known().receive(tokens);
        }
    }

    async fn change_password(&mut self) {
        let access = self.tokens().access;
        let current = self.password();
        let new = self.new_password();
        self.known().doubt_password(&new);
        let told = self.insist(Wish::ChangePassword { access, current, new: new.clone() }).await;
        if !matches!(told, Told::Refused(_)) {
            self.known().learn_password(&new);
        }
    }

    async fn log_out(&mut self) {
        let claim = self.tokens().refresh;
        let everywhere = self.generator.bool();
        let ends_keys = everywhere && self.generator.u8(..3) == 0;
        self.insist(Wish::Logout { claim, everywhere, ends_keys }).await;
    }

    async fn make_key(&mut self) {
        let access = self.tokens().access;
        let password = self.password();
        if let Told::KeyMade(key) = self.insist(Wish::MakeKey { access, password }).await {
            self.known().receive_key(key);
        }
    }

    async fn end_key(&mut self) {
        let Some(key) = self.world.people[self.person].program_key(&mut self.generator) else { return };
        let access = self.tokens().access;
        self.insist(Wish::EndKey { access, key }).await;
    }

    /// Deletes the account and registers its name again, by an invitation if there is one, also after a deletion with an
    /// unknown outcome.
    pub(super) async fn leave_and_come_back(&mut self, invitation: Option<usize>) {
        let access = self.tokens().access;
        let password = self.password();
        let told = self.insist(Wish::Delete { access, password }).await;
        if matches!(told, Told::Refused("invalid_credentials")) {
            return;
        }
        pause(&mut self.generator).await;
        let password = self.new_password();
        self.known().doubt_password(&password);
        let told = self.insist(Wish::Register { password: password.clone(), invitation }).await;
        if !matches!(told, Told::Refused(_)) {
            self.known().learn_password(&password);
            self.log_in().await;
        }
    }

    /// Sends a request, and repeats it while its outcome is unknown.
    async fn insist(&mut self, wish: Wish) -> Told {
        let mut told = Told::Nothing;
        for _ in 0..self.generator.usize(1..=4) {
            let fate = Fate::random(&mut self.generator);
            told = self.world.send(Request { person: self.person, wish: wish.clone(), fate }).await;
            if !matches!(told, Told::Unknown | Told::Nothing) {
                break;
            }
            pause(&mut self.generator).await;
        }
        told
    }

    fn known(&self) -> &Person {
        &self.world.people[self.person]
    }

    fn password(&mut self) -> String {
        self.world.people[self.person].password(&mut self.generator)
    }

    fn tokens(&mut self) -> Tokens {
        self.world.people[self.person].tokens(&mut self.generator)
    }

    fn new_password(&mut self) -> String {
        format!("password-{}", self.generator.u64(..))
    }
}
