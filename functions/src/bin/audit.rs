//! `audit`: recomputes every balance from its ledger entries, daily and on demand. Its event has no parameters.

fn main() -> Result<(), endpoints::Error> {
    endpoints::audit::run()
}
