//! The arguments of the program.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

/// What is measured, and how much of it.
pub struct Arguments {
    pub with_lite_llm: bool,
    /// The rounds in which each way has [`Arguments::requests_of_a_turn`] requests of each kind.
    pub turns: usize,
    pub requests_of_a_turn: usize,
    /// How long each way is asked by all readers at once, in each of two rounds.
    pub at_once_for: Duration,
    others: Vec<PathBuf>,
}

impl Arguments {
    /// `--small` measures too little for figures, `--without-litellm` leaves that out, and everything else is the path of a
    /// binary.
    pub fn read() -> Self {
        let mut arguments = Self {
            with_lite_llm: true,
            turns: 10,
            requests_of_a_turn: 20,
            at_once_for: Duration::from_secs(10),
            others: Vec::new(),
        };
        for argument in env::args().skip(1) {
            match argument.as_str() {
                "--small" => {
                    (arguments.turns, arguments.requests_of_a_turn) = (1, 5);
                    arguments.at_once_for = Duration::from_secs(1);
                }
                "--without-litellm" => arguments.with_lite_llm = false,
                path => arguments.others.push(PathBuf::from(path)),
            }
        }
        arguments
    }

    /// The binaries to measure, each with its name in the tables.
    pub fn binaries(&self, own: PathBuf) -> Vec<(String, PathBuf)> {
        let others = self.others.iter().map(|path| (path.display().to_string(), path.clone()));
        [("this gateway".to_owned(), own)].into_iter().chain(others).collect()
    }
}
