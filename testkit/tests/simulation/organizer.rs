//! Organizers, who make conversations of a person, give them titles, delete them, and empty the first.

use std::sync::Arc;

use crate::client::pause;
use crate::process::Fate;
use crate::request::{Request, Told, Wish};
use crate::world::World;
use shared::domain::ids::ConversationId;
use shared::identity::jwt::LoggedIn;

/// An organizer of a person's conversations, while clients of the person talk in them.
pub(super) struct Organizer {
    pub(super) world: Arc<World>,
    pub(super) person: usize,
    pub(super) generator: fastrand::Rng,
}

impl Organizer {
    pub(super) async fn run(mut self) {
        self.make().await;
        for _ in 0..self.generator.usize(2..=6) {
            pause(&mut self.generator).await;
            match self.generator.u8(..8) {
                0..3 => self.make().await,
                3 => {
                    let id = self.conversation();
                    self.insist(|access| Wish::RenameConversation { access, id }).await;
                }
                4..7 => {
                    let id = self.conversation();
                    self.insist(|access| Wish::DeleteConversation { access, id }).await;
                }
                _ => {
                    self.insist(|access| Wish::DeleteConversation { access, id: ConversationId::FIRST }).await;
                }
            }
        }
    }

    async fn make(&mut self) {
        if let Told::Made(id) = self.insist(|access| Wish::MakeConversation { access }).await {
            self.world.people[self.person].learn_conversation(id);
        }
    }

    /// One that was made, and perhaps deleted since.
    fn conversation(&mut self) -> ConversationId {
        self.world.people[self.person].conversation(&mut self.generator)
    }

    /// Sends a request, and repeats it while its outcome is unknown.
    async fn insist(&mut self, wish: impl Fn(LoggedIn) -> Wish) -> Told {
        let mut told = Told::Nothing;
        for _ in 0..self.generator.usize(1..=3) {
            let access = self.world.people[self.person].tokens(&mut self.generator).access;
            let fate = Fate::random(&mut self.generator);
            told = self.world.send(Request { person: self.person, wish: wish(access), fate }).await;
            if !matches!(told, Told::Unknown | Told::Nothing) {
                break;
            }
            pause(&mut self.generator).await;
        }
        told
    }
}
