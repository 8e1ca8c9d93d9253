//! The metrics of the functions: CloudWatch can read every line, and the sums are right.

use std::collections::BTreeMap;
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::recorder::Fault;

use crate::requests::{change_password, chat, completion, log_in};
use crate::world::{PASSWORD, Tokens, World};

/// Every metric and its unit. The alarms and the dashboard of the template name them too.
const METRICS: [(&str, &str); 14] = [
    ("AuditLag", "Seconds"),
    ("AuditMismatches", "Count"),
    ("CaptureOverruns", "Count"),
    ("CreditsCaptured", "Count"),
    ("CreditsGranted", "Count"),
    ("CreditsReleased", "Count"),
    ("LoginsFailed", "Count"),
    ("Messages", "Count"),
    ("MessagesRefused", "Count"),
    ("ModelFailures", "Count"),
    ("ModelLatency", "Milliseconds"),
    ("ModelMisconfigured", "Count"),
    ("RequestsNotAccepted", "Count"),
    ("RequestsThrottled", "Count"),
];

/// CloudWatch's specification of a line.
struct Specification {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Specification {
    fn read() -> Self {
        let schema = serde_json::from_str(include_str!("embedded-metric-format.schema.json")).unwrap();
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource("embedded-metric-format.schema.json", schema).unwrap();
        let index = compiler.compile("embedded-metric-format.schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// The metrics of a line by name, if CloudWatch would read it. The schema decides, and the rules that the
    /// specification has only in words.
    fn metrics_of(&self, line: &Value) -> Result<BTreeMap<String, f64>, String> {
        self.schemas.validate(line, self.index).map_err(|error| error.to_string())?;
        let mut values = BTreeMap::new();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for name in directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
                let dimension = line[name.as_str().unwrap()].as_str().ok_or(format!("{name} is no text"))?;
                if dimension.is_empty() || dimension.chars().count() > 1024 {
                    return Err(format!("{name} is too short or too long"));
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            if metrics.is_empty() || metrics.len() > 100 {
                return Err("too few metrics, or too many".to_owned());
            }
            for name in metrics.iter().map(|metric| metric["Name"].as_str().unwrap()) {
                let value = line[name].as_f64().ok_or(format!("{name} is no number"))?;
                values.insert(name.to_owned(), value);
            }
        }
        Ok(values)
    }
}

/// Waits until the functions have written this many lines of metrics, and returns them.
async fn lines(world: &World, number: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    for _ in 0..100 {
        let logs = world.stack.logs();
        let all = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines = all.filter(|line| line.get("_aws").is_some()).collect();
        if lines.len() >= number {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lines.len(), number, "{lines:#?}");
    lines
}

/// Checks every line, and returns how often each metric was there and its sum.
fn sums(lines: &[Value]) -> BTreeMap<String, (usize, f64)> {
    let specification = Specification::read();
    let units = BTreeMap::from(METRICS);
    let mut sums = BTreeMap::<String, (usize, f64)>::new();
    for line in lines {
        let metrics = specification.metrics_of(line).unwrap_or_else(|problem| panic!("{problem}: {line}"));
        for (name, value) in metrics {
            let (times, sum) = sums.entry(name).or_default();
            (*times, *sum) = (*times + 1, *sum + value);
        }
        let [directive] = &line["_aws"]["CloudWatchMetrics"].as_array().unwrap()[..] else { panic!("{line}") };
        assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("chat-api"), &json!([["Stack"]])));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert_eq!(metric["Unit"], units[metric["Name"].as_str().unwrap()], "{metric}");
        }
        assert!(line["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
    }
    sums
}

/// The number of messages in the ledger, and the credits that they cost.
async fn charged(world: &World) -> (usize, f64) {
    let entries = world.entries().await;
    let chats = entries.iter().filter(|entry| entry["kind"]["S"] == "chat");
    let amounts: Vec<f64> =
        chats.map(|entry| -entry["amount"]["N"].as_str().unwrap().parse::<f64>().unwrap()).collect();
    (amounts.len(), amounts.iter().sum())
}

async fn status(world: &World, request: Request) -> u16 {
    world.stack.send(request).await.status
}

#[tokio::test]
async fn what_happens_is_counted_once_and_in_the_format_that_cloudwatch_reads() {
    // A message holds 5 credits: 1 is captured and 4 are released.
    let world = World::start_with(&[("PRICING", "usage"), ("STACK_NAME", "some-stack")]).await;
    world.register("ada", 100).await;
    world.register("grace", 0).await;
    let (ada, grace) = (world.log_in("ada").await, world.log_in("grace").await);

    assert_eq!(status(&world, chat().bearer(&ada.access)).await, 200);
    for _ in 0..2 {
        // The second request gets the kept answer, which is no message of its own.
        assert_eq!(status(&world, chat().bearer(&ada.access).header("Idempotency-Key", "once")).await, 200);
    }
    assert_eq!(status(&world, completion(false).bearer(&ada.access)).await, 200);
    assert_eq!(status(&world, completion(true).bearer(&ada.access)).await, 200);
    // The first answers to the capture are lost.
    world.stack.recorder().fail_next("TransactWriteItems", Fault::AnswerLost, 3);
    assert_eq!(status(&world, chat().bearer(&ada.access)).await, 200);
    world.stack.recorder().forget_faults();
    assert_eq!(status(&world, chat().bearer(&grace.access)).await, 402);

    assert_eq!(status(&world, log_in("ada", "a wrong password")).await, 401);
    assert_eq!(status(&world, log_in("nobody", PASSWORD)).await, 401);
    let change = change_password("a wrong password", "an even better horse").bearer(&ada.access);
    assert_eq!(status(&world, change).await, 401);
    assert_eq!(status(&world, log_in("ada", PASSWORD)).await, 200);
    world.slow_down("ada", "127.0.113.7").await;
    assert_eq!(status(&world, log_in("ada", PASSWORD).source_ip("127.0.113.7")).await, 429);

    world.stack.invoke("audit", &json!({})).await.unwrap();
    world.add_to_balance("grace", 7).await;
    let report = world.stack.invoke("audit", &json!({})).await.unwrap();
    assert_eq!(report["mismatches"].as_array().unwrap().len(), 1);

    let lines = lines(&world, 15).await;
    assert!(lines.iter().all(|line| line["Stack"] == "some-stack"), "{lines:#?}");
    let mut sums = sums(&lines);
    assert_eq!(charged(&world).await, (5, 5.0));
    assert_eq!(sums.remove("ModelLatency").unwrap().0, 5);
    let expected = [
        ("AuditLag", (2, 0.0)),
        ("AuditMismatches", (3, 1.0)),
        ("CreditsCaptured", (5, 5.0)),
        ("CreditsReleased", (5, 20.0)),
        ("LoginsFailed", (3, 3.0)),
        ("Messages", (5, 5.0)),
        ("MessagesRefused", (1, 1.0)),
        ("RequestsThrottled", (1, 1.0)),
    ];
    assert_eq!(sums, expected.map(|(name, sum)| (name.to_owned(), sum)).into());
}

/// The dummy breaks off after one word, which counts as two tokens by estimate, and credits for one token were held.
/// Metrics are written although `LOG_LEVEL` is `error`.
#[tokio::test]
async fn failures_of_the_model_are_counted_with_what_was_charged_and_given_back_for_them() {
    let prices = [
        ("LOG_LEVEL", "error"),
        ("DUMMY_DELAY_MS", "20"),
        ("PRICING", "usage"),
        ("INPUT_COST", "0"),
        ("OUTPUT_COST", "1000"),
        ("MAX_OUTPUT_TOKENS", "1"),
        ("MIN_OUTPUT_TOKENS", "1"),
    ];
    let charged_twice = [
        ("CaptureOverruns", (2, 2.0)),
        ("CreditsCaptured", (2, 2.0)),
        ("Messages", (2, 2.0)),
        ("ModelFailures", (2, 2.0)),
    ];
    let released_twice = [("CreditsReleased", (2, 2.0)), ("ModelFailures", (2, 2.0))];
    // The hold's release is a line of its own.
    for (failure, answered, times, expected) in
        [("cut", 200, 2, &charged_twice[..]), ("error", 502, 4, &released_twice[..])]
    {
        let settings = [&prices[..], &[("DUMMY_FAILURE", failure)]].concat();
        let (world, Tokens { access, .. }) = World::with_ada(100, &settings).await;
        for stream in [true, false] {
            assert_eq!(status(&world, completion(stream).bearer(&access)).await, answered);
        }
        let mut sums = sums(&lines(&world, times).await);
        let (times, latency_ms) = sums.remove("ModelLatency").unwrap();
        assert_eq!(times, 2);
        assert!(failure == "error" || latency_ms >= 40.0, "{latency_ms}");
        let expected = expected.iter().map(|(name, sum)| ((*name).to_owned(), *sum)).collect();
        assert_eq!(sums, expected);
    }
}

#[test]
fn the_specification_refuses_what_cloudwatch_would_not_count() {
    let specification = Specification::read();
    let metric = json!({"Name": "Messages", "Unit": "Count"});
    let directive = json!({"Namespace": "chat-api", "Dimensions": [["Stack"]], "Metrics": [metric]});
    let good = json!({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "Stack": "local", "Messages": 1});
    assert_eq!(specification.metrics_of(&good), Ok(BTreeMap::from([("Messages".to_owned(), 1.0)])));
    for (pointer, bad) in [
        ("/_aws", json!({})),
        ("/_aws/Timestamp", json!("now")),
        ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
        ("/_aws/CloudWatchMetrics/0/Dimensions", json!([])),
        ("/_aws/CloudWatchMetrics/0/Dimensions/0/0", json!("Nowhere")),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Name", json!("Nowhere")),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Pieces")),
        ("/Stack", json!("")),
        ("/Messages", json!("1")),
    ] {
        let mut line = good.clone();
        *line.pointer_mut(pointer).unwrap() = bad;
        assert!(specification.metrics_of(&line).is_err(), "{line}");
    }
}
