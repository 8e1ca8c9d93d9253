//! `/logout/`: of one session, and of all.

use crate::refusals::{assert_worthless, status_and_code};
use crate::requests::refresh;
use crate::world::World;

#[tokio::test]
async fn a_refresh_after_logout_is_refused_and_other_sessions_go_on() {
    let (world, ended) = World::with_ada(100, &[]).await;
    let other = world.log_in("ada").await;
    for _ in 0..2 {
        assert_eq!(world.log_out(&ended, false).await.status, 204);
        let response = world.stack.send(refresh(&ended.refresh)).await;
        assert_eq!(status_and_code(&response), (401, "token_not_valid".to_owned()));
    }
    assert_eq!(world.stack.send(refresh(&other.refresh)).await.status, 200);
}

#[tokio::test]
async fn logout_everywhere_makes_every_stolen_token_worthless_at_once() {
    let (world, mine) = World::with_ada(100, &[]).await;
    let stolen = world.log_in("ada").await;
    assert_eq!(world.log_out(&mine, true).await.status, 204);
    for tokens in [&mine, &stolen] {
        assert_worthless(&world, &tokens.access).await;
        assert_eq!(status_and_code(&world.stack.send(refresh(&tokens.refresh)).await).0, 401);
    }
    let again = world.log_in("ada").await;
    // The stolen token cannot end the new session either.
    assert_eq!(world.log_out(&stolen, true).await.status, 401);
    assert_eq!(world.stack.send(refresh(&again.refresh)).await.status, 200);
}
