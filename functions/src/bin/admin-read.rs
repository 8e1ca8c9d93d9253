//! The paths of `/admin/…` at which staff look and nothing is changed: the function's role has no write action.

fn main() -> Result<(), endpoints::Error> {
    endpoints::admin_read::run()
}
