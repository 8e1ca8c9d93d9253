//! The paths of `/admin/…` at which staff give credits.

fn main() -> Result<(), endpoints::Error> {
    endpoints::admin_money::run()
}
