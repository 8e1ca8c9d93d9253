//! The memory that the largest images take on their way to a provider of OpenAI's protocol, beside the prompt. A function has
//! 128 MB in all.
//!
//! One test in a binary of its own, because the allocator counts for the whole process.

#![cfg(feature = "openai")]
#![expect(clippy::unwrap_used, reason = "a server that cannot answer fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use domain::pricing::Prices;
use peak_alloc::PeakAlloc;
use providers::catalogue::{CataloguedModel, Protocol, Provider};
use providers::connections::Connections;
use providers::dummy::Dummy;
use providers::model::{Model, ShownPiece};
use providers::offers::Connect;
use providers::prompt::{Image, ImageType, Prompt, Role, Turn};
use providers::reply::Part;
use providers::settings::ModelSettings;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The base64 of an image of 4 MiB.
const IMAGE_BYTES: usize = 5_592_404;

/// The most bytes that a request takes beside its prompt. The body is written into memory that doubles while it grows.
const MOST_BYTES: usize = 20 * 1024 * 1024;

const ANSWER: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"A cat.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// Reads requests without keeping their bodies, and answers each. Returns the bytes of a body.
fn answer_one(connection: &TcpStream) -> Option<usize> {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
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
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";
    let mut writer = connection;
    write!(writer, "{head}Content-Length: {}\r\n\r\n{ANSWER}", ANSWER.len()).ok()?;
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

#[test]
fn sending_the_largest_image_takes_a_few_times_its_size() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let answers = listener.incoming().take(2).map(|connection| answer_one(&connection.unwrap()));
        answers.collect::<Vec<_>>()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connections = Connections::start(&ModelSettings::Dummy(Dummy::default()), true, None).await.unwrap();
        let provider = Provider { base_url: Some(format!("http://{address}/v1")), ..Provider::new(Protocol::OpenAi) };
        let terms = CataloguedModel::of_the_settings("m", Prices::default(), 1000, 100);
        let terms = CataloguedModel { provider: "p".to_owned(), ..terms };
        let model = connections.connect(&provider, &terms);
        // The client's own memory is taken once.
        ask(&model, &prompt(12)).await;
        let large = prompt(IMAGE_BYTES);
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        ask(&model, &large).await;
        let taken = ALLOCATOR.peak_usage() - before;
        eprintln!("bytes that sending an image of {IMAGE_BYTES} took: {taken}");
        assert!(taken <= MOST_BYTES, "{taken}");
    });
    let received = server.join().unwrap();
    assert!(received.last().unwrap().is_some_and(|bytes| bytes > IMAGE_BYTES), "{received:?}");
}
