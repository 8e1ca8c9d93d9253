//! `/admin/users/{id}/grants/` and `/admin/jobs/`: the credits that staff give and take back.

fn main() -> Result<(), endpoints::Error> {
    endpoints::admin_money::run()
}
