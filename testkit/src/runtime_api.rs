//! A small Lambda around one real binary: the Runtime API that gives it events, and its process.
//!
//! An answer comes in one piece, or as a stream that can be read while it is written.

mod error;
mod process;
mod process_logs;
mod server;
mod stream;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::process::Command;

pub use error::{InvocationError, InvocationFailure};
use process::Process;
use process_logs::ProcessLogs;
use server::{Answer, Progress, RuntimeApi};
pub use stream::Stream;

use crate::contract::{Contract, SentRequest};
use crate::gateway::Response;
use local::background;

/// The longest time of a buffered function behind API Gateway.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(28);

/// Time for an answer, or for the start.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Time for the last lines of a function that failed to arrive through the pipe.
const LAST_LOGS_DELAY: Duration = Duration::from_millis(50);

/// The deadline that cargo-lambda 1.9.2 gives every invocation: ten minutes after the beginning of 1970.
#[must_use]
pub fn cargo_lambda_deadline() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(10)
}

/// A Lambda function: the process of a real binary, which ends when this is dropped.
///
/// It gets one event at a time, as in Lambda; further events wait in a queue.
pub struct Function {
    running: Arc<Running>,
    contract: Option<&'static Contract>,
}

struct Running {
    name: String,
    api: RuntimeApi,
    process: Process,
    logs: ProcessLogs,
}

impl Function {
    /// Starts the binary with these environment variables and those that Lambda itself sets, and no others.
    ///
    /// # Panics
    /// The binary cannot be started, or no port can be opened.
    #[must_use]
    pub fn start(binary: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let running = Running::start(binary, environment.into_iter())
            .unwrap_or_else(|error| panic!("The function {} cannot be started: {error}", binary.display()));
        Self { running: Arc::new(running), contract: None }
    }

    /// Holds the function to the OpenAPI document of this workspace: an answer to a request of API Gateway that the
    /// document does not describe fails the test.
    #[must_use]
    pub fn held_to_contract(mut self) -> Self {
        self.contract = Some(Contract::of_workspace());
        self
    }

    /// Waits until the function has asked for its first event.
    ///
    /// # Errors
    /// The function ended, reported that it cannot start, or takes longer than 30 seconds.
    pub async fn wait_until_ready(&self) -> Result<(), InvocationError> {
        let running = Arc::clone(&self.running);
        on_server_time(async move { running.wait_until_ready().await }).await
    }

    /// Sends an event and waits for the answer, with the deadline that Lambda would set.
    ///
    /// # Errors
    /// The function answered with an error, ended, or takes longer than 30 seconds.
    pub async fn invoke(&self, event: &Value) -> Result<Value, InvocationError> {
        self.invoke_with_deadline(event, SystemTime::now() + DEFAULT_TIMEOUT).await
    }

    /// Sends an event with a deadline of your choice, such as [`cargo_lambda_deadline`].
    ///
    /// # Errors
    /// As [`Function::invoke`].
    ///
    /// # Panics
    /// The function is held to the contract and breaks it.
    pub async fn invoke_with_deadline(&self, event: &Value, deadline: SystemTime) -> Result<Value, InvocationError> {
        let answer = self.invoke_with_anything(event, deadline).await?;
        if let (Some(contract), Some(request)) = (self.contract, SentRequest::in_event(event)) {
            let checked = contract.check(&request, &Response::from_event(&answer));
            checked.unwrap_or_else(|difference| panic!("{difference}"));
        }
        Ok(answer)
    }

    /// Sends an event that no gateway makes, whose answer no contract describes.
    ///
    /// # Errors
    /// As [`Function::invoke`].
    pub async fn invoke_with_anything(&self, event: &Value, deadline: SystemTime) -> Result<Value, InvocationError> {
        let running = Arc::clone(&self.running);
        let event = event.to_string();
        on_server_time(async move { running.invoke(event, deadline).await }).await
    }

    /// Sends an event, with the deadline that Lambda would set, and waits for the beginning of a streamed answer.
    ///
    /// # Errors
    /// As [`Function::invoke`].
    ///
    /// # Panics
    /// The answer is not streamed.
    pub async fn stream(&self, event: &Value) -> Result<Stream, InvocationError> {
        let running = Arc::clone(&self.running);
        let sent = event.to_string();
        let answer = on_server_time(async move { running.begin(sent, SystemTime::now() + DEFAULT_TIMEOUT).await });
        match answer.await? {
            Answer::Stream(stream) => Ok(stream.held_to(self.contract.zip(SentRequest::in_event(event)))),
            Answer::Response(_) | Answer::Error(_) => panic!("The answer is not streamed."),
        }
    }

    /// The output of the function, standard output and error together: its last megabyte.
    #[must_use]
    pub fn logs(&self) -> String {
        self.running.logs.text()
    }

    /// The process's id, for measuring or ending it from outside.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.running.process.id()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.running.process.kill();
    }
}

impl Running {
    fn start(binary: &Path, environment: impl Iterator<Item = (String, String)>) -> io::Result<Self> {
        let (name, logs) = (process::name_of(binary), ProcessLogs::default());
        let api = RuntimeApi::start()?;
        let environment = environment.chain(lambda_environment(&name, api.address()));
        let process = Process::start(&mut Command::new(binary), environment, &logs, api.progress_sender())?;
        Ok(Self { name, api, process, logs })
    }

    async fn wait_until_ready(&self) -> Result<(), InvocationError> {
        let ready = tokio::time::timeout(WAIT_LIMIT, self.asked_for_work());
        match ready.await.unwrap_or(Err(InvocationFailure::NotReady { waited: WAIT_LIMIT })) {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    async fn asked_for_work(&self) -> Result<(), InvocationFailure> {
        let mut progress = self.api.progress();
        let settled = progress.wait_for(|progress| progress.ready || progress.has_ended()).await;
        match settled.map(|progress| progress.end()) {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(_) => Err(InvocationFailure::NotReady { waited: Duration::ZERO }),
        }
    }

    async fn invoke(&self, event: String, deadline: SystemTime) -> Result<Value, InvocationError> {
        let outcome = match self.begin(event, deadline).await? {
            Answer::Stream(stream) => stream.into_event(WAIT_LIMIT).await,
            Answer::Response(body) => serde_json::from_slice(&body).map_err(|_| InvocationFailure::not_json(&body)),
            Answer::Error(answer) => Err(InvocationFailure::Error { answer }),
        };
        match outcome {
            Ok(event) => Ok(event),
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    /// The answer, or its beginning.
    async fn begin(&self, event: String, deadline: SystemTime) -> Result<Answer, InvocationError> {
        let answer = tokio::time::timeout(WAIT_LIMIT, self.answer(event, deadline));
        match answer.await.unwrap_or(Err(InvocationFailure::NoAnswer { waited: WAIT_LIMIT })) {
            Ok(Answer::Error(answer)) => Err(self.failed(InvocationFailure::Error { answer }).await),
            Ok(answer) => Ok(answer),
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    async fn answer(&self, event: String, deadline: SystemTime) -> Result<Answer, InvocationFailure> {
        let answer = self.api.submit(event, deadline).ok_or(InvocationFailure::TooManyWaiting)?;
        let mut progress = self.api.progress();
        let gone = InvocationFailure::NoAnswer { waited: Duration::ZERO };
        tokio::select! {
            // If the function answers and ends at once, the answer counts.
            biased;
            Ok(answer) = answer => Ok(answer),
            Ok(progress) = progress.wait_for(Progress::has_ended) => Err(progress.end().unwrap_or(gone)),
            else => Err(gone),
        }
    }

    async fn failed(&self, failure: InvocationFailure) -> InvocationError {
        tokio::time::sleep(LAST_LOGS_DELAY).await;
        InvocationError { function: self.name.clone(), failure, logs: self.logs.text() }
    }
}

/// Waits on the servers' runtime: on a test's own runtime the clock may be paused, and every limit would pass at once.
async fn on_server_time<T: Send + 'static>(waiting: impl Future<Output = T> + Send + 'static) -> T {
    match background::handle().spawn(waiting).await {
        Ok(result) => result,
        Err(error) => panic!("The wait for a function was broken off: {error}"),
    }
}

/// The variables that Lambda sets, as far as a function reads them.
fn lambda_environment(name: &str, runtime_api: String) -> [(String, String); 4] {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    [
        pair("AWS_LAMBDA_RUNTIME_API", runtime_api),
        pair("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        pair("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        pair("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::kill;
    use nix::unistd::Pid;
    use serde_json::json;

    use super::*;

    fn start(binary: &str, environment: &[(&str, &str)]) -> Function {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Function::start(Path::new(binary), environment)
    }

    #[tokio::test]
    async fn a_function_sees_only_the_environment_it_is_given() {
        // Without arguments `env` prints its environment and exits.
        let function = start("/usr/bin/env", &[("TABLE_NAME", "chat-api")]);
        let error = function.wait_until_ready().await.unwrap_err();
        let mut names: Vec<_> = error.logs.lines().filter_map(|line| line.split_once('=')).map(|it| it.0).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                "AWS_LAMBDA_FUNCTION_NAME",
                "AWS_LAMBDA_FUNCTION_VERSION",
                "AWS_LAMBDA_RUNTIME_API",
                "TABLE_NAME",
            ]
        );
        assert!(error.logs.contains("AWS_LAMBDA_FUNCTION_NAME=env\n"), "{error}");
    }

    #[tokio::test]
    async fn an_exit_instead_of_an_answer_is_reported_with_the_logs() {
        let function = start("/usr/bin/env", &[("HINT", "look here")]);
        let error = function.invoke(&json!({})).await.unwrap_err();
        assert!(matches!(error.failure, InvocationFailure::Exited { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("The function env ended (exit status: 0)"), "{text}");
        assert!(text.contains("HINT=look here"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_clock_in_the_test_does_not_make_the_limits_pass() {
        let function = start("/usr/bin/env", &[]);
        let error = function.invoke(&json!({})).await.unwrap_err();
        assert!(matches!(error.failure, InvocationFailure::Exited { .. }), "{error}");
    }

    #[tokio::test]
    async fn dropping_a_function_ends_its_process() {
        let function = start("/usr/bin/yes", &[]);
        let process = Pid::from_raw(function.process_id().try_into().unwrap());
        assert!(kill(process, None).is_ok());
        drop(function);
        let gone = async {
            while kill(process, None).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    }

    #[test]
    #[should_panic(expected = "The function /nowhere/register cannot be started")]
    fn a_missing_binary_is_named() {
        let _ = start("/nowhere/register", &[]);
    }
}
