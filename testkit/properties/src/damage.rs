//! Damage to a text.

use arbitrary::Arbitrary;

/// A change to a text.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Damage {
    Replaced { position: usize, character: char },
    Inserted { position: usize, character: char },
    CutAt { position: usize },
    Appended { text: String },
    Other { text: String },
}

impl Damage {
    pub(super) fn apply(&self, text: &str) -> String {
        let split = |position: usize| {
            let position = text.char_indices().map(|(index, _)| index).nth(position % (text.len() + 1));
            text.split_at(position.unwrap_or(text.len()))
        };
        match self {
            Self::Replaced { position, character } => {
                let (before, after) = split(*position);
                let rest: String = after.chars().skip(1).collect();
                format!("{before}{character}{rest}")
            }
            Self::Inserted { position, character } => {
                let (before, after) = split(*position);
                format!("{before}{character}{after}")
            }
            Self::CutAt { position } => split(*position).0.to_owned(),
            Self::Appended { text: more } => format!("{text}{more}"),
            Self::Other { text } => text.clone(),
        }
    }
}
