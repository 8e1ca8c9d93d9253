//! The steps of a start: checks, cargo-lambda, DynamoDB, build, `cargo lambda watch`; and of the end.

mod arguments;
mod build;
mod cargo_lambda;
mod checks;
mod child_group;
mod emulator;
mod environment;
mod error;
mod interrupt;
mod orphans;
mod progress;
mod readiness;
mod signing_secret;
mod watchdog;

use std::process::ExitCode;

use local::dynamodb::{DynamoDb, Storage};

pub(crate) use arguments::Arguments;
use checks::Plan;
use emulator::Emulator;
use environment::Environment;
use error::LaunchError;
use interrupt::Interrupt;
use progress::say;

/// Runs until Ctrl-C or until something fails.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    match launch(&arguments).await {
        Ok(()) | Err(LaunchError::Interrupted) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn launch(arguments: &Arguments) -> Result<(), LaunchError> {
    let mut interrupt = Interrupt::listen()?;
    let plan = checks::make_plan(arguments)?;
    if arguments.only_dynamodb {
        return only_dynamodb(&plan, &mut interrupt).await;
    }
    checks::find_cargo(&plan)?;
    let cargo_lambda = cargo_lambda::find_or_install(&plan, &mut interrupt).await?;
    let dynamodb = start_dynamodb(&plan).await?;
    let environment = Environment::new(&plan, &dynamodb)?;
    build::functions(&plan, &environment, &mut interrupt).await?;
    let emulator = Emulator::start(&cargo_lambda, &plan, &environment)?;
    let served = serve(&plan, emulator, &mut interrupt).await;
    dynamodb.stop().await;
    served
}

async fn serve(plan: &Plan, mut emulator: Emulator, interrupt: &mut Interrupt) -> Result<(), LaunchError> {
    let served = tokio::select! {
        error = ready_forever(plan) => Err(error),
        ended = emulator.ended() => Err(ended),
        () = interrupt.received() => Err(LaunchError::Interrupted),
    };
    say("Stopping.");
    emulator.stop().await;
    served
}

/// Comes back only if the functions do not become ready.
async fn ready_forever(plan: &Plan) -> LaunchError {
    if let Err(error) = readiness::wait_for_functions(plan).await {
        return error;
    }
    say(format_args!("Ready: http://127.0.0.1:{}", plan.port));
    say(format_args!(
        "Try:   curl http://127.0.0.1:{}/register/ -H 'Content-Type: application/json' \
         -d '{{\"username\":\"grace\",\"password\":\"correct horse battery staple\"}}'",
        plan.port
    ));
    say("Ctrl-C stops everything.");
    std::future::pending().await
}

async fn start_dynamodb(plan: &Plan) -> Result<DynamoDb, LaunchError> {
    let (storage, place) = if plan.in_memory {
        (Storage::Memory, "memory".to_owned())
    } else {
        (Storage::Directory(plan.data.clone()), plan.shown(&plan.data))
    };
    say(format_args!("Starting DynamoDB on 127.0.0.1:{}, its data in {place}.", plan.dynamodb_port));
    Ok(DynamoDb::start(storage, plan.dynamodb_port, &environment::table_name(), &plan.template).await?)
}

async fn only_dynamodb(plan: &Plan, interrupt: &mut Interrupt) -> Result<(), LaunchError> {
    let dynamodb = start_dynamodb(plan).await?;
    let environment = Environment::new(plan, &dynamodb)?;
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
