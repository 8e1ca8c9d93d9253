//! `/password/`: changing a password ends every other session.

use testkit::gateway::Request;

use crate::refusals::assert_worthless;
use crate::requests::{change_password, log_in, refresh};
use crate::world::{PASSWORD, World};

const NEW_PASSWORD: &str = "an even better horse battery";

#[tokio::test]
async fn after_a_password_change_only_its_own_session_goes_on() {
    let (world, mine) = World::with_ada(100, &[]).await;
    let stolen = world.log_in("ada").await;
    assert_eq!(world.stack.send(change_password(PASSWORD, NEW_PASSWORD).bearer(&mine.access)).await.status, 204);
    assert_worthless(&world, &stolen.access).await;
    assert_worthless(&world, &mine.access).await;
    assert_eq!(world.stack.send(refresh(&stolen.refresh)).await.status, 401);
    let access = world.stack.send(refresh(&mine.refresh)).await.json()["access_token"].as_str().unwrap().to_owned();
    let sessions = world.stack.send(Request::get("/sessions/").bearer(&access)).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(world.stack.send(log_in("ada", PASSWORD)).await.json()["code"], "invalid_credentials");
    assert_eq!(world.stack.send(log_in("ada", NEW_PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_login_that_overlaps_a_password_change_gets_no_lasting_session() {
    let (world, mine) = World::with_ada(100, &[]).await;
    let (changed, overlapping) = tokio::join!(
        world.stack.send(change_password(PASSWORD, NEW_PASSWORD).bearer(&mine.access)),
        world.stack.send(log_in("ada", PASSWORD))
    );
    assert_eq!(changed.status, 204);
    // Either the login came second and failed, or it came first and the change ended its session.
    if overlapping.status == 200 {
        let tokens = overlapping.json();
        assert_worthless(&world, tokens["access_token"].as_str().unwrap()).await;
        let refresh_token = tokens["refresh_token"].as_str().unwrap();
        assert_eq!(world.stack.send(refresh(refresh_token)).await.status, 401);
    } else {
        assert_eq!(overlapping.json()["code"], "invalid_credentials");
    }
}
