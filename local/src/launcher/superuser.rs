//! `createsuperuser`: creates a superuser in the data of this machine, beside the API while it runs, or without it.
//!
//! A program of its own writes the account: with the AWS SDK in it, the launcher's first line would come minutes later. Name and
//! password go to its standard input, and never into arguments, environment or events.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use domain::password::{Password, PasswordRules};
use domain::username::Username;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::arguments::SuperuserArguments;
use super::build;
use super::checks::{self, Plan};
use super::environment::{self, Environment, SUPERUSER_PASSWORD};
use super::error::LaunchError;
use super::interrupt::Interrupt;
use super::progress::{complain, say};
use super::terminal::{Terminal, Typing};
use crate::dynamodb::{DynamoDb, Storage};

/// The program that writes the account.
const PROGRAM: &str = "create-superuser";

/// The name of the superuser, with `--noinput`.
const SUPERUSER_USERNAME: &str = "SUPERUSER_USERNAME";

/// Time for the answer of a DynamoDB of this machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The start of an answer is enough to know its status.
const ANSWER_BYTES: usize = 64;

struct Credentials {
    username: Username,
    password: Password,
}

/// Creates the superuser that the command line, the environment or the person at the terminal names.
pub(super) async fn run(arguments: &SuperuserArguments) -> Result<ExitCode, LaunchError> {
    let mut interrupt = Interrupt::listen()?;
    let plan = checks::make_plan_of_superuser(arguments)?;
    let credentials = credentials(arguments, &mut interrupt).await?;
    checks::find_cargo(&plan)?;
    let (endpoint, own) = dynamodb(&plan).await?;
    let created = create(&plan, &credentials, endpoint, &mut interrupt).await;
    if let Some(own) = own {
        own.stop().await;
    }
    let is_created = created?;
    if is_created {
        say(format_args!("The superuser {} was created.", credentials.username.as_str()));
    }
    Ok(if is_created { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn credentials(arguments: &SuperuserArguments, interrupt: &mut Interrupt) -> Result<Credentials, LaunchError> {
    if !arguments.noinput {
        return asked(arguments.username.as_deref(), &mut Terminal::open(interrupt)?).await;
    }
    let variable = |variable| environment::non_empty(variable).ok_or(LaunchError::NoVariable { variable });
    let name = arguments.username.clone().map_or_else(|| variable(SUPERUSER_USERNAME), Ok)?;
    let username = username(&name)?;
    let password = password(&variable(SUPERUSER_PASSWORD)?, &username)?;
    Ok(Credentials { username, password })
}

/// Asks until the answers can be used.
async fn asked(name: Option<&str>, terminal: &mut Terminal<'_>) -> Result<Credentials, LaunchError> {
    let username = match name {
        Some(name) => username(name)?,
        None => loop {
            match username(&terminal.ask("Username: ", Typing::Shown).await?) {
                Ok(username) => break username,
                Err(refused) => complain(refused),
            }
        },
    };
    loop {
        let first = terminal.ask("Password: ", Typing::Hidden).await?;
        if first != terminal.ask("Password (again): ", Typing::Hidden).await? {
            complain("The two passwords differ.");
            continue;
        }
        match password(&first, &username) {
            Ok(password) => return Ok(Credentials { username, password }),
            Err(refused) => complain(refused),
        }
    }
}

fn username(text: &str) -> Result<Username, LaunchError> {
    Username::chosen(text).map_err(|error| LaunchError::Refused { field: "Username", reason: error.to_string() })
}

/// The rules that always hold. The program knows those of the settings too.
fn password(text: &str, username: &Username) -> Result<Password, LaunchError> {
    let password = Password::choose(text, username, PasswordRules::default());
    password.map_err(|error| LaunchError::Refused { field: "Password", reason: error.to_string() })
}

/// The address of the DynamoDB that answers at the port, or of one that is started on the data, which is stopped later.
async fn dynamodb(plan: &Plan) -> Result<(String, Option<DynamoDb>), LaunchError> {
    let table_name = environment::table_name();
    if has_table(plan.dynamodb_port, &table_name).await {
        return Ok((format!("http://127.0.0.1:{}", plan.dynamodb_port), None));
    }
    let own = DynamoDb::start(Storage::Directory(plan.data.clone()), 0, &table_name, &plan.template).await?;
    Ok((own.endpoint(), Some(own)))
}

/// Whether a DynamoDB at `port` has the table.
async fn has_table(port: u16, table_name: &str) -> bool {
    let asked = async {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        let body = json!({"TableName": table_name}).to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
             X-Amz-Target: DynamoDB_20120810.DescribeTable\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = [0; ANSWER_BYTES];
        let length = connection.read(&mut answer).await.ok()?;
        Some(answer[..length].starts_with(b"HTTP/1.1 200 "))
    };
    matches!(timeout(ANSWER_LIMIT, asked).await, Ok(Some(true)))
}

/// Whether the program has created the superuser. It says itself why it has not.
async fn create(
    plan: &Plan,
    Credentials { username, password }: &Credentials,
    endpoint: String,
    interrupt: &mut Interrupt,
) -> Result<bool, LaunchError> {
    let environment = Environment::new(plan, endpoint)?;
    let built = build::binaries(&BTreeSet::from([PROGRAM]), plan, &environment, interrupt.received()).await;
    let built = built.map_err(|error| match error {
        LaunchError::Interrupted => LaunchError::Cancelled,
        error => error,
    })?;
    let unknown = LaunchError::BuildFailed { status: format!("cargo does not say where {PROGRAM} is") };
    let mut command = Command::new(&built.first().ok_or(unknown)?.path);
    environment.apply(&mut command);
    let refused = |source| LaunchError::Run { program: PROGRAM.to_owned(), source };
    let mut program = command.stdin(Stdio::piped()).kill_on_drop(true).spawn().map_err(refused)?;
    let line = json!({"username": username.as_str(), "password": password.expose()}).to_string();
    if let Some(mut input) = program.stdin.take() {
        input.write_all(line.as_bytes()).await.map_err(refused)?;
    }
    tokio::select! {
        ended = program.wait() => Ok(ended.map_err(refused)?.success()),
        () = interrupt.received() => Err(LaunchError::Cancelled),
    }
}
