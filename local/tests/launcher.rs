//! The launcher as a program: what fails at once gets one sentence and a non-zero exit.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a finding")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use support::{OPERATOR, TEMPLATE, launcher_on_ports};

fn workspace(template: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("template.yaml"), template).unwrap();
    folder
}

fn launcher(workspace: &Path) -> Command {
    launcher_on_ports(workspace, "0", "0")
}

/// The one sentence of a start that must fail, after which nothing may have been left in the workspace.
fn complaint(command: &mut Command, workspace: &Path) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.ends_with(".\n"), "{stderr}");
    assert_eq!(fs::read_dir(workspace).unwrap().count(), 1);
    stderr
}

fn taken_port() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

#[test]
fn a_port_in_use_for_the_api_is_named_with_its_flag() {
    let workspace = workspace(TEMPLATE);
    let (_listener, port) = taken_port();
    let mut command = launcher_on_ports(workspace.path(), &port, "0");
    let sentence = complaint(&mut command, workspace.path());
    assert_eq!(sentence, format!("Port {port} for the API is in use; choose another with --port.\n"));
}

#[test]
fn a_port_in_use_for_dynamodb_is_named_with_its_flag() {
    let workspace = workspace(TEMPLATE);
    let (_listener, port) = taken_port();
    let mut command = launcher_on_ports(workspace.path(), "0", &port);
    let sentence = complaint(&mut command, workspace.path());
    assert_eq!(sentence, format!("Port {port} for DynamoDB is in use; choose another with --dynamodb-port.\n"));
}

#[test]
fn the_same_port_for_both_is_noticed() {
    let workspace = workspace(TEMPLATE);
    let (listener, port) = taken_port();
    drop(listener);
    let mut command = launcher_on_ports(workspace.path(), &port, &port);
    let sentence = complaint(&mut command, workspace.path());
    assert!(sentence.contains("in use"), "{sentence}");
}

#[test]
fn a_broken_template_is_named_with_what_is_wrong() {
    let workspace = workspace("Resources: {Table: {Type: AWS::DynamoDB::Table}}");
    let sentence = complaint(&mut launcher(workspace.path()), workspace.path());
    assert!(sentence.starts_with("The template "), "{sentence}");
    assert!(sentence.ends_with("template.yaml is broken: the table Table has no KeySchema.\n"), "{sentence}");
}

#[test]
fn a_template_that_is_not_yaml_is_one_sentence_too() {
    let workspace = workspace("Resources:\n  Table: [\n");
    let sentence = complaint(&mut launcher(workspace.path()), workspace.path());
    assert!(sentence.contains("template.yaml is broken: it is not YAML"), "{sentence}");
}

#[test]
fn a_missing_template_is_named() {
    let workspace = workspace(TEMPLATE);
    let renamed = workspace.path().join("other.yaml");
    fs::rename(workspace.path().join("template.yaml"), renamed).unwrap();
    let sentence = complaint(&mut launcher(workspace.path()), workspace.path());
    assert!(sentence.contains("template.yaml cannot be read: "), "{sentence}");
}

#[test]
fn a_missing_cargo_is_one_sentence_with_the_way_to_get_it() {
    let workspace = workspace(TEMPLATE);
    let sentence = complaint(launcher(workspace.path()).env("CARGO", "/nowhere/cargo"), workspace.path());
    assert!(sentence.starts_with("Cargo, Rust's build tool, cannot be run ("), "{sentence}");
    assert!(sentence.ends_with("install Rust from https://rustup.rs.\n"), "{sentence}");
}

#[test]
fn a_catalogue_that_is_no_json_is_named_before_anything_is_built() {
    let workspace = workspace(&(TEMPLATE.to_owned() + OPERATOR));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.json");
    let with_models = || {
        let mut command = launcher(workspace.path());
        command.arg("--models").arg(&file);
        command
    };
    let missing = complaint(&mut with_models(), workspace.path());
    assert!(missing.contains("models.json cannot be read: No such file"), "{missing}");
    fs::write(&file, "{\"models\": [}").unwrap();
    let sentence = complaint(&mut with_models(), workspace.path());
    assert!(sentence.ends_with("models.json is no JSON: expected value at line 1 column 13.\n"), "{sentence}");
    fs::write(&file, format!("[{}]", " ".repeat(1024 * 1024 - 1))).unwrap();
    let sentence = complaint(&mut with_models(), workspace.path());
    assert!(sentence.ends_with("models.json has more than 1024 KiB, and is no catalogue.\n"), "{sentence}");
}

#[test]
fn a_catalogue_needs_the_function_that_keeps_it() {
    let workspace = workspace(TEMPLATE);
    let sentence = complaint(launcher(workspace.path()).arg("--no-models"), workspace.path());
    assert_eq!(sentence, "The template has no function operator, which --models and --no-models need.\n");
}

#[test]
fn no_start_is_with_a_catalogue_and_without_one_or_without_functions() {
    let workspace = workspace(TEMPLATE);
    for arguments in
        [["--no-models", "--models=a.json"], ["--only-dynamodb", "--no-models"], ["--only-dynamodb", "--models=a.json"]]
    {
        let output = launcher(workspace.path()).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("cannot be used with"), "{stderr}");
    }
}

#[test]
fn provider_keys_in_the_data_are_read_from_their_file_by_the_shell_too() {
    let workspace = workspace(TEMPLATE);
    fs::create_dir(workspace.path().join(".local")).unwrap();
    fs::write(workspace.path().join(".local/provider-keys.json"), r#"{"openai": "swordfish"}"#).unwrap();
    let mut command = launcher(workspace.path());
    let mut child = command.arg("--only-dynamodb").stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines_until(&mut child, "Try:");
    let hint = lines.last().unwrap();
    assert!(hint.contains("PROVIDER_KEYS=\"$(cat .local/provider-keys.json)\""), "{hint}");
    assert!(!lines.concat().contains("swordfish"), "{lines:?}");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn dynamodb_alone_serves_until_it_is_asked_to_end() {
    let workspace = workspace(TEMPLATE);
    let mut command = launcher(workspace.path());
    let mut child = command.arg("--only-dynamodb").stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines_until(&mut child, "Try:");
    let endpoint = lines.iter().find_map(|line| line.strip_prefix("Ready: ")).unwrap();
    let hint = lines.last().unwrap();
    assert!(hint.contains(&format!("AWS_ENDPOINT_URL_DYNAMODB={endpoint} ")), "{hint}");
    assert!(hint.contains("JWT_SIGNING_SECRET=\"$(cat .local/jwt-signing-secret)\""), "{hint}");
    assert!(hint.contains("RECEIPT_SIGNING_SECRET=\"$(cat .local/receipt-signing-secret)\""), "{hint}");
    assert!(workspace.path().join(".local/chat-api.db").is_file());

    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let start = Instant::now();
    assert!(child.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// A grant's receipt by the key of `seed`, and the set of keys that verifies it.
fn receipt_and_keys(seed: u8) -> (String, String) {
    let pair = KeyPair::from_seed(Seed::new([seed; 32]));
    let header = json!({"alg": "EdDSA", "typ": "receipt+jwt", "kid": format!("key {seed}")});
    let claims = json!({
        "iss": "chat-api", "sub": "somebody", "jti": format!("entry {seed}"), "iat": 1, "kind": "grant", "credits": 100,
        "created_at": "2026-11-22T08:13:20Z",
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(*pair.sk.sign(format!("{header}.{claims}"), None));
    let x = URL_SAFE_NO_PAD.encode(*pair.pk);
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": format!("key {seed}"), "x": x}], "next": null});
    (format!("{header}.{claims}.{signature}"), keys.to_string())
}

#[test]
fn receipts_of_a_file_or_of_standard_input_are_verified_and_one_that_is_not_genuine_is_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let [(one, keys), (other, _)] = [1, 2].map(receipt_and_keys);
    fs::write(folder.path().join("keys.json"), keys).unwrap();
    let verify = |text: &str| {
        let file = folder.path().join("receipts.txt");
        fs::write(&file, text).unwrap();
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
            command.arg("verify").arg("--keys").arg(folder.path().join("keys.json"));
            command
        };
        let by_file = command().arg(&file).output().unwrap();
        let by_input = command().stdin(fs::File::open(&file).unwrap()).output().unwrap();
        assert_eq!(by_file, by_input);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (by_file.status.code(), text(by_file.stdout), text(by_file.stderr))
    };
    let genuine = "genuine: entry 1 gave 100 at 2026-11-22T08:13:20Z\n";
    assert_eq!(verify(&one), (Some(0), genuine.to_owned(), String::new()));
    let answer = json!({"receipt": one}).to_string();
    assert_eq!(verify(&format!("{one}\n\n{answer}\n")), (Some(0), genuine.repeat(2), String::new()));
    let second = "NOT genuine: receipt 2: its key is not among the keys\n";
    assert_eq!(verify(&format!("{one}\n{other}\n")), (Some(1), genuine.to_owned() + second, String::new()));
    assert_eq!(verify(""), (Some(1), String::new(), "There is no receipt in it.\n".to_owned()));
}

#[test]
fn keys_that_are_none_or_of_another_machine_are_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let sentence = |keys: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
        let output = command.args(["verify", "--keys", keys]).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        stderr
    };
    let elsewhere = sentence("https://chat.example.com/.well-known/receipt-keys.json");
    assert!(
        elsewhere.starts_with("https://chat.example.com/.well-known/receipt-keys.json is no address of"),
        "{elsewhere}"
    );
    let path = file.display().to_string();
    assert!(sentence(&path).contains("keys.json cannot be read: No such file"));
    fs::write(&file, r#"{"keys": []}"#).unwrap();
    assert!(sentence(&path).ends_with("is no set of keys of receipts: it has none.\n"));
    fs::write(&file, "[").unwrap();
    assert!(sentence(&path).contains("keys.json is no set of keys of receipts: EOF"));
    let (listener, port) = taken_port();
    drop(listener);
    assert!(sentence(&format!("http://127.0.0.1:{port}/keys")).contains("cannot be read: Connection refused"));
}

fn lines_until(child: &mut Child, beginning: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let is_last = line.starts_with(beginning);
        lines.push(line);
        if is_last {
            break;
        }
    }
    lines
}
