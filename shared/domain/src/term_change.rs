//! Changes of single terms, in a request that names those that change.

/// The change of one term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TermChange<T> {
    /// The term stays as it is.
    #[default]
    None,
    /// The term becomes another one, which may be no limit.
    To(T),
}

impl<T> TermChange<T> {
    /// The term that it becomes, if it changes.
    pub fn given(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::To(after) => Some(after),
        }
    }

    /// The term after the change.
    pub fn or(self, before: T) -> T {
        match self {
            Self::None => before,
            Self::To(after) => after,
        }
    }
}
