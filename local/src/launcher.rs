//! The steps of a start: checks, cargo-lambda, DynamoDB, console, build, functions; then what happens until the end.

mod arguments;
mod build;
mod cargo_lambda;
mod catalogue;
mod checks;
mod child_group;
mod console;
mod emulator;
mod environment;
mod error;
mod file_lock;
mod functions;
mod installation;
mod interrupt;
mod invocation;
mod lock;
mod loopback_page;
mod node;
mod output;
mod progress;
mod provider_keys;
mod readiness;
mod schedule;
mod signing_secret;
mod sources;
mod superuser;
mod terminal;
mod verify;
mod watchdog;

use std::convert::Infallible;
use std::pin::pin;
use std::process::ExitCode;

use clap::Parser;
use tokio::time::Instant;

use crate::dynamodb::{DynamoDb, Storage};

use arguments::{Arguments, LauncherAct};
use build::Executable;
use checks::Plan;
use emulator::Emulator;
use environment::Environment;
use error::LaunchError;
use functions::{Ended, Functions};
use interrupt::Interrupt;
use output::Output;
use progress::{say, step};
use sources::Sources;

/// Does what the command line says, until Ctrl-C or until something fails.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.act {
        Some(LauncherAct::Verify(wanted)) => verify::run(wanted).await,
        Some(LauncherAct::CreateSuperuser(wanted)) => superuser::run(wanted).await,
        None => launch(&arguments).await.map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(LaunchError::Interrupted) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn launch(arguments: &Arguments) -> Result<(), LaunchError> {
    let started = Instant::now();
    let mut interrupt = Interrupt::listen()?;
    let plan = checks::make_plan(arguments)?;
    if arguments.only_dynamodb {
        return only_dynamodb(&plan, &mut interrupt).await;
    }
    checks::find_cargo(&plan)?;
    let cargo_lambda = cargo_lambda::find_or_install(&plan, &mut interrupt).await?;
    let (storage, place) = storage(&plan);
    step(2, format_args!("DynamoDB starts on 127.0.0.1:{}, its data in {place}.", plan.dynamodb_port));
    let dynamodb = start_dynamodb(&plan, storage).await?;
    let environment = Environment::new(&plan, dynamodb.endpoint())?;
    console::build(&plan, &mut interrupt).await?;
    step(4, format_args!("Building {} functions: minutes the first time, then seconds.", plan.functions.len()));
    let executables = build::functions(&plan, &environment, interrupt.received()).await?;
    step(5, "The functions start: some seconds.");
    let output = Output::open()?;
    let emulator = Emulator::start(&cargo_lambda, &plan, &environment, &output)?;
    let stack = Stack { plan: &plan, environment: &environment, output: &output, started };
    let served = serve(&stack, executables, emulator, &mut interrupt).await;
    output.finish().await;
    dynamodb.stop().await;
    served
}

/// All that the functions run with.
struct Stack<'a> {
    plan: &'a Plan,
    environment: &'a Environment,
    output: &'a Output,
    /// When the launcher was.
    started: Instant,
}

async fn serve(
    stack: &Stack<'_>,
    executables: Vec<Executable>,
    mut emulator: Emulator,
    interrupt: &mut Interrupt,
) -> Result<(), LaunchError> {
    let served = tokio::select! {
        error = run_functions(stack, executables) => Err(error),
        ended = emulator.ended() => Err(ended),
        () = interrupt.received() => Err(LaunchError::Interrupted),
    };
    say("Stopping.");
    emulator.stop().await;
    served
}

/// Runs the functions until one of them cannot start. Comes back only with an error.
async fn run_functions(stack: &Stack<'_>, executables: Vec<Executable>) -> LaunchError {
    let Err(error) = try_to_run_functions(stack, executables).await;
    error
}

async fn try_to_run_functions(stack: &Stack<'_>, executables: Vec<Executable>) -> Result<Infallible, LaunchError> {
    let Stack { plan, environment, output, .. } = stack;
    emulator::listening(plan.port).await;
    let mut sources = Sources::of(&executables, plan);
    let mut functions = Functions::new(plan, environment, output);
    if let Some(change) = &plan.catalogue {
        functions.start(&executables, |executable| executable.binary == catalogue::KEEPER)?;
        say(unless_one_ends(change.make(plan.port), &mut functions).await?);
    }
    functions.start(&executables, |_| true)?;
    unless_one_ends(readiness::wait_for_functions(plan), &mut functions).await?;
    functions.start_the_others();
    output.pass_everything_soon().await;
    say_how_to_begin(stack);
    let mut schedules = pin!(schedule::invoke_regularly(plan));
    loop {
        tokio::select! {
            never = &mut schedules => match never {},
            () = sources.changed() => rebuild(stack, &mut functions, &mut sources).await?,
            ended = functions.ended() => say(ended),
        }
    }
}

/// Waits for `work`, or for the end of a function, which is an error.
async fn unless_one_ends<T>(
    work: impl Future<Output = Result<T, LaunchError>>,
    functions: &mut Functions<'_>,
) -> Result<T, LaunchError> {
    tokio::select! {
        done = work => done,
        Ended { binary, status, .. } = functions.ended() => Err(LaunchError::FunctionEnded { binary, status }),
    }
}

/// Starts the functions that a changed source has changed. If it cannot be compiled, they go on as they were.
async fn rebuild(stack: &Stack<'_>, functions: &mut Functions<'_>, sources: &mut Sources) -> Result<(), LaunchError> {
    say("A source has changed: building.");
    match build::functions(stack.plan, stack.environment, std::future::pending()).await {
        Ok(executables) => {
            let count = functions.replace(&executables)?;
            sources.follow(&executables, stack.plan);
            let have = if count == 1 { "function has" } else { "functions have" };
            say(format_args!("Built; {count} {have} started again."));
        }
        Err(LaunchError::BuildFailed { .. }) => say("That cannot be compiled: the functions go on as they were."),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn say_how_to_begin(Stack { plan, started, .. }: &Stack<'_>) {
    let address = format!("http://127.0.0.1:{}", plan.port);
    say(format_args!("Ready: {address} (after {} s)", started.elapsed().as_secs()));
    let has = |path: &str| plan.functions.iter().flat_map(|function| &function.routes).any(|route| route.path == path);
    if has("/") && console::is_built(plan) {
        say(format_args!("Open:  {address}/ in a browser"));
    }
    say(format_args!("Try:   curl {address}/register/ -d username=grace -d 'password=correct horse battery staple'"));
    let page = if has("/docs") { format!("{address}/docs/ and ") } else { String::new() };
    say(format_args!("Docs:  {page}docs/ in this folder; README.md has a first session"));
    say("Ctrl-C stops everything. A changed source is built, and its functions start again.");
}

fn storage(plan: &Plan) -> (Storage, String) {
    if plan.in_memory {
        (Storage::Memory, "memory".to_owned())
    } else {
        (Storage::Directory(plan.data.clone()), plan.shown(&plan.data))
    }
}

async fn start_dynamodb(plan: &Plan, storage: Storage) -> Result<DynamoDb, LaunchError> {
    Ok(DynamoDb::start(storage, plan.dynamodb_port, &environment::table_name(), &plan.template).await?)
}

async fn only_dynamodb(plan: &Plan, interrupt: &mut Interrupt) -> Result<(), LaunchError> {
    let (storage, place) = storage(plan);
    say(format_args!("Starting DynamoDB on 127.0.0.1:{}, its data in {place}.", plan.dynamodb_port));
    let dynamodb = start_dynamodb(plan, storage).await?;
    let environment = Environment::new(plan, dynamodb.endpoint())?;
    say(format_args!("Ready: {}", dynamodb.endpoint()));
    say(format_args!(
        "Try:   {} cargo lambda watch --invoke-address 127.0.0.1 --disable-cors",
        environment.as_shell_line(plan)
    ));
    interrupt.received().await;
    say("Stopping.");
    dynamodb.stop().await;
    Ok(())
}
