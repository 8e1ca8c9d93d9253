//! The memory that the largest images take on their way to a provider, beside the prompt: for OpenAI's protocol and for
//! Amazon Bedrock. A function has 128 MB in all.
//!
//! One test in a binary of its own, because the allocator counts for the whole process. The test runs again in a process of
//! its own, whose environment names the server.

#![cfg(all(feature = "bedrock", feature = "openai"))]
#![expect(clippy::unwrap_used, reason = "a server that cannot answer fails the test")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use domain::pricing::Prices;
use peak_alloc::PeakAlloc;
use providers::catalogue::{CataloguedModel, Protocol, Provider, StreamPolicy};
use providers::connections::Connections;
use providers::dummy::Dummy;
use providers::model::{Model, ShownPiece};
use providers::offers::Connect;
use providers::prompt::{Image, ImageType, Prompt, Role, Turn};
use providers::reply::Part;
use providers::settings::ModelSettings;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The SDK's own name for the address of Bedrock.
const ADDRESS: &str = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME";

/// The base64 of the largest image that each protocol takes: 4 MiB, and 3.75 MiB.
const IMAGE_BYTES: [(Protocol, usize); 2] = [(Protocol::OpenAi, 5_592_404), (Protocol::Bedrock, 5_242_880)];

/// The most bytes that a request takes beside its prompt. The body is written into memory that doubles while it grows.
const MOST_BYTES: usize = 20 * 1024 * 1024;

const STREAM: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"A cat.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

const CONVERSE: &str = "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"A cat.\"}]}},\
                        \"stopReason\":\"end_turn\"}";

/// Reads a request without keeping its body, and answers it in the protocol of its path. Returns the bytes of the body.
fn answer_one(connection: &TcpStream) -> Option<usize> {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
    let mut left: usize = length?;
    let mut read = [0; 16 * 1024];
    while left > 0 {
        let most = left.min(read.len());
        left -= reader.read(&mut read[..most]).ok()?;
    }
    let is_of_bedrock = first.starts_with("POST /model/");
    let (kind, body) = if is_of_bedrock { ("application/json", CONVERSE) } else { ("text/event-stream", STREAM) };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n");
    let mut writer = connection;
    write!(writer, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    length
}

fn prompt(image_bytes: usize) -> Prompt {
    let image = Image { at: 0, media_type: ImageType::Png, data: "A".repeat(image_bytes), detail: None };
    let turn = Turn { images: vec![image], ..Turn::text(Role::User, "What is it?") };
    Prompt { turns: vec![turn], ..Prompt::default() }
}

async fn ask(model: &Model, prompt: &Prompt) {
    let mut pieces = model.stream(prompt, 5, Duration::from_secs(20)).await.unwrap();
    assert_eq!(pieces.next().await.unwrap(), ShownPiece::Part { choice: 0, part: Part::Text("A cat.".to_owned()) });
}

/// The bytes that sending an image takes to the server at `address`.
async fn taken_by(protocol: Protocol, image_bytes: usize, address: &str) -> usize {
    let connections = Connections::start(&ModelSettings::Dummy(Dummy::default()), true, None).await.unwrap();
    let provider = match protocol {
        Protocol::OpenAi => Provider { base_url: Some(format!("{address}/v1")), ..Provider::new(protocol) },
        _ => Provider { region: Some("eu-central-1".to_owned()), ..Provider::new(protocol) },
    };
    let terms = CataloguedModel::of_the_settings("m", Prices::default(), 1000, 100);
    // The same body is written for a whole answer, which the server can write without Bedrock's frames.
    let streams = if protocol == Protocol::Bedrock { StreamPolicy::Never } else { StreamPolicy::Always };
    let model = connections.connect(&provider, &CataloguedModel { provider: "p".to_owned(), streams, ..terms });
    // The client's own memory is taken once.
    ask(&model, &prompt(12)).await;
    let large = prompt(image_bytes);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    ask(&model, &large).await;
    ALLOCATOR.peak_usage() - before
}

fn measure(address: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (protocol, image_bytes) in IMAGE_BYTES {
        let taken = runtime.block_on(taken_by(protocol, image_bytes, address));
        eprintln!("bytes that sending an image of {image_bytes} took, {protocol:?}: {taken}");
        assert!(taken <= MOST_BYTES, "{protocol:?}: {taken}");
    }
}

#[test]
fn sending_the_largest_image_takes_a_few_times_its_size() {
    if let Ok(address) = env::var(ADDRESS) {
        return measure(&address);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let answers = listener.incoming().take(4).map(|connection| answer_one(&connection.unwrap()));
        answers.collect::<Vec<_>>()
    });
    let measured = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "sending_the_largest_image_takes_a_few_times_its_size"])
        .env(ADDRESS, address)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .status();
    assert!(measured.unwrap().success());
    let received = server.join().unwrap();
    for ((_, image_bytes), bytes) in IMAGE_BYTES.iter().zip(received.chunks(2)) {
        assert!(bytes.last().unwrap().is_some_and(|bytes| bytes > *image_bytes), "{received:?}");
    }
}
