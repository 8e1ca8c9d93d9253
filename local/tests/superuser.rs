//! `createsuperuser`, with shell scripts in the place of cargo and of the program that writes the account: what it asks, what it
//! passes on, and what it never shows.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a finding")]

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{OPERATOR, TEMPLATE, launcher_on_ports};

const PASSWORD: &str = "correct horse battery staple";

/// How long a step may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A workspace in which cargo builds a program that keeps its standard input and its environment, and ends with `code`.
fn workspace(code: u8) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("template.yaml"), TEMPLATE.to_owned() + OPERATOR).unwrap();
    let program = path.join("create-superuser");
    script(&program, &format!("cat > {0}/input; env > {0}/environment; exit {code}", path.display()));
    let artifact = json!({"target": {"kind": ["bin"], "name": "create-superuser"}, "executable": program});
    script(&path.join("cargo"), &format!("[ \"$1\" = build ] || exit 0\necho '{artifact}'"));
    folder
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The command, on a DynamoDB port at which nothing answers unless `port` says another.
fn command(workspace: &Path, port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["createsuperuser", "--workspace"]).arg(workspace).args(["--dynamodb-port", port]);
    command.env("CARGO", workspace.join("cargo")).env_remove("SUPERUSER_USERNAME").env_remove("SUPERUSER_PASSWORD");
    command
}

fn passed_on(workspace: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(workspace.join("input")).unwrap()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn name_and_password_of_the_environment_go_to_the_programs_standard_input_and_nowhere_else() {
    let workspace = workspace(0);
    let mut command = command(workspace.path(), "1");
    command.arg("--noinput").env("SUPERUSER_USERNAME", "Grace").env("SUPERUSER_PASSWORD", PASSWORD);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(told(&output), "The superuser Grace was created.\n");
    assert_eq!(passed_on(workspace.path()), json!({"username": "Grace", "password": PASSWORD}));
    let environment = fs::read_to_string(workspace.path().join("environment")).unwrap();
    assert!(!environment.contains(PASSWORD), "{environment}");
    assert!(environment.contains("AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:"), "{environment}");
    assert!(workspace.path().join(".local/chat-api.db").is_file(), "the data of the first command");
}

#[test]
fn without_a_terminal_or_a_variable_or_a_good_password_nothing_is_built() {
    let workspace = workspace(0);
    for (arguments, variables, expected) in [
        (
            vec![],
            vec![],
            "Standard input is no terminal: give SUPERUSER_USERNAME and SUPERUSER_PASSWORD, and --noinput.",
        ),
        (
            vec!["--noinput"],
            vec![("SUPERUSER_USERNAME", "grace")],
            "--noinput needs SUPERUSER_PASSWORD in the environment.",
        ),
        (
            vec!["--noinput"],
            vec![("SUPERUSER_PASSWORD", PASSWORD)],
            "--noinput needs SUPERUSER_USERNAME in the environment.",
        ),
        (
            vec!["--noinput", "--username", "grace"],
            vec![("SUPERUSER_PASSWORD", "short")],
            "Password: This password is too short. It must contain at least 8 characters.",
        ),
    ] {
        let mut command = command(workspace.path(), "1");
        let output = command.args(arguments).envs(variables).stdin(Stdio::null()).output().unwrap();
        assert_eq!((output.status.code(), told(&output)), (Some(1), format!("{expected}\n")));
    }
    assert!(!workspace.path().join("input").exists());
}

#[test]
fn what_the_program_refuses_is_its_own_sentence_and_the_commands_exit_code() {
    let workspace = workspace(1);
    let mut command = command(workspace.path(), "1");
    command.args(["--noinput", "--username", "grace"]).env("SUPERUSER_PASSWORD", PASSWORD);
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), told(&output).as_str()), (Some(1), ""));
}

#[test]
fn beside_the_api_its_dynamodb_is_used_and_without_its_port_its_data_is_in_use() {
    let workspace = workspace(0);
    let mut first = launcher_on_ports(workspace.path(), "0", "0");
    let mut first = first.arg("--only-dynamodb").stdout(Stdio::piped()).spawn().unwrap();
    let endpoint = endpoint_of(&mut first);
    let port = endpoint.rsplit(':').next().unwrap().to_owned();
    let run = |port: &str| {
        let mut command = command(workspace.path(), port);
        command.args(["--noinput", "--username", "grace"]).env("SUPERUSER_PASSWORD", PASSWORD).output().unwrap()
    };
    let beside = run(&port);
    assert!(beside.status.success(), "{}", told(&beside));
    let environment = fs::read_to_string(workspace.path().join("environment")).unwrap();
    assert!(environment.contains(&format!("AWS_ENDPOINT_URL_DYNAMODB={endpoint}\n")), "{environment}");
    let elsewhere = run("1");
    assert_eq!(elsewhere.status.code(), Some(1));
    assert!(told(&elsewhere).ends_with("is in use by another process; name its port with --dynamodb-port.\n"));

    kill(Pid::from_raw(first.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(first.wait().unwrap().success());
    let afterwards = run("1");
    assert!(afterwards.status.success(), "{}", told(&afterwards));
}

/// The address that the first command says.
fn endpoint_of(launcher: &mut Child) -> String {
    let text = reader(launcher.stdout.take().unwrap());
    let printed = wait_for(&text, &mut String::new(), "Ready: ");
    printed.split_once("Ready: ").unwrap().1.lines().next().unwrap().to_owned()
}

/// The launcher at a terminal.
struct Session {
    launcher: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Session {
    fn begin(mut command: Command) -> Self {
        let terminal = openpty(None, None).unwrap();
        let slave = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        command.stdin(slave(&terminal.slave)).stdout(slave(&terminal.slave)).stderr(slave(&terminal.slave));
        let launcher = command.spawn().unwrap();
        let keyboard = File::from(terminal.master);
        let screen = reader(keyboard.try_clone().unwrap());
        Self { launcher, keyboard, screen, seen: String::new() }
    }

    /// Waits for a question, and answers it once the terminal is as it must be for it.
    fn answer(&mut self, question: &str, is_hidden: bool, answer: &str) {
        wait_for(&self.screen, &mut self.seen, question);
        self.seen.clear();
        let start = Instant::now();
        while self.shows_typing() == is_hidden {
            assert!(start.elapsed() < LIMIT, "{question}");
            thread::sleep(Duration::from_millis(5));
        }
        self.keyboard.write_all(answer.as_bytes()).unwrap();
    }

    fn shows_typing(&self) -> bool {
        tcgetattr(&self.keyboard).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    fn end(mut self) -> (Option<i32>, bool) {
        let code = self.launcher.wait().unwrap().code();
        (code, self.shows_typing())
    }
}

/// The bytes of `source`, in the parts in which they come.
fn reader(mut source: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, parts) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(length @ 1..) = source.read(&mut bytes) {
            if send.send(bytes[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    parts
}

/// Reads until `text` was printed and the line after it has ended, or the text is a question.
fn wait_for(parts: &Receiver<Vec<u8>>, seen: &mut String, text: &str) -> String {
    let is_complete =
        |seen: &str| seen.split_once(text).is_some_and(|(_, rest)| text != "Ready: " || rest.contains('\n'));
    while !is_complete(seen) {
        let part = parts.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no {text:?} in {seen:?}"));
        seen.push_str(&String::from_utf8_lossy(&part));
        assert!(!seen.contains(PASSWORD), "the screen shows the password: {seen}");
    }
    seen.clone()
}

#[test]
fn a_person_is_asked_until_the_answers_can_be_used_and_sees_no_password() {
    let workspace = workspace(0);
    let mut session = Session::begin(command(workspace.path(), "1"));
    session.answer("Username: ", false, "a b\n");
    session.answer("Username: ", false, "grace\n");
    session.answer("Password: ", true, &format!("{PASSWORD}\n"));
    session.answer("Password (again): ", true, "something else\n");
    session.answer("The two passwords differ.\r\nPassword: ", true, "short\n");
    session.answer("Password (again): ", true, "short\n");
    session.answer("too short", true, &format!("{PASSWORD}\n"));
    session.answer("Password (again): ", true, &format!("{PASSWORD}\n"));
    wait_for(&session.screen, &mut session.seen, "The superuser grace was created.");
    assert_eq!(session.end(), (Some(0), true));
    assert_eq!(passed_on(workspace.path()), json!({"username": "grace", "password": PASSWORD}));
}

#[test]
fn whoever_gives_up_in_the_middle_of_a_password_sees_again_what_they_type() {
    for given_up in ["\u{3}", "\u{4}"] {
        let workspace = workspace(0);
        let mut command = command(workspace.path(), "1");
        command.args(["--username", "grace"]);
        // Ctrl-C is a signal to whoever has the terminal: the session does not, so the signal is sent as the terminal would.
        let mut session = Session::begin(command);
        session.answer("Password: ", true, if given_up == "\u{4}" { given_up } else { "" });
        if given_up == "\u{3}" {
            kill(Pid::from_raw(session.launcher.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        }
        wait_for(&session.screen, &mut session.seen, "No superuser was created.");
        assert_eq!(session.end(), (Some(1), true), "{given_up:?}");
        assert!(!workspace.path().join("input").exists());
    }
}
