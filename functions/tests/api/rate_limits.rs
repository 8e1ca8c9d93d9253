//! The headers `x-ratelimit-…-requests` at `/v1`: the messages that may be in flight, and those that may stay unpaid.

use serde_json::json;
use shared::domain::time::Clock;
use testkit::gateway::{Request, Response};

use crate::costs::change_account;
use crate::requests::{chat, completion};
use crate::world::{Tokens, World};

/// Limit, rest and reset; empty where there is no such header.
fn told(response: &Response) -> [&str; 3] {
    ["limit", "remaining", "reset"]
        .map(|part| response.headers.get(&format!("x-ratelimit-{part}-requests")).map_or("", String::as_str))
}

const NOTHING: [&str; 3] = [""; 3];

#[tokio::test]
async fn an_answer_says_how_many_messages_may_be_in_flight_beside_it() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[("MAX_HOLDS", "3")]).await;
    for stream in [false, true] {
        let request = completion(stream).bearer(&access);
        assert_eq!(told(&world.stack.send(request.clone()).await), ["3", "2", "1s"], "stream: {stream}");
        let with_key = request.header("Idempotency-Key", &format!("once-{stream}"));
        assert_eq!(told(&world.stack.send(with_key.clone()).await), ["3", "2", "1s"], "stream: {stream}");
        assert_eq!(told(&world.stack.send(with_key).await), ["3", "3", "1s"], "a repetition takes no room");
    }
    for elsewhere in [chat(), Request::get("/v1/models")] {
        let response = world.stack.send(elsewhere.bearer(&access)).await;
        assert_eq!((response.status, told(&response)), (200, NOTHING));
    }
}

#[tokio::test]
async fn a_message_too_many_is_told_the_limit_and_when_to_come_back() {
    let settings = [("DUMMY_DELAY_MS", "2000"), ("MAX_HOLDS", "2")];
    let (world, Tokens { access, .. }) = World::with_ada(10, &settings).await;
    for stream in [false, true] {
        let responses = world.send_at_once("chat-completions", &vec![completion(stream).bearer(&access); 4]).await;
        let mut seen: Vec<_> = responses.iter().map(|response| (response.status, told(response))).collect();
        seen.sort_unstable();
        let refused = (429, ["2", "0", "1s"]);
        assert_eq!(seen, [(200, ["2", "0", "1s"]), (200, ["2", "1", "1s"]), refused, refused]);
        for response in responses.iter().filter(|response| response.status == 429) {
            assert_eq!(response.headers["retry-after"], "1");
        }
    }
}

#[tokio::test]
async fn after_too_much_unpaid_work_the_limit_is_the_hours() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let now = Clock::system().now().seconds();
    // The next hour, which goes on where a clock is behind, so that no hour ends during the test.
    let began_at = json!({"N": (now - now % 3600 + 3600).to_string()});
    let hourly = json!({"M": {"began_at": began_at, "unpaid": {"N": "21"}, "charged": {"N": "20"}}});
    change_account(&world, "ada", &json!({"hourly": hourly})).await;
    for stream in [false, true] {
        let response = world.stack.send(completion(stream).bearer(&access)).await;
        let seconds: u64 = response.headers["retry-after"].parse().unwrap();
        let reset = format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
        assert_eq!((response.status, told(&response)), (429, ["21", "0", reset.as_str()]));
    }
}

#[tokio::test]
async fn errors_that_no_limit_of_ours_is_behind_say_nothing_of_limits() {
    let (world, Tokens { access, .. }) = World::with_ada(0, &[]).await;
    for (status, request) in [(401, completion(false)), (402, completion(false).bearer(&access))] {
        let response = world.stack.send(request).await;
        assert_eq!((response.status, told(&response)), (status, NOTHING));
    }
}
