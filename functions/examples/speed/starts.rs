//! The starts of the functions, and of those that ask models with each model and with a large catalogue.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::process_usage::ProcessUsage;
use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::timings::Timings;
use testkit::tls_front::TlsFront;

use crate::binaries::Binary;

/// Enough for a 99th percentile: with fewer it would be the slowest start.
const STARTS: usize = 100;
/// The functions that ask models.
const ASKING: [&str; 6] =
    ["anthropic-messages", "chat", "chat-completions", "completions", "embeddings", "openai-responses"];
/// The most bytes of a catalogue.
const CATALOGUE_BYTES: usize = 64 * 1024;

pub type Variables = Vec<(String, String)>;

/// Starts of one binary in one environment.
pub struct Starts {
    pub name: String,
    path: PathBuf,
    plain: Variables,
    over_tls: Variables,
    pub took: Timings,
    pub cpu: Timings,
    pub cpu_over_tls: Timings,
}

impl Starts {
    fn new(name: &str, binary: &Binary, table: &MeasuredTable, settings: &[(&str, &str)]) -> Self {
        let set = |environment: &Variables| {
            let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            environment.iter().cloned().chain(settings).collect()
        };
        Self {
            name: name.to_owned(),
            path: binary.path.clone(),
            plain: set(&table.plain),
            over_tls: set(&table.over_tls),
            took: Timings::default(),
            cpu: Timings::default(),
            cpu_over_tls: Timings::default(),
        }
    }

    /// Starts the binary twice, without and with TLS. `None` if it does not start, as with a model that is not built in.
    async fn once(&self) -> Option<[(Duration, Duration); 2]> {
        Some([start(&self.path, &self.plain).await?, start(&self.path, &self.over_tls).await?])
    }
}

/// The time from the start of a process to its first request for work, and the CPU time until then.
async fn start(path: &Path, environment: &Variables) -> Option<(Duration, Duration)> {
    let started = Instant::now();
    let function = Function::start(path, environment.clone());
    function.wait_until_ready().await.ok()?;
    let took = started.elapsed();
    Some((took, ProcessUsage::of(&function).when_idle().await))
}

/// A table, and the environments of functions that use it without and with TLS. They speak to `DynamoDB` itself: the
/// stack's recorder is built for tests, and takes longer than they do.
pub struct MeasuredTable {
    pub plain: Variables,
    over_tls: Variables,
    /// Ends when it is dropped.
    _front: TlsFront,
}

impl MeasuredTable {
    pub async fn of(stack: &Stack) -> Self {
        let front = TlsFront::start(stack.table().endpoint()).await;
        let mut plain = stack.environment();
        plain.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
        let mut over_tls = plain.clone();
        plain.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), stack.table().endpoint().to_owned()));
        over_tls.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), front.endpoint()));
        over_tls.push(("AWS_CA_BUNDLE".to_owned(), front.certificate().to_str().unwrap().to_owned()));
        Self { plain, over_tls, _front: front }
    }
}

/// The starts of each binary, with the dummy as the model.
pub async fn of_functions(binaries: &[Binary], table: &MeasuredTable) -> Vec<Starts> {
    let mut starts = binaries.iter().map(|binary| Starts::new(&binary.name, binary, table, &[])).collect::<Vec<_>>();
    measure(&mut starts).await;
    starts
}

/// The starts of the binaries that ask models, in one run: with each model that is built in, and with a catalogue of 64 KiB.
pub async fn with_models(binaries: &[Binary], table: &MeasuredTable, with_catalogue: &MeasuredTable) -> Vec<Starts> {
    let openai = [("MODEL", "openai"), ("MODEL_ID", "some-model"), ("OPENAI_API_KEY", "key")];
    let bedrock = [("MODEL", "bedrock"), ("MODEL_ID", "some-model")];
    let mut starts = Vec::new();
    for binary in binaries.iter().filter(|binary| ASKING.contains(&binary.function.as_str())) {
        let name = |with: &str| format!("{}, {with}", binary.name);
        for candidate in [
            Starts::new(&name("the dummy"), binary, table, &[]),
            Starts::new(&name("OpenAI's protocol"), binary, table, &openai),
            Starts::new(&name("Bedrock"), binary, table, &bedrock),
            Starts::new(&name("a catalogue of 64 KiB"), binary, with_catalogue, &[]),
        ] {
            if candidate.once().await.is_some() {
                starts.push(candidate);
            }
        }
    }
    measure(&mut starts).await;
    starts
}

/// Each round starts each twice, without and with TLS, in random order, so that disturbances of the machine hit all alike.
async fn measure(starts: &mut [Starts]) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut order: Vec<usize> = (0..starts.len()).collect();
    for round in 0..=STARTS {
        random.shuffle(&mut order);
        for &position in &order {
            let of = &mut starts[position];
            let [(took, cpu), (_, over_tls)] = of.once().await.unwrap_or_else(|| panic!("{} does not start", of.name));
            // The first round reads the binaries from the disk.
            if round > 0 {
                of.took.add(took);
                of.cpu.add(cpu);
                of.cpu_over_tls.add(over_tls);
            }
        }
        if round % 10 == 0 {
            println!("Started each {round} of {STARTS} times, without and with TLS.");
        }
    }
}

/// Stores a catalogue of as many bytes as one may have, of models of the dummy.
pub async fn store_large_catalogue(stack: &Stack) {
    let prices = json!({"input": 1_000_000, "output": 2_000_000, "request": 1});
    let model = |number: usize| {
        json!({
            "id": format!("model-{number}"), "provider": "none", "provider_model": "dummy", "prices": prices,
            "context_tokens": 100_000, "max_output_tokens": 1000, "takes": ["tools", "json_schema", "reasoning"],
            "aliases": [format!("alias-of-model-{number}")], "description": "A model among many. ".repeat(5),
        })
    };
    let catalogue = |models: usize| {
        let models: Vec<Value> = (0..models).map(model).collect();
        json!({"providers": {"none": {"protocol": "dummy"}}, "models": models}).to_string()
    };
    let largest = (1..=200).map(catalogue).take_while(|text| text.len() <= CATALOGUE_BYTES).last().unwrap();
    println!("The catalogue has {} bytes.", largest.len());
    store_catalogue(stack, &largest).await;
}

/// Stores a catalogue of the dummy and of one that makes vectors: no model of the settings does.
pub async fn store_small_catalogue(stack: &Stack) {
    let model = |id: &str, takes: &[&str]| {
        json!({
            "id": id, "provider": "none", "provider_model": "dummy", "prices": {"input": 0, "output": 0, "request": 1},
            "context_tokens": 4096, "max_output_tokens": 512, "takes": takes,
        })
    };
    let models = [model("dummy", &[]), model("vectors", &["embeddings"])];
    store_catalogue(stack, &json!({"providers": {"none": {"protocol": "dummy"}}, "models": models}).to_string()).await;
}

async fn store_catalogue(stack: &Stack, catalogue: &str) {
    let item = json!({
        "pk": {"S": "CATALOGUE"}, "sk": {"S": "CATALOGUE"}, "version": {"N": "1"}, "catalogue": {"S": catalogue},
        "changed_at": {"S": "2026-01-01T00:00:00Z"},
    });
    stack.table().call("PutItem", &json!({"TableName": stack.table().name(), "Item": item})).await.unwrap();
}
