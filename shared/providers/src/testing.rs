//! Catalogues for the tests of several crates.

use acts::ActOrigin;
use ledger::authority::RecentAuthority;
use serde_json::{Value, json};

/// The authority of an operator.
#[must_use]
pub fn an_operator() -> RecentAuthority {
    RecentAuthority::operator(ActOrigin::new(None, "a-request"))
}

/// A catalogue of one model of the dummy, in the fewest members that one can have.
#[must_use]
pub fn small_catalogue(id: &str) -> Value {
    json!({
        "providers": {"p": {"protocol": "dummy"}},
        "models": [{
            "id": id,
            "provider": "p",
            "provider_model": "m",
            "prices": {"input": 1, "output": 2},
            "context_tokens": 100,
            "max_output_tokens": 10,
        }],
    })
}
