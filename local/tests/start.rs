//! A whole start, with shell scripts in the place of cargo, cargo-lambda and a function: what it prints, and what it
//! does when a function ends or a source changes.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a finding")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{OPERATOR, TEMPLATE, launcher_on_ports};

const ANSWERED: &str = r#"{"level":"INFO","message":"answered","method":"OPTIONS"}"#;

/// How long a line may take on a busy machine.
const LINE_LIMIT: Duration = Duration::from_secs(60);

/// The operator's function, and the events that it was invoked with.
type Invocations = Arc<Mutex<Vec<Value>>>;

struct Start {
    folder: Arc<TempDir>,
    port: u16,
    launcher: Child,
    lines: Receiver<String>,
    printed: Vec<String>,
}

impl Start {
    /// Starts the launcher over a function that is this shell script.
    fn of(function: &str, arguments: &[&str]) -> Self {
        Self::of_template(TEMPLATE, function, arguments)
    }

    /// The same, of another template.
    fn of_template(template: &str, function: &str, arguments: &[&str]) -> Self {
        Self::of_workspace(template, function, arguments, |_| {})
    }

    /// The same, in a workspace in which `prepare` has made more.
    fn of_workspace(template: &str, function: &str, arguments: &[&str], prepare: impl Fn(&Path)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let path = folder.path();
        prepare(path);
        fs::write(path.join("template.yaml"), template.to_owned() + OPERATOR).unwrap();
        for name in ["register", "operator"] {
            let source = path.join(format!("{name}.rs"));
            fs::write(&source, "").unwrap();
            fs::write(path.join(format!("{name}.d")), format!("{name}: {}\n", source.display())).unwrap();
        }
        let register = script(path, "register", function);
        let operator = script(path, "operator", "exec sleep 600");
        script(path, "cargo", &cargo(&register, &operator));
        script(path, "cargo-lambda", &cargo_lambda(path));
        Self::in_workspace(folder, arguments)
    }

    /// Starts the launcher in a workspace that is there.
    fn in_workspace(folder: Arc<TempDir>, arguments: &[&str]) -> Self {
        let (path, port) = (folder.path(), free_port());
        let mut launcher = launcher_on_ports(path, &port.to_string(), "0");
        launcher.args(arguments);
        launcher.env("CARGO", path.join("cargo")).env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        let mut launcher = launcher.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(launcher.stdout.take().unwrap());
        Self { folder, port, launcher, lines, printed: Vec::new() }
    }

    /// Listens in the place of the emulator, and answers every request if the function `is_good`.
    fn emulate(&self, is_good: bool) {
        self.emulate_operator(is_good, Vec::new());
    }

    /// The same. The operator's function gives these answers, one after the other, and is invoked before any process of
    /// another function has begun.
    fn emulate_operator(&self, is_good: bool, answers: Vec<Value>) -> Invocations {
        let started = self.folder.path().join("emulator-started");
        wait_until(|| started.exists());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let processes = self.folder.path().join("processes");
        let invocations = Invocations::default();
        let invoked = Arc::clone(&invocations);
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            let mut kept = Vec::new();
            for (number, connection) in listener.incoming().enumerate() {
                let mut connection = connection.unwrap();
                // The first connection only looks whether the port is open.
                if number == 0 {
                    continue;
                }
                if let Some(event) = event_in(&mut connection) {
                    invoked.lock().unwrap().push(event);
                    assert!(!processes.exists());
                    let answer = answers.next().unwrap();
                    write!(connection, "HTTP/1.0 200 OK\r\n\r\n{answer}").unwrap();
                    continue;
                }
                if is_good {
                    wait_until(|| processes.exists());
                    // It fails if the launcher has ended.
                    let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
                kept.push(connection);
            }
        });
        invocations
    }

    /// Waits for a line that begins so.
    fn line(&mut self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LINE_LIMIT);
            let line = line.unwrap_or_else(|_| panic!("no line {beginning:?} came after {:#?}", self.printed));
            self.printed.push(line.clone());
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    fn stop(&mut self) {
        kill(Pid::from_raw(self.launcher.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.launcher.wait().unwrap().success());
    }

    /// How many processes of the function have begun so far.
    fn processes(&self) -> usize {
        fs::read_to_string(self.folder.path().join("processes")).unwrap_or_default().lines().count()
    }
}

/// The event of an invocation of the operator's function, if the request is one.
fn event_in(connection: &mut TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return None;
        }
    }
    if !head.starts_with("POST /2015-03-31/functions/operator/invocations ") {
        return None;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Some(serde_json::from_slice(&body).unwrap())
}

impl Drop for Start {
    fn drop(&mut self) {
        // It fails only if the launcher has ended.
        let _ = self.launcher.kill();
    }
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Fails if the source holds an error, as rustc does, when it has already written the binary. Else it has nothing to write,
/// and says where the binary is.
fn cargo(register: &Path, operator: &Path) -> String {
    let artifacts = [("register", register), ("operator", operator)].map(|(name, path)| {
        let path = path.display();
        let target = format!(r#""target":{{"kind":["bin"],"name":"{name}"}}"#);
        format!(r#"echo '{{"reason":"compiler-artifact",{target},"executable":"{path}","fresh":true}}'"#)
    });
    format!(
        "[ \"$1\" = build ] || exit 0\n\
         printf '   Compiling register v0.1.0\\n    Building [==>  ] 1/2: register\\r' >&2\n\
         if grep -q error register.rs; then touch register; echo 'error: expected an item' >&2; exit 101; fi\n\
         {}",
        artifacts.join("\n")
    )
}

fn cargo_lambda(folder: &Path) -> String {
    format!(
        "[ \"$2\" = --version ] && {{ echo 'cargo-lambda 1.9.2 (0000000 2026-01-01Z)'; exit; }}\n\
         echo > {}\nexec sleep 600",
        folder.join("emulator-started").display()
    )
}

/// A function that notes its start, prints a line about an answer, and waits.
fn good_function() -> String {
    format!("echo '{ANSWERED}'; echo $$ >> processes; exec sleep 600")
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    lines
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LINE_LIMIT, "it took too long");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_start_says_its_five_steps_and_how_to_begin_and_nothing_of_its_own_probes() {
    let mut start = Start::of(&good_function(), &["--concurrency", "3"]);
    start.emulate(true);
    let ready = start.line("Ready: ");
    assert!(ready.starts_with(&format!("Ready: http://127.0.0.1:{} (after ", start.port)), "{ready}");
    for (step, word) in ["cargo-lambda", "DynamoDB", "console", "Building", "start"].into_iter().enumerate() {
        let beginning = format!("{} of 5: ", step + 1);
        assert!(
            start.printed.iter().any(|line| line.starts_with(&beginning) && line.contains(word)),
            "{beginning}{word}"
        );
    }
    assert!(!start.printed.iter().any(|line| line == ANSWERED), "{:#?}", start.printed);
    assert!(start.line("Try: ").contains("/register/"));
    assert!(start.line("Docs: ").contains("docs/"));
    // The other process comes after that, and its line is printed.
    start.line(ANSWERED);
    wait_until(|| start.processes() == 2);
    start.stop();
}

/// A console, with these scripts in the place of Node and npm.
fn console(node: &'static str, npm: &'static str) -> impl Fn(&Path) {
    move |workspace| {
        fs::create_dir(workspace.join("console")).unwrap();
        fs::write(workspace.join("console/package.json"), "{}").unwrap();
        script(workspace, "node", node);
        script(workspace, "npm", &format!("[ \"$1\" = --version ] && exit\necho \"$*\" >> ../npm-runs\n{npm}"));
        // Node is not installed in a test.
        script(workspace, "python3", "exit 1");
    }
}

const NODE: &str = "echo v20.19.0";

/// npm that builds a console of no files.
const NPM: &str = "case \"$1\" in run) mkdir dist; echo [] > dist/files.json;; esac";

/// The runs of npm.
fn npm_runs(workspace: &Path) -> Vec<String> {
    fs::read_to_string(workspace.join("npm-runs")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The lines of a whole start with a console at `/`.
fn lines_of_a_start_with(prepare: impl Fn(&Path)) -> (Vec<String>, Arc<TempDir>) {
    let template = TEMPLATE.replace("Path: /register", "Path: /");
    let mut start = Start::of_workspace(&template, &good_function(), &["--concurrency", "1"], prepare);
    start.emulate(true);
    start.line("Docs: ");
    start.stop();
    (start.printed.clone(), Arc::clone(&start.folder))
}

#[test]
fn a_console_is_installed_and_built_and_its_address_is_said() {
    let (lines, workspace) = lines_of_a_start_with(console(NODE, NPM));
    assert!(
        lines.contains(&"3 of 5: Building the console: a minute the first time, then seconds.".to_owned()),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("Open:  http://127.0.0.1:") && line.ends_with("/ in a browser")));
    let runs = npm_runs(workspace.path());
    assert!(runs.len() == 2 && runs[0].starts_with("ci --omit=dev ") && runs[1] == "run build", "{runs:?}");
    assert!(workspace.path().join("console/dist/sources-digest").is_file());
}

#[test]
fn a_console_that_is_built_is_not_built_again() {
    let (_, workspace) = lines_of_a_start_with(console(NODE, NPM));
    let mut again = Start::in_workspace(workspace, &[]);
    assert_eq!(again.line("3 of 5: "), "3 of 5: The console is built.");
    again.stop();
    assert_eq!(npm_runs(again.folder.path()).len(), 2, "the first start has installed and built");
}

#[test]
fn of_two_starts_at_once_in_one_workspace_one_builds_the_console_and_the_other_waits() {
    let when_told =
        "case \"$1\" in run) until [ -e ../go ]; do sleep 0.1; done; mkdir dist; echo [] > dist/files.json;; esac";
    let mut first = Start::of_workspace(TEMPLATE, &good_function(), &["--in-memory"], console(NODE, when_told));
    first.line("3 of 5: Building ");
    let mut second = Start::in_workspace(Arc::clone(&first.folder), &["--in-memory"]);
    let mut third = Start::in_workspace(Arc::clone(&first.folder), &["--in-memory"]);
    third.line("        waiting for another start, which builds the console ");
    third.stop();
    fs::write(first.folder.path().join("go"), "").unwrap();
    assert_eq!(second.line("3 of 5: "), "3 of 5: The console is built.");
    assert_eq!(npm_runs(first.folder.path()).len(), 2, "to install and to build");
    second.stop();
    first.stop();
}

#[test]
fn a_console_that_cannot_be_built_is_left_out_in_one_sentence_and_the_start_goes_on() {
    let (lines, workspace) = lines_of_a_start_with(console(NODE, "echo no such package >&2; exit 1"));
    let sentence = "The console could not be built, and it is left out; .local/console-build.log says why.";
    assert!(lines.contains(&sentence.to_owned()), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("Open: ")), "{lines:#?}");
    assert_eq!(fs::read_to_string(workspace.path().join(".local/console-build.log")).unwrap(), "no such package\n");
}

#[test]
fn without_node_and_python_the_console_is_left_out_in_one_sentence() {
    let (lines, workspace) = lines_of_a_start_with(console("echo v18.20.8", ""));
    let sentence =
        "The console is left out: it takes Node 20.19 or 22.12 or later, or Python with pip, which can install it.";
    assert!(lines.contains(&sentence.to_owned()), "{lines:#?}");
    assert!(!workspace.path().join("npm-runs").exists());
}

#[test]
fn the_build_of_a_console_ends_with_the_launcher() {
    let slow = console(NODE, "echo $$ > ../npm-process; exec sleep 600");
    let mut start = Start::of_workspace(TEMPLATE, &good_function(), &[], slow);
    let process = start.folder.path().join("npm-process");
    wait_until(|| fs::read_to_string(&process).is_ok_and(|number| number.ends_with('\n')));
    let process = Pid::from_raw(fs::read_to_string(&process).unwrap().trim().parse().unwrap());
    start.stop();
    wait_until(|| kill(process, None).is_err());
}

#[test]
fn a_function_that_streams_has_as_many_processes_as_the_concurrency_says_and_another_has_two() {
    let stream = "Method: any, ResponseTransferMode: RESPONSE_STREAM, TimeoutInMillis: 900000";
    let streaming = TEMPLATE.replace("Method: any", stream);
    for (template, processes) in [(&*streaming, 4), (TEMPLATE, 2)] {
        let mut start = Start::of_template(template, &good_function(), &["--concurrency", "4"]);
        start.emulate(true);
        start.line("Ready: ");
        wait_until(|| start.processes() == processes);
        // Further ones would follow within tenths of a second.
        thread::sleep(Duration::from_secs(1));
        assert_eq!(start.processes(), processes);
        start.stop();
    }
}

#[test]
fn a_function_that_ends_at_its_start_is_named_after_its_own_words() {
    let words = r#"{"level":"ERROR","message":"no secret"}"#;
    let mut start = Start::of(&format!("echo '{words}'; exit 3"), &[]);
    start.emulate(false);
    start.line(words);
    assert_eq!(start.launcher.wait().unwrap().code(), Some(1));
    let mut errors = String::new();
    start.launcher.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "register ended at its start (exit status: 3); its messages above say why.\n");
}

#[test]
fn a_changed_source_is_built_and_what_does_not_compile_replaces_nothing() {
    let mut start = Start::of(&good_function(), &["--concurrency", "1"]);
    start.emulate(true);
    start.line("Ready: ");
    let source = start.folder.path().join("register.rs");
    fs::write(&source, "an error").unwrap();
    start.line("That cannot be compiled");
    assert_eq!(start.processes(), 1);
    fs::write(&source, "a correction").unwrap();
    start.line("Built; 1 function has started again.");
    wait_until(|| start.processes() == 2);
    start.stop();
    let mut errors = String::new();
    start.launcher.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "error: expected an item\n");
}

#[test]
fn a_killed_process_is_replaced() {
    let mut start = Start::of(&good_function(), &["--concurrency", "1"]);
    start.emulate(true);
    start.line("Ready: ");
    let process = fs::read_to_string(start.folder.path().join("processes")).unwrap();
    kill(Pid::from_raw(process.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
    let line = start.line("register has ended ");
    assert!(line.ends_with("another process takes its place."), "{line}");
    wait_until(|| start.processes() == 2);
    start.stop();
}

/// A file with a catalogue, for `--models`.
fn models(document: &Value) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.json");
    fs::write(&file, document.to_string()).unwrap();
    (folder, file.to_str().unwrap().to_owned())
}

#[test]
fn a_catalogue_is_stored_before_any_other_function_starts() {
    let document = json!({"providers": {}, "models": []});
    let (_folder, file) = models(&document);
    let mut start = Start::of(&good_function(), &["--concurrency", "1", "--models", &file]);
    let stored = json!({"version": 3, "changed_at": null, "catalogue": null, "errors": []});
    let invocations = start.emulate_operator(true, vec![stored, json!({"version": 4, "models": []})]);
    let line = start.line("The catalogue ");
    assert_eq!(line, format!("The catalogue {file} is in use, stored now as version 4."));
    start.line("Ready: ");
    let expected = [json!({"action": "catalogue"}), json!({"action": "catalogue", "replace": document, "version": 3})];
    assert_eq!(*invocations.lock().unwrap(), expected);
    start.stop();
}

#[test]
fn a_catalogue_that_is_stored_already_keeps_its_version() {
    let document = json!({"providers": {}, "models": []});
    let (_folder, file) = models(&document);
    for (arguments, stored, sentence) in [
        (vec!["--models", &file], document, "is in use, as it was as version 3."),
        (vec!["--no-models"], Value::Null, "There is no catalogue: MODEL names the model."),
    ] {
        let mut start = Start::of(&good_function(), &arguments);
        let invocations = start.emulate_operator(true, vec![json!({"version": 3, "catalogue": stored, "errors": []})]);
        let line = start.line("The");
        assert!(line.ends_with(sentence), "{line}");
        start.line("Ready: ");
        assert_eq!(invocations.lock().unwrap().len(), 1);
        start.stop();
    }
}

/// The stored one may be the file as it is, if another release stored it.
#[test]
fn a_bad_catalogue_ends_the_start_with_all_of_its_errors() {
    let document = json!({"providers": {}});
    let (_folder, file) = models(&document);
    let errors = "This is no catalogue, and nothing was changed.\nproviders: must be an object\nmodels: is missing";
    let same = json!({"version": 3, "catalogue": document, "errors": [{"path": "models", "problem": "is missing"}]});
    for stored in [json!({"version": 0, "catalogue": null, "errors": []}), same] {
        let mut start = Start::of(&good_function(), &["--models", &file]);
        let refusal = json!({"errorType": "InvalidCatalogue", "errorMessage": errors});
        start.emulate_operator(true, vec![stored, refusal]);
        assert_eq!(start.launcher.wait().unwrap().code(), Some(1));
        let mut printed = String::new();
        start.launcher.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        // Before it come the compiler's messages.
        assert!(printed.ends_with(&format!("{file}: {errors}\n")), "{printed}");
    }
}
