//! The codes of an operation's errors: its own, and those of its kind.

use serde_json::Value;

/// Errors of every operation.
const OF_ALL: [&str; 2] = ["method_not_allowed", "error"];

/// Errors of an operation that wants to know its caller.
const OF_CALLERS: [&str; 3] = ["not_authenticated", "token_not_valid", "user_inactive"];

/// Errors of an operation with a body.
const OF_BODIES: [&str; 4] = ["parse_error", "invalid", "too_large", "unsupported_media_type"];

/// The member of the source that lists an operation's own codes.
pub(crate) const OWN: &str = "x-errors";

/// The codes of `operation`, of its kind and its own, each once.
///
/// # Panics
/// It lists no codes of its own.
#[must_use]
pub fn codes_of(operation: &Value) -> Vec<String> {
    let wants_caller = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    let of_callers = OF_CALLERS.iter().filter(|_| wants_caller);
    let of_bodies = OF_BODIES.iter().filter(|_| operation.get("requestBody").is_some());
    let Some(own) = operation[OWN].as_array() else { panic!("{} has no {OWN}", operation["operationId"]) };
    let own = own.iter().map(|code| code.as_str().unwrap_or_else(|| panic!("{code} is no code")));
    let mut codes: Vec<String> = Vec::new();
    for code in of_bodies.copied().chain(of_callers.copied()).chain(own).chain(OF_ALL) {
        if !codes.iter().any(|known| known == code) {
            codes.push(code.to_owned());
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    #[test]
    fn an_operation_has_the_codes_of_its_kind_and_its_own_each_once() {
        let public = json!({"x-errors": ["unavailable"], "security": []});
        assert_eq!(codes_of(&public), ["unavailable", "method_not_allowed", "error"]);
        let of_people = json!({"x-errors": ["invalid", "unavailable"], "security": [{}], "requestBody": {}});
        let expected = [
            "parse_error",
            "invalid",
            "too_large",
            "unsupported_media_type",
            "not_authenticated",
            "token_not_valid",
            "user_inactive",
            "unavailable",
            "method_not_allowed",
            "error",
        ];
        assert_eq!(codes_of(&of_people), expected);
    }
}
