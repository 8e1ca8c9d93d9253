//! The reason of a refused field, and the rules that all text fields share.

/// The reason why a field was refused, in words for the person who filled it in. It never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidField(String);

impl InvalidField {
    /// The refusal of a field for `reason`.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Refuses blank text and NUL, in the words of Django REST Framework's `CharField`.
///
/// # Errors
/// [`InvalidField`] with the reason.
pub fn check_text(text: &str) -> Result<(), InvalidField> {
    if text.trim().is_empty() {
        return Err(InvalidField::new("This field may not be blank."));
    }
    if text.contains('\0') {
        return Err(InvalidField::new("Null characters are not allowed."));
    }
    Ok(())
}

/// Refuses text of more than `limit` characters (not bytes).
///
/// # Errors
/// [`InvalidField`] with the limit.
pub fn check_length(text: &str, limit: usize) -> Result<(), InvalidField> {
    if text.chars().nth(limit).is_some() {
        return Err(InvalidField::new(format!("Ensure this field has no more than {limit} characters.")));
    }
    Ok(())
}
