//! Operators, who replace the catalogue while requests are under way.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::pause;
use crate::function::EXTRA;
use crate::world::World;
use providers::stored_catalogue::{CatalogueKeeper, Replaced};
use providers::testing::an_operator;

/// The ids of the models in every catalogue.
pub(super) const MODELS: [&str; 2] = ["small", "large"];
/// A name that one of them has in most catalogues.
pub(super) const ALIAS: &str = "latest";

/// The model that makes vectors. Every catalogue has it.
pub(super) const EMBEDDER: &str = "vectors";

/// Fewer than the models count.
const TOKENS_OF_SMALL_IMAGES: u64 = 5;
/// More than the models count.
const TOKENS_OF_LARGE_IMAGES: u64 = 250;

/// An operator. Two may be at work at once.
pub(super) struct Operator {
    pub(super) world: Arc<World>,
    pub(super) generator: fastrand::Rng,
}

impl Operator {
    /// Replaces the catalogue some times. Returns what is wrong with the answers.
    pub(super) async fn run(mut self) -> Vec<String> {
        let mut violations = Vec::new();
        for _ in 0..self.generator.usize(1..=4) {
            pause(&mut self.generator).await;
            violations.extend(self.replace().await);
        }
        violations
    }

    async fn replace(&mut self) -> Option<String> {
        let keeper = CatalogueKeeper::new(self.world.table.clone(), self.world.clock.clone());
        let seen = keeper.read().await.ok()?.version;
        if self.generator.bool() {
            pause(&mut self.generator).await;
        }
        let document = (self.generator.u8(..8) > 0).then(|| any_catalogue(&mut self.generator));
        let deadline = self.world.clock.now().plus(Duration::from_secs(28));
        let replaced = keeper.replace(document.as_ref(), seen, &an_operator(), deadline).await;
        self.world.trace.line(format_args!("an operator replaces version {seen}: {replaced:?}"));
        let Ok(Replaced::Written(stored)) = replaced else { return None };
        let is_there = self.world.network.catalogues().has(stored.version, document.as_ref());
        (!is_there).then(|| format!("an operator was told that version {} is written, and it is not", stored.version))
    }
}

/// A catalogue of two models, at any prices, and of one that makes vectors. Most of the time each of the two is the other's
/// fallback.
pub(super) fn any_catalogue(generator: &mut fastrand::Rng) -> Value {
    let mut models: Vec<Value> = MODELS.iter().map(|id| model(id, generator)).collect();
    if generator.bool() {
        models.reverse();
    }
    if generator.u8(..4) > 0 {
        models[generator.usize(..MODELS.len())]["aliases"] = json!([ALIAS]);
    }
    models.push(embedder(&models[0]));
    // Of the protocols, this one alone passes on extra parameters.
    let provider = json!({"protocol": "openai", "base_url": "http://simulation.invalid/v1"});
    json!({"providers": {"scripted": provider}, "models": models})
}

/// A model of vectors, at prices that follow from those of `model`. They are no draws, so that all else in a schedule is as
/// it was without them. A text costs less than a reply may, so that balances cover several.
fn embedder(model: &Value) -> Value {
    let prices = &model["prices"];
    let input = prices["output"].as_u64().unwrap() / 4;
    json!({
        "id": EMBEDDER, "provider": "scripted", "provider_model": EMBEDDER, "context_tokens": 1000,
        "max_output_tokens": 1, "prices": {"input": input, "output": 9_000_000, "request": prices["request"]},
        "takes": ["embeddings"], "extra_parameters": model["extra_parameters"],
    })
}

fn model(id: &str, generator: &mut fastrand::Rng) -> Value {
    let mut one_of = |prices: &[u64]| prices[generator.usize(..prices.len())];
    let input = [0, 0, 10_000, 30_000];
    let prices = json!({
        "input": one_of(&input), "cached_input": one_of(&input), "cache_write": one_of(&input),
        "output": one_of(&[0, 500_000, 1_000_000, 1_000_000, 2_000_000]), "request": one_of(&[0, 0, 1]),
        "image": one_of(&[0, 1, 2]),
    });
    let image_tokens = one_of(&[TOKENS_OF_SMALL_IMAGES, TOKENS_OF_LARGE_IMAGES]);
    let takes: &[&str] = if generator.u8(..4) > 0 { &["images"] } else { &[] };
    let extra_parameters: &[&str] = if generator.bool() { &[EXTRA] } else { &[] };
    let others: Vec<&str> = MODELS.into_iter().filter(|other| *other != id).collect();
    let fallbacks = if generator.u8(..4) > 0 { others } else { Vec::new() };
    json!({
        "id": id, "provider": "scripted", "provider_model": id, "prices": prices, "context_tokens": 1000,
        "max_output_tokens": 1000, "fallbacks": fallbacks, "image_tokens": image_tokens, "takes": takes,
        "extra_parameters": extra_parameters,
    })
}
