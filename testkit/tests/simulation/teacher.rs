//! Teachers, who hand out API keys with limits, and change these while programs use the keys.

use std::sync::Arc;

use crate::client::pause;
use crate::operator::MODELS;
use crate::person::Tokens;
use crate::process::Fate;
use crate::request::{Request, Told, Wish};
use crate::sabotage::Sabotage;
use crate::world::World;
use shared::domain::budget::Budget;
use shared::domain::credits::Credits;
use shared::domain::period::PeriodLength;
use shared::domain::requests_per_minute::RequestsPerMinute;
use shared::ledger::paying_key::KeyLimits;

/// A teacher, who has handed out the API keys of a person.
pub(super) struct Teacher {
    pub(super) world: Arc<World>,
    pub(super) person: usize,
    pub(super) generator: fastrand::Rng,
}

impl Teacher {
    /// Changes the limits of keys some times, in one session until it is over. Owners know that session too, and may end it.
    pub(super) async fn run(mut self) {
        let mut session = None;
        for _ in 0..self.generator.usize(1..=4) {
            pause(&mut self.generator).await;
            if session.is_none() {
                session = self.log_in().await;
            }
            let Some(Tokens { access, .. }) = session else { continue };
            let Some(key) = self.world.people[self.person].program_key(&mut self.generator) else { return };
            let limits = any_limits(&mut self.generator);
            if let Told::Refused("token_not_valid") = self.send(Wish::ChangeKey { access, key, limits }).await {
                session = None;
            }
        }
    }

    async fn log_in(&mut self) -> Option<Tokens> {
        let password = self.world.people[self.person].password(&mut self.generator);
        let Told::Admitted(tokens) = self.send(Wish::Login { password, renews_hash: false }).await else { return None };
        self.world.people[self.person].receive(tokens);
        Some(tokens)
    }

    async fn send(&mut self, wish: Wish) -> Told {
        let fate = Fate::random(&mut self.generator);
        self.world.send(Request { person: self.person, wish, fate }).await
    }
}

/// Limits, most of which some message meets.
pub(super) fn any_limits(generator: &mut fastrand::Rng) -> KeyLimits {
    let lengths = PeriodLength::WORDS.map(|(_, per)| per);
    let most = [10, 40, 200][generator.usize(..3)];
    let (credits, per) = (generator.u64(..=most), lengths[generator.usize(..lengths.len())]);
    let budget = (generator.u8(..5) > 0).then(|| Budget { credits: Credits::new(credits).unwrap(), per });
    let requests_per_minute = if generator.bool() { RequestsPerMinute::new(generator.u32(1..=6)) } else { None };
    let models = (generator.u8(..4) == 0).then(|| {
        let default = crate::function::catalogue_of_settings().models()[0].id.clone();
        [MODELS[generator.usize(..MODELS.len())].to_owned(), default].into()
    });
    KeyLimits { budget, requests_per_minute, models }
}

/// A limit on the requests of each user in a minute, if there is one: in half of the schedules in which keys have limits, or in
/// all of them where the sabotage shows in it alone.
pub(super) fn any_limit_of_users(
    generator: &mut fastrand::Rng,
    sabotage: Option<Sabotage>,
) -> Option<RequestsPerMinute> {
    let requests = generator.bool().then_some([1, 2, 4, 8][generator.usize(..4)]);
    RequestsPerMinute::new(sabotage.and_then(Sabotage::needed_requests_per_minute).or(requests)?)
}
