//! Guests, who leave and come back by an invitation.

use std::sync::Arc;

use crate::client::pause;
use crate::owner::Owner;
use crate::world::World;

/// A guest, in the place of a person.
pub(super) struct Guest {
    pub(super) world: Arc<World>,
    pub(super) person: usize,
    pub(super) generator: fastrand::Rng,
}

impl Guest {
    /// Leaves and comes back some times, by a code that may be spent, or a voucher's.
    pub(super) async fn run(mut self) {
        for _ in 0..self.generator.usize(1..=3) {
            pause(&mut self.generator).await;
            let code = self.generator.usize(..self.world.codes.len());
            let generator = self.generator.fork();
            let mut owner = Owner { world: self.world.clone(), person: self.person, generator };
            owner.leave_and_come_back(Some(code)).await;
        }
    }
}
