//! `/login/`: no answer tells an unknown user from a wrong password. Limits of guesses are in `guessing.rs`.

use crate::refusals::refused;
use crate::requests::log_in;
use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let wrong = refused(&world, log_in("ada", "wrong password"), 401, "invalid_credentials").await;
    let short = refused(&world, log_in("ada", "x"), 401, "invalid_credentials").await;
    let unknown = refused(&world, log_in("nobody", PASSWORD), 401, "invalid_credentials").await;
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.body, short.body);
    assert_eq!(wrong.without_request_id(), unknown.without_request_id());
}
