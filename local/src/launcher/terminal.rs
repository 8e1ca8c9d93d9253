//! Questions to the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Read, Stdin, Write};
use std::thread;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use super::error::LaunchError;
use super::interrupt::Interrupt;

/// A longer line is no answer.
const MOST_BYTES: u64 = 8 * 1024;

/// Whether an answer is seen while it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    Shown,
    Hidden,
}

/// The terminal on standard input.
pub(super) struct Terminal<'a> {
    interrupt: &'a mut Interrupt,
}

impl<'a> Terminal<'a> {
    /// Fails where standard input is none: nobody could be asked.
    pub(super) fn open(interrupt: &'a mut Interrupt) -> Result<Self, LaunchError> {
        if io::stdin().is_terminal() { Ok(Self { interrupt }) } else { Err(LaunchError::NoTerminal) }
    }

    /// The line that the person types. Whatever ends the question, the terminal shows what is typed afterwards.
    pub(super) async fn ask(&mut self, question: &str, typing: Typing) -> Result<String, LaunchError> {
        let hidden = match typing {
            Typing::Shown => None,
            Typing::Hidden => Some(HiddenTyping::begin()?),
        };
        let mut output = io::stdout();
        // Nobody reads the questions if this fails, and the answer may come all the same.
        let _ = write!(output, "{question}").and_then(|()| output.flush());
        let (send, answer) = oneshot::channel();
        // No task of the runtime: at the end, the runtime would wait for the line that nobody types any more.
        thread::spawn(move || send.send(read_line()));
        let answered = tokio::select! {
            answer = answer => answer.ok().flatten(),
            () = self.interrupt.received() => None,
        };
        drop(hidden);
        if typing == Typing::Hidden || answered.is_none() {
            let _ = writeln!(output);
        }
        answered.ok_or(LaunchError::Cancelled)
    }
}

/// A line without its end; `None` at the end of the input.
fn read_line() -> Option<String> {
    let mut line = String::new();
    io::stdin().lock().take(MOST_BYTES).read_line(&mut line).ok()?;
    line.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// While it lives, the terminal does not show what is typed.
struct HiddenTyping {
    terminal: Stdin,
    shown: Termios,
}

impl HiddenTyping {
    fn begin() -> Result<Self, LaunchError> {
        let refused = |error| LaunchError::System { what: "to hide what is typed", source: io::Error::from(error) };
        let terminal = io::stdin();
        let shown = tcgetattr(&terminal).map_err(refused)?;
        let mut hidden = shown.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden).map_err(refused)?;
        Ok(Self { terminal, shown })
    }
}

impl Drop for HiddenTyping {
    fn drop(&mut self) {
        // It fails only if the terminal is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.shown);
    }
}
