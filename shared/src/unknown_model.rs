//! A model that is not here.

/// A model that a request names and that is not here, or not for the API key of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// The name in the request, or the beginning of a long one.
    asked: String,
    /// The first of the models that are listed.
    listed: Vec<String>,
    /// The number of models that are listed besides.
    others: usize,
}

impl UnknownModel {
    /// The most characters of a name that are repeated.
    const SHOWN_CHARS: usize = 100;

    /// The most models that are named. A catalogue may list 200 with ids of 256 bytes.
    const SHOWN_MODELS: usize = 20;

    /// The model that a request calls `asked`, where the `listed` ones are others.
    #[must_use]
    pub fn new<'a>(asked: &str, listed: impl IntoIterator<Item = &'a str>) -> Self {
        let mut shown: String = asked.chars().take(Self::SHOWN_CHARS).collect();
        if shown.len() < asked.len() {
            shown.push('…');
        }
        let mut ids = listed.into_iter();
        let listed = ids.by_ref().take(Self::SHOWN_MODELS).map(str::to_owned).collect();
        Self { asked: shown, listed, others: ids.count() }
    }

    /// A sentence for the caller.
    #[must_use]
    pub fn detail(&self) -> String {
        let Self { asked, listed, others } = self;
        let listed = match (listed.join(", "), others) {
            (listed, 0) if listed.is_empty() => return format!("The model '{asked}' does not exist."),
            (listed, 0) => listed,
            (listed, others) => format!("{listed}, and {others} more: GET /v1/models"),
        };
        format!("The model '{asked}' does not exist. You may ask: {listed}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_model_is_answered_with_those_that_there_are_and_a_long_name_is_cut() {
        let detail = UnknownModel::new("gpt-5", ["small", "large"]).detail();
        assert_eq!(detail, "The model 'gpt-5' does not exist. You may ask: small, large.");
        let detail = UnknownModel::new(&"ä".repeat(1_000_000), ["small"]).detail();
        assert_eq!(detail, format!("The model '{}…' does not exist. You may ask: small.", "ä".repeat(100)));
        assert_eq!(UnknownModel::new("gpt-5", []).detail(), "The model 'gpt-5' does not exist.");
    }

    #[test]
    fn of_many_models_the_first_twenty_are_named() {
        let ids: Vec<String> = (1..=200).map(|number| format!("m{number}")).collect();
        let named = |count: usize| UnknownModel::new("gpt-5", ids[..count].iter().map(String::as_str)).detail();
        assert!(named(20).ends_with("m19, m20."), "{}", named(20));
        assert!(named(200).ends_with("m19, m20, and 180 more: GET /v1/models."), "{}", named(200));
    }
}
