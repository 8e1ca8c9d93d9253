//! The CPU time and the memory of a process.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use testkit::runtime_api::Function;

/// A function computes a little between its answer and its next wait. This belongs to the answer, so it is waited for.
const SETTLING_TIME: Duration = Duration::from_millis(5);

pub struct ProcessUsage {
    id: i32,
}

impl ProcessUsage {
    pub fn of(function: &Function) -> Self {
        Self { id: function.process_id().try_into().unwrap() }
    }

    /// The CPU time so far of all threads, including those that have ended.
    pub async fn when_idle(&self) -> Duration {
        tokio::time::sleep(SETTLING_TIME).await;
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(self.id)).unwrap();
        clock_gettime(clock).unwrap().into()
    }

    /// The largest resident memory so far.
    pub fn peak_memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }
}
