//! Redeemers, who redeem the codes of vouchers: several people the same code at the same moment.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::client::pause;
use crate::network::Network;
use crate::process::Fate;
use crate::request::{Request, Told, Wish};
use crate::world::World;
use shared::acts::ActOrigin;
use shared::domain::code::VoucherCode;
use shared::domain::credits::Credits;
use shared::domain::time::Clock;
use shared::ledger::authority::RecentAuthority;
use shared::ledger::vouchers::{
    BatchTerms, NewBatch, VoucherAmount, VoucherCount, VoucherExpiry, VoucherKind, VoucherNote, VoucherUses, Vouchers,
};
use store::Table;

/// A code that was made.
pub(super) struct MadeCode {
    pub(super) code: VoucherCode,
    /// The partition of its item and its uses.
    pub(super) partition: String,
}

/// Makes three vouchers and two invitations. Some may be used once, and none as often as there are people who want to.
pub(super) async fn make_codes(
    table: &Table,
    network: &Network,
    clock: &Clock,
    generator: Option<&mut fastrand::Rng>,
) -> Vec<MadeCode> {
    let Some(generator) = generator else { return Vec::new() };
    let vouchers = Vouchers::new(table.clone(), clock.clone());
    let operator = RecentAuthority::operator(ActOrigin::new(None, "the simulation"));
    let mut codes = Vec::new();
    for (kind, count) in [(VoucherKind::Credits, 3), (VoucherKind::Invitation, 2)] {
        let terms = BatchTerms {
            kind,
            amount: VoucherAmount::try_from(json!(generator.u64(1..=30))).unwrap(),
            count: VoucherCount::try_from(json!(count)).unwrap(),
            uses: VoucherUses::try_from(json!(generator.u32(1..=2))).unwrap(),
            expiry: VoucherExpiry::default(),
            note: VoucherNote::default(),
        };
        let new = NewBatch::new(terms, Credits::MAX, clock.now()).unwrap();
        let deadline = clock.now().plus(Duration::from_secs(28));
        let made = vouchers.make(&new, &operator, deadline).await.unwrap();
        let sort = format!("BATCH#{}", made.id);
        let batch = network.items().into_iter().find(|item| item.sort == sort).unwrap();
        let digests = batch.attributes["digests"].as_array().unwrap();
        let partitions = digests.iter().map(|digest| format!("VOUCHER#{}", digest.as_str().unwrap()));
        codes.extend(made.codes.into_iter().zip(partitions).map(|(code, partition)| MadeCode { code, partition }));
    }
    codes
}

/// The moments, from the beginning on, at which everybody redeems the code of a place.
#[derive(Clone)]
pub(super) struct RedemptionPlan(Vec<(Duration, usize)>);

impl RedemptionPlan {
    /// A moment for each of `codes`.
    pub(super) fn any(codes: &[MadeCode], generator: &mut fastrand::Rng) -> Self {
        let mut moments: Vec<(Duration, usize)> =
            (0..codes.len()).map(|place| (Duration::from_millis(generator.u64(..30_000)), place)).collect();
        moments.sort();
        Self(moments)
    }
}

/// Somebody who redeems codes for a person.
pub(super) struct Redeemer {
    pub(super) world: Arc<World>,
    pub(super) person: usize,
    pub(super) plan: RedemptionPlan,
    pub(super) generator: fastrand::Rng,
}

impl Redeemer {
    /// Redeems each code at its moment, and some of them again.
    pub(super) async fn run(mut self) {
        let beginning = tokio::time::Instant::now();
        let RedemptionPlan(plan) = self.plan.clone();
        for (moment, code) in plan {
            let hurry = Duration::from_millis(self.generator.u64(..30));
            tokio::time::sleep_until(beginning + moment + hurry).await;
            self.redeem(code).await;
        }
        for _ in 0..self.generator.usize(1..=3) {
            pause(&mut self.generator).await;
            let code = self.generator.usize(..self.world.codes.len());
            self.redeem(code).await;
        }
    }

    /// Redeems a code, and repeats it while the outcome is unknown.
    async fn redeem(&mut self, code: usize) {
        for _ in 0..self.generator.usize(1..=3) {
            let access = self.world.people[self.person].tokens(&mut self.generator).access;
            let fate = Fate::random(&mut self.generator);
            let request = Request { person: self.person, wish: Wish::Redeem { access, code }, fate };
            if !matches!(self.world.send(request).await, Told::Unknown | Told::Nothing) {
                return;
            }
            pause(&mut self.generator).await;
        }
    }
}
