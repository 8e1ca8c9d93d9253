//! Why a text is no catalogue.

use std::fmt;

use serde::Serialize;

/// One error of a catalogue, at its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueError {
    /// The member that is wrong, as in `models[2].prices.input`. Empty for the catalogue itself.
    pub path: String,
    /// The rule that the member breaks, as in `must be a whole number from 0 to 1000000000000`.
    pub problem: String,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, problem } = self;
        write!(formatter, "{}: {problem}", if path.is_empty() { "the catalogue" } else { path })
    }
}
