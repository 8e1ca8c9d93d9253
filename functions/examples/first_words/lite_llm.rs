//! `LiteLLM`'s proxy from `PyPI`, without a database, in an environment of its own: `.local/litellm`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::instant_provider::MODEL;
use testkit::template::workspace_root;
use testkit::timings::Timings;

use crate::http_server::HttpServer;
use crate::way::{Asking, Way};

/// The packages, beside the other requirements of the checks.
const REQUIREMENTS: &str = ".ci/requirements-litellm.txt";
const MASTER_KEY: &str = "sk-of-the-measurement";
/// Time for its start. It imports for some ten seconds.
const START_LIMIT: Duration = Duration::from_secs(120);
const START_CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A running proxy, which ends when it is dropped.
pub struct LiteLlm {
    process: Child,
    base_url: String,
    ready: Duration,
    /// Its configuration and its output.
    folder: TempDir,
}

impl LiteLlm {
    /// Starts it before the provider at `base_url`, after its installation if need be, and waits until it answers.
    pub async fn start(base_url: &str) -> Self {
        let program = installed();
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("config.yaml");
        fs::write(&configuration, configuration_for(base_url)).unwrap();
        let output = File::create(folder.path().join("output")).unwrap();
        let port = free_port();
        let began = Instant::now();
        let process = Command::new(program)
            .args([OsStr::new("--config"), configuration.as_os_str()])
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--num_workers", "1"])
            .env_clear()
            .env("HOME", folder.path())
            // Without it the proxy would fetch a list of prices.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_LOG", "ERROR")
            .env("LITELLM_MODE", "PRODUCTION")
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let base_url = format!("http://127.0.0.1:{port}/v1");
        let mut proxy = Self { process, base_url, ready: Duration::ZERO, folder };
        proxy.wait_until_ready(port, began).await;
        proxy.ready = began.elapsed();
        proxy
    }

    async fn wait_until_ready(&mut self, port: u16, began: Instant) {
        let client = testkit::loopback_client::builder().build().unwrap();
        let url = format!("http://127.0.0.1:{port}/health/readiness");
        while !client.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
            let output = || fs::read_to_string(self.folder.path().join("output")).unwrap_or_default();
            assert!(self.process.try_wait().unwrap().is_none(), "LiteLLM's proxy ended: {}", output());
            assert!(began.elapsed() < START_LIMIT, "LiteLLM's proxy does not answer: {}", output());
            tokio::time::sleep(START_CHECK_INTERVAL).await;
        }
    }

    pub fn way(&self) -> Way {
        let mut ready = Timings::default();
        ready.add(self.ready);
        let asking = Asking::Http(HttpServer::new(&self.base_url, MASTER_KEY));
        Way { ready: Some(ready), servers: vec![self.process.id()], ..Way::new("LiteLLM's proxy", asking) }
    }
}

impl Drop for LiteLlm {
    fn drop(&mut self) {
        // It fails only if the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration_for(base_url: &str) -> String {
    format!(
        "model_list:\n\
         - model_name: {MODEL}\n  \
           litellm_params: {{model: openai/{MODEL}, api_base: \"{base_url}\", api_key: none}}\n\
         general_settings: {{master_key: {MASTER_KEY}}}\n"
    )
}

/// The program, installed if the requirements are not those of the last time.
fn installed() -> PathBuf {
    let folder = workspace_root().join(".local/litellm");
    let wanted = fs::read_to_string(workspace_root().join(REQUIREMENTS)).unwrap();
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok().as_ref() != Some(&wanted) {
        eprintln!("Installing LiteLLM's proxy into .local/litellm.");
        run(Path::new("python3"), &["-m", "venv", "--clear", folder.to_str().unwrap()]);
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS];
        run(&folder.join("bin/python"), &pip);
        fs::write(done, wanted).unwrap();
    }
    folder.join("bin/litellm")
}

fn run(program: &Path, arguments: &[&str]) {
    let status = Command::new(program).current_dir(workspace_root()).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "{} {} failed", program.display(), arguments.join(" "));
}

/// A port that nobody listens at, for a moment.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
