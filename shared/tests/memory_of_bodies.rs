//! The memory that the worst bodies take while they are read, from Lambda's event on. A function has 128 MB in all.
//!
//! One test in a binary of its own, because the allocator counts for the whole process.

#![expect(clippy::unwrap_used, reason = "an event that cannot be read fails the test")]

use domain::time::Timestamp;
use ledger::idempotency::IdempotencyKey;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use shared::anthropic::Messages;
use shared::door::Door;
use shared::http::{MAX_BODY_BYTES as MAX_FORM_BYTES, Request};
use shared::openai::{CompletionRequest, MAX_BODY_BYTES, MAX_BYTES_BESIDE_IMAGES};
use shared::responses::Responses;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// API Gateway's event, in which the body is replaced.
const EVENT: &str = include_str!("../../events/chat/replied.json");

/// The most bytes that reading a body takes, beside the event with the body.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The same for a body of more than a mebibyte. The event is copied twice before its body is read, by `lambda_http` and by
/// `serde_json`, which reads a text with escapes into memory that it doubles.
const MOST_BYTES_WITH_IMAGES: usize = 24 * 1024 * 1024;

/// The largest event that Lambda takes.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

#[test]
fn reading_the_worst_bodies_that_fit_takes_a_few_mib() {
    let mut measured = Vec::new();
    for body in worst_completions() {
        let name = beginning(&body);
        assert!(body.len() <= MAX_BYTES_BESIDE_IMAGES, "{name}");
        measured.push((peak_of_completion(&event("application/json", &body)), name));
    }
    for body in worst_messages() {
        let name = beginning(&body);
        assert!(body.len() <= MAX_BYTES_BESIDE_IMAGES, "{name}");
        measured.push((peak_of_message(&event("application/json", &body)), name));
    }
    for body in worst_responses() {
        let name = beginning(&body);
        assert!(body.len() <= MAX_BYTES_BESIDE_IMAGES, "{name}");
        measured.push((peak_of_response(&event("application/json", &body)), name));
    }
    for (content_type, body) in worst_forms() {
        let name = beginning(&body);
        assert!(body.len() <= MAX_FORM_BYTES, "{name}");
        let event = event(content_type, &body);
        let peak = peak_of(|| {
            let _ = request(&event).fields();
        });
        measured.push((peak, name));
    }
    measured.retain(|(peak, _)| *peak > MOST_BYTES);
    let mut with_images = Vec::new();
    for body in worst_completions_with_images() {
        let (name, event) = (beginning(&body), event("application/json", &body));
        assert!(body.len() > MAX_BYTES_BESIDE_IMAGES && body.len() <= MAX_BODY_BYTES, "{name}");
        assert!(event.len() <= MAX_EVENT_BYTES, "{name}");
        with_images.push((peak_of_completion(&event), name));
    }
    measured.extend(with_images.into_iter().filter(|(peak, _)| *peak > MOST_BYTES_WITH_IMAGES));
    assert!(measured.is_empty(), "bytes that were taken to read a body: {measured:#?}");
}

fn peak_of_completion(event: &str) -> usize {
    peak_of(|| {
        let request = request(event);
        if let Ok(asked) = CompletionRequest::parse(&request) {
            let key = IdempotencyKey::parse("key").unwrap();
            let _ = asked.remembered(key);
        }
    })
}

fn peak_of_message(event: &str) -> usize {
    peak_of(|| {
        let request = request(event);
        if let Ok(asked) = Messages::read(&request) {
            let key = IdempotencyKey::parse("key").unwrap();
            let _ = asked.remembered(key);
        }
    })
}

fn peak_of_response(event: &str) -> usize {
    peak_of(|| {
        let request = request(event);
        if let Ok(asked) = Responses::read(&request) {
            let key = IdempotencyKey::parse("key").unwrap();
            let _ = asked.remembered(key);
        }
    })
}

fn peak_of(read: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    read();
    ALLOCATOR.peak_usage() - before
}

/// Names a body.
fn beginning(body: &str) -> String {
    body.chars().take(70).collect()
}

fn event(content_type: &str, body: &str) -> String {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["headers"]["Content-Type"] = json!(content_type);
    event["multiValueHeaders"]["Content-Type"] = json!([content_type]);
    event["body"] = json!(body);
    event.to_string()
}

fn request(event: &str) -> Request {
    Request::new(lambda_http::request::from_str(event).unwrap(), Timestamp::from_seconds(0))
}

/// Bodies of `/v1/chat/completions`: members that nobody knows, and every known one that holds texts or a list.
fn worst_completions() -> Vec<String> {
    let unknown = [r#""":0,"#, r#""a":{"":0},"#, r#""\u0061":"\u0061\n","#];
    let unknown = unknown.map(|member| filled("{", member, r#""model":"dummy"}"#, MAX_BYTES_BESIDE_IMAGES));
    let values = FILLINGS.map(|(before, part, after)| {
        let members =
            ["messages", "content", "calls", "parameters", "schema", "tools", "stop", "metadata", "logit_bias", "top_k"];
        members.map(|name| match name {
            "calls" => in_members(r#""messages":[{"role":"assistant","tool_calls":"#, before, part, after, "}]"),
            "parameters" => {
                let tool = r#""messages":[{"role":"user","content":""}],"tools":[{"type":"function","function":{"name":"f","parameters":"#;
                in_members(tool, before, part, after, "}}]")
            }
            "schema" => {
                let format = r#""messages":[{"role":"user","content":""}],"response_format":{"type":"json_schema","json_schema":{"name":"f","schema":"#;
                in_members(format, before, part, after, "}}")
            }
            "content" => in_members(r#""messages":[{"role":"user","content":"#, before, part, after, "}]"),
            name => in_members(&format!("\"{name}\":"), before, part, after, ""),
        })
    });
    let nested = ["messages", "stop", "metadata"].map(|name| {
        let depth = (MAX_BYTES_BESIDE_IMAGES - 100) / 2;
        format!(r#"{{"model":"dummy","{name}":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    });
    let call = r#"{"id":"","function":{"name":"","arguments":""}},"#;
    let calling =
        format!(r#"{{"role":"assistant","tool_calls":[{}{}]}},"#, call.repeat(127), call.trim_end_matches(','));
    let calling =
        filled(r#"{"model":"dummy","messages":["#, &calling, r#"{"role":"assistant"}]}"#, MAX_BYTES_BESIDE_IMAGES);
    unknown.into_iter().chain(values.into_iter().flatten()).chain(nested).chain([calling]).collect()
}

/// Bodies of `/v1/messages`: every member that holds texts or a list, and messages of the shortest blocks.
fn worst_messages() -> Vec<String> {
    let values = FILLINGS.map(|(before, part, after)| {
        let members = ["messages", "content", "system", "tools", "stop_sequences", "metadata", "context_management"];
        members.map(|name| {
            let (prefix, suffix) = match name {
                "content" => (r#""max_tokens":1,"messages":[{"role":"user","content":"#.to_owned(), "}]"),
                name => (format!(r#""max_tokens":1,"{name}":"#), ""),
            };
            in_members(&prefix, before, part, after, suffix)
        })
    });
    let blocks = [
        ("user", r#"{"type":"text","text":""},"#),
        ("user", r#"{"type":"tool_result","tool_use_id":""},"#),
        ("assistant", r#"{"type":"tool_use","id":"","name":"","input":{}},"#),
        ("assistant", r#"{"type":"thinking","thinking":"a","signature":"a"},"#),
        ("assistant", r#"{"type":"redacted_thinking","data":""},"#),
    ];
    let filled_with_blocks = blocks.iter().flat_map(|(role, block)| {
        let one = |count: usize| {
            let last = block.trim_end_matches(',');
            format!(r#"{{"role":"{role}","content":[{}{last}]}},"#, block.repeat(count - 1))
        };
        let end = r#"{"role":"user","content":""}]}"#;
        let begin = r#"{"model":"dummy","max_tokens":1,"messages":["#;
        let long = MAX_BYTES_BESIDE_IMAGES / block.len() - 9;
        let in_one = format!("{begin}{}{end}", one(long));
        [filled(begin, &one(128), end, MAX_BYTES_BESIDE_IMAGES), in_one]
    });
    values.into_iter().flatten().chain(filled_with_blocks).collect()
}

/// Bodies of `/v1/responses`: every member that holds texts or a list, and the shortest items, parts and tools.
fn worst_responses() -> Vec<String> {
    let members = ["input", "instructions", "tools", "tool_choice", "text", "include", "metadata", "reasoning"];
    let values = FILLINGS.map(|(before, part, after)| {
        members.map(|name| match name {
            "input" => in_members("\"input\":", before, part, after, ""),
            name => in_members(&format!("\"input\":\"\",\"{name}\":"), before, part, after, ""),
        })
    });
    let begin = r#"{"model":"dummy","input":["#;
    let items = [
        r#"{"role":"user","content":""},"#,
        r#"{"type":"reasoning","encrypted_content":"a"},{"role":"user","content":""},"#,
        r#"{"type":"function_call","call_id":"","name":"","arguments":""},{"role":"user","content":""},"#,
        r#"{"type":"custom_tool_call","call_id":"","name":"","input":""},{"role":"user","content":""},"#,
        r#"{"type":"function_call_output","call_id":"","output":""},"#,
        r#"{"type":"additional_tools","tools":[{"type":"function","name":"a"}]},"#,
    ];
    let end = r#"{"role":"user","content":""}]}"#;
    let of_items = items.iter().flat_map(|item| {
        let long = item.replacen(r#""""#, &format!("\"{}\"", "a".repeat(400)), 1);
        let count = 8000 / (1 + item.matches("},{").count());
        [filled(begin, item, end, count * item.len()), filled(begin, &long, end, MAX_BYTES_BESIDE_IMAGES)]
    });
    let parts = [
        (r#"{"role":"user","content":["#, r#"{"type":"input_text","text":"a"},"#),
        (r#"{"type":"reasoning","summary":["#, r#"{"text":"a"},"#),
        (r#"{"type":"function_call_output","call_id":"","output":["#, r#"{"type":"input_text","text":"a"},"#),
    ];
    let of_parts = parts.map(|(before, part)| {
        filled(
            &format!("{begin}{before}"),
            part,
            &format!("{}]}}]}}", part.trim_end_matches(',')),
            MAX_BYTES_BESIDE_IMAGES,
        )
    });
    let metadata = distinct(r#"{"model":"dummy","input":"","metadata":{"":"""#, MAX_BYTES_BESIDE_IMAGES - 2, |name| {
        format!(",\"{name}\":\"\"")
    });
    values.into_iter().flatten().chain(of_items).chain(of_parts).chain([metadata + "}}"]).collect()
}

/// Bodies with as many images as there may be, and with more; with images that are none; and with long texts beside.
fn worst_completions_with_images() -> Vec<String> {
    /// The base64 of images of 4 MiB.
    const MOST: usize = 5_592_404;
    let part = |url: &str| format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#);
    let image = |length: usize| part(&format!("data:image/png;base64,iVBORw0KGgoAAAAN{}", "A".repeat(length - 16)));
    let parts = [
        image(MOST),
        image(MOST - 1),
        image(MOST + 300_000),
        vec![image(MOST / 32 / 4 * 4); 32].join(","),
        vec![image(MOST / 64 / 4 * 4); 64].join(","),
        part(&format!("data:image/png;base64,iVBORw0KGgoAAAAN{}", r"\/".repeat(1_200_000))),
        part(&format!("data:image/png;base64,{}", "!".repeat(MOST))),
        part(&format!("https://example.org/{}", "x".repeat(MOST))),
    ];
    let bodies = parts.iter().flat_map(|parts| {
        let with = |before: &str, after: &str| {
            let head = format!(r#"{{"model":"dummy",{before}"#);
            let tail = format!(r#"{after}{{"role":"user","content":[{parts}]}}]}}"#);
            let beside = (MAX_BODY_BYTES - head.len() - tail.len()).min(1_000_000);
            filled(&head, "x", &tail, head.len() + tail.len() + beside)
        };
        [with(r#""user":""#, r#"","messages":["#), with(r#""messages":[{"role":"user","content":""#, r#""},"#)]
    });
    bodies.collect()
}

/// The beginning of a JSON value, what is repeated in it, and its end.
const FILLINGS: [(&str, &str, &str); 13] = [
    ("[", "0,", "0]"),
    ("[", "[],", "[]]"),
    ("[", "{},", "{}]"),
    ("[", r#"{"":0},"#, r#"{"":0}]"#),
    ("", "[", ""),
    ("", r#"{"":"#, ""),
    ("{", r#""":0,"#, r#""":0}"#),
    ("\"", r"\u0001", "\""),
    ("\"", r"\n", "\""),
    ("[", r#"{"type":"text","text":""},"#, r#"{"type":"text","text":"x"}]"#),
    ("[", r#"{"role":"user","content":""},"#, r#"{"role":"user","content":"x"}]"#),
    ("[", r#"{"function":{"name":"","arguments":""},"id":""},"#, r#"{"function":{"name":"","arguments":""},"id":""}]"#),
    (r#"{"a":["#, "{},", "{}]}"),
];

fn in_members(name: &str, before: &str, part: &str, after: &str, end: &str) -> String {
    let head = format!("{{\"model\":\"dummy\",{name}{before}");
    filled(&head, part, &format!("{after}{end}}}"), MAX_BYTES_BESIDE_IMAGES)
}

fn worst_forms() -> Vec<(&'static str, String)> {
    let form = "application/x-www-form-urlencoded";
    let mut bodies: Vec<_> = FILLINGS
        .map(|(before, part, after)| {
            let head = format!("{{\"message\":{before}");
            ("application/json", filled(&head, part, &format!("{after}}}"), MAX_FORM_BYTES))
        })
        .into();
    bodies.push(("application/json", filled("{", r#""":0,"#, r#""message":""}"#, MAX_FORM_BYTES)));
    bodies.push(("application/json", distinct("{\"m\":0", MAX_FORM_BYTES - 1, |name| format!(",\"{name}\":0")) + "}"));
    let part = "--X\r\nContent-Disposition:form-data;name=a\r\n\r\n\r\n";
    bodies.push(("multipart/form-data; boundary=X", filled("", part, "--X--", MAX_FORM_BYTES)));
    bodies.push(("multipart/form-data; boundary=X", filled("--X", "\r\na:b", "\r\n\r\n--X--", MAX_FORM_BYTES)));
    bodies.push((form, filled("", "&", "", MAX_FORM_BYTES)));
    bodies.push((form, distinct("m", MAX_FORM_BYTES, |name| format!("&{name}"))));
    bodies
}

/// `head`, as many `part`s as fit into `limit` bytes, and `tail`.
fn filled(head: &str, part: &str, tail: &str, limit: usize) -> String {
    let parts = (limit - head.len() - tail.len()) / part.len();
    format!("{head}{}{tail}", part.repeat(parts))
}

/// `head`, and as many members with different names as fit into `limit` bytes.
fn distinct(head: &str, limit: usize, member: impl Fn(String) -> String) -> String {
    let mut body = head.to_owned();
    for number in 0.. {
        let member = member(format!("{number:x}"));
        if body.len() + member.len() > limit {
            break;
        }
        body.push_str(&member);
    }
    body
}
