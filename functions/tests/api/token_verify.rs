//! `/token/verify/`: which tokens are valid.

use crate::refusals::refused;
use crate::requests::verify;
use crate::world::World;

#[tokio::test]
async fn after_a_logout_the_refresh_token_is_not_valid_and_the_access_token_is_until_it_expires() {
    let (world, ada) = World::with_ada(100, &[]).await;
    for token in [&ada.access, &ada.refresh] {
        assert_eq!(world.stack.send(verify(token)).await.status, 200);
    }
    assert_eq!(world.log_out(&ada, false).await.status, 204);
    assert_eq!(world.stack.send(verify(&ada.access)).await.status, 200);
    refused(&world, verify(&ada.refresh), 401, "token_not_valid").await;
}
