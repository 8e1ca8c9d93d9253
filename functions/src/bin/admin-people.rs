//! `/admin/users/{id}/`, `…/reset-codes/`, `…/end-sessions/` and `…/end-keys/`: one user, as staff see and change them.

fn main() -> Result<(), endpoints::Error> {
    endpoints::admin_people::run()
}
