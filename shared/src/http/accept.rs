//! The header `Accept` (RFC 9110, section 12.5.1), as far as an endpoint has more than one kind of answer.

use lambda_http::http::header::ACCEPT;

use crate::http::request::Request;

/// The type of server-sent events (WHATWG HTML, section 9.2).
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// The type of comma-separated values (RFC 4180, section 3).
pub(super) const CSV: &str = "text/csv";

impl Request {
    /// Whether the client names server-sent events among what it accepts. `*/*` and `text/*` do not name them: most
    /// clients send the former whatever they read.
    #[must_use]
    pub fn accepts_events(&self) -> bool {
        self.names(EVENT_STREAM)
    }

    /// Whether the client names comma-separated values among what it accepts. As with events, `*/*` and `text/*` do not.
    #[must_use]
    pub fn accepts_csv(&self) -> bool {
        self.names(CSV)
    }

    fn names(&self, media_type: &str) -> bool {
        let values = self.headers().get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|range| is_type_with_weight(range, media_type))
    }
}

/// Whether `range` is `media_type`, with a weight above zero.
fn is_type_with_weight(range: &str, media_type: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let is_named = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(media_type));
    is_named && !parts.any(is_weight_of_zero)
}

fn is_weight_of_zero(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    let weight = weight.trim();
    name.trim().eq_ignore_ascii_case("q") && weight.starts_with('0') && weight.chars().all(|it| it == '0' || it == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    fn request(values: &[&'static str]) -> Request {
        let mut received = lambda_http::Request::new(Body::Empty);
        for value in values {
            received.headers_mut().append(ACCEPT, HeaderValue::from_static(value));
        }
        Request::from(received)
    }

    fn accepts(values: &[&'static str]) -> bool {
        request(values).accepts_events()
    }

    #[test]
    fn a_table_is_accepted_where_it_is_named() {
        let both = request(&["application/json, text/csv;q=0.5"]);
        assert!(both.accepts_csv() && !both.accepts_events());
        for values in [&["*/*"][..], &["text/*"], &["text/csv;q=0"], &["application/json"], &[]] {
            assert!(!request(values).accepts_csv(), "{values:?}");
        }
    }

    #[test]
    fn events_are_accepted_where_they_are_named_with_a_weight_above_zero() {
        for values in [
            &["text/event-stream"][..],
            &["Text/Event-Stream"],
            &["application/json, text/event-stream"],
            &["text/event-stream;q=0.1"],
            &["text/event-stream ; charset=utf-8 ; Q=1.0 , */*"],
            &["application/json", "text/event-stream"],
        ] {
            assert!(accepts(values), "{values:?}");
        }
    }

    #[test]
    fn events_that_are_not_named_or_have_no_weight_are_not_accepted() {
        for values in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/*"],
            &["application/json"],
            &["text/event-streams"],
            &["text/event-stream;q=0"],
            &["text/event-stream; q=0.000, */*"],
            &["application/json;profile=text/event-stream"],
        ] {
            assert!(!accepts(values), "{values:?}");
        }
    }
}
