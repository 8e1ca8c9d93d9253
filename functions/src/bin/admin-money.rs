//! The paths of `/admin/…` at which staff give credits and take them back.

fn main() -> Result<(), endpoints::Error> {
    endpoints::admin_money::run()
}
