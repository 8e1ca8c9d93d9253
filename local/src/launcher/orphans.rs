//! Functions that outlive cargo-lambda: it runs each in a process group of its own, and a function that was busy when
//! cargo-lambda was killed would go on.
//!
//! process-wrap ends groups that it knows, and these are not known to the launcher. On Linux the launcher adopts them.
//! Elsewhere they end by themselves when they ask for their next event.

#[cfg(target_os = "linux")]
pub(super) use linux::{adopt, end};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{adopt, end};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use nix::sys::prctl::set_child_subreaper;
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::waitpid;
    use nix::unistd::Pid;

    /// A round adopts the children of the processes that it ended. Functions nest none this deep.
    const ROUNDS_LIMIT: usize = 20;

    /// From now on, descendants whose parents die become children of this program.
    pub(in crate::launcher) fn adopt() {
        // If it fails, an orphan in the middle of its work may outlive this program by a little.
        let _ = set_child_subreaper(true);
    }

    /// Ends every child that is left.
    pub(in crate::launcher) fn end() {
        for _ in 0..ROUNDS_LIMIT {
            let children = children();
            if children.is_empty() {
                return;
            }
            for child in children {
                // It fails only if the child is gone already.
                let _ = kill(child, Signal::SIGKILL);
                let _ = waitpid(child, None);
            }
        }
    }

    fn children() -> Vec<Pid> {
        let own = Pid::this().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let children = processes.filter_map(|process| {
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            // "7 (name, perhaps with spaces) S 1 …": after the name come the state and the parent.
            let (_, after_name) = stat.rsplit_once(')')?;
            let parent = after_name.split_whitespace().nth(1)?;
            let number = process.file_name().to_str()?.parse().ok()?;
            (parent == own).then(|| Pid::from_raw(number))
        });
        children.collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    pub(in crate::launcher) fn adopt() {}

    pub(in crate::launcher) fn end() {}
}
