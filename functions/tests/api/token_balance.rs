//! `/token_balance/`: what a user can spend, and what is held.

use std::time::Duration;

use serde_json::json;

use crate::requests::chat;
use crate::world::{Tokens, World};

#[tokio::test]
async fn what_is_being_answered_is_held_and_shown_as_such() {
    let (world, Tokens { access, .. }) =
        World::with_ada(10, &[("DUMMY_DELAY_MS", "1500"), ("MESSAGE_COST", "3")]).await;
    world.stack.function("token-balance").await;
    let asking = world.stack.send(chat().bearer(&access));
    let looking = async {
        loop {
            let (tokens, held) = world.balance(&access).await;
            if held != "0" {
                return (tokens, held);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (response, seen) = tokio::join!(asking, looking);
    assert_eq!(response.headers["x-token-balance"], "7");
    assert_eq!(seen, (json!(7), "3".to_owned()));
    assert_eq!(world.balance(&access).await, (json!(7), "0".to_owned()));
}
