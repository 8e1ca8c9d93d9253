//! Functions that outlive cargo-lambda: it runs each in a process group of its own, and one that was busy when
//! cargo-lambda was killed would go on.
//!
//! Only Linux can hand orphans over to a program. Elsewhere they end by themselves at their next question for work.

#[cfg(target_os = "linux")]
pub(super) use linux::{adopt, end};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{adopt, end};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

    /// Each round may bring up the children of those that it ended; nobody nests them this deep.
    const ROUNDS_LIMIT: usize = 20;

    /// From now on, descendants whose parents die become children of this program.
    pub(in crate::launcher) fn adopt() {
        // Without it, an orphan in the middle of its work may outlive this program by a little.
        let _ = set_child_subreaper(Some(getpid()));
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
                let _ = kill_process(child, Signal::KILL);
                let _ = waitpid(Some(child), WaitOptions::empty());
            }
        }
    }

    fn children() -> Vec<Pid> {
        let own = getpid().as_raw_nonzero().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let children = processes.filter_map(|process| {
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            // "7 (name, perhaps with spaces) S 1 …": after the name come the state and the parent.
            let (_, after_name) = stat.rsplit_once(')')?;
            let parent = after_name.split_whitespace().nth(1)?;
            let number = process.file_name().to_str()?.parse().ok()?;
            (parent == own).then(|| Pid::from_raw(number))?
        });
        children.collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    pub(in crate::launcher) fn adopt() {}

    pub(in crate::launcher) fn end() {}
}
