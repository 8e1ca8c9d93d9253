//! The CPU time and the memory of a process.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::runtime_api::Function;

/// A function computes a little between its answer and its next wait. This belongs to the answer, so it is waited for.
const SETTLING_TIME: Duration = Duration::from_millis(5);

/// A running process, as the kernel accounts for it.
#[derive(Clone, Copy, Debug)]
pub struct ProcessUsage {
    id: u32,
}

impl ProcessUsage {
    /// The process of a function.
    #[must_use]
    pub fn of(function: &Function) -> Self {
        Self::of_process(function.process_id())
    }

    /// The process of this id.
    #[must_use]
    pub fn of_process(id: u32) -> Self {
        Self { id }
    }

    /// The CPU time so far of all threads, including those that have ended.
    ///
    /// # Panics
    /// The process has ended.
    pub async fn when_idle(self) -> Duration {
        tokio::time::sleep(SETTLING_TIME).await;
        let id = Pid::from_raw(self.id.cast_signed());
        let clock = ClockId::pid_cpu_clock_id(id).and_then(clock_gettime);
        clock.unwrap_or_else(|error| panic!("The kernel has no clock of the process {id}: {error}")).into()
    }

    /// The largest resident memory so far.
    ///
    /// # Panics
    /// The process has ended.
    #[must_use]
    pub fn peak_memory_bytes(self) -> u64 {
        self.memory_bytes("VmHWM:")
    }

    /// The resident memory now. What processes share counts in each of them.
    ///
    /// # Panics
    /// The process has ended.
    #[must_use]
    pub fn resident_memory_bytes(self) -> u64 {
        self.memory_bytes("VmRSS:")
    }

    fn memory_bytes(self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        let kibibytes = kibibytes.and_then(|number| number.parse::<u64>().ok());
        kibibytes.unwrap_or_else(|| panic!("The kernel does not say {name} of the process {}", self.id)) * 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_has_memory_and_its_peak_is_no_less() {
        let usage = ProcessUsage::of_process(std::process::id());
        let resident = usage.resident_memory_bytes();
        assert!(resident > 0 && usage.peak_memory_bytes() >= resident);
        assert!(usage.when_idle().await > Duration::ZERO);
    }
}
