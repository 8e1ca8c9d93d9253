//! The header `Accept` (RFC 9110, section 12.5.1), as far as an endpoint has more than one kind of answer.

use lambda_http::http::header::ACCEPT;

use crate::http::request::Request;
use crate::http::weights::{QualityValue, WeightedElement};

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
        self.weighted(ACCEPT).any(|range| range.is(media_type) && range.weight > QualityValue::NONE)
    }

    /// Whether the client would rather have a page than JSON: it gives HTML the greater weight, or the same weight and a name
    /// that is as close. A browser names HTML. A program that names JSON gets it, also beside `*/*`.
    #[must_use]
    pub fn prefers_page(&self) -> bool {
        self.preference_for("text", "html") >= self.preference_for("application", "json")
    }

    /// The weight of a media type, by the closest range that includes it, and how close that is.
    fn preference_for(&self, kind: &str, subtype: &str) -> (QualityValue, Closeness) {
        let [exact, of_kind] = [format!("{kind}/{subtype}"), format!("{kind}/*")];
        let closeness = |range: &WeightedElement<'_>| {
            if range.is(&exact) {
                Some(Closeness::Named)
            } else if range.is(&of_kind) {
                Some(Closeness::OfItsKind)
            } else {
                range.is("*/*").then_some(Closeness::Any)
            }
        };
        let including = self.weighted(ACCEPT).filter_map(|range| Some((closeness(&range)?, range.weight)));
        including.max().map_or((QualityValue::NONE, Closeness::Any), |(closeness, weight)| (weight, closeness))
    }
}

/// How closely a range names a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Any,
    OfItsKind,
    Named,
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

    #[test]
    fn a_browser_prefers_a_page_and_so_does_a_client_that_accepts_anything() {
        for values in [
            &["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"][..],
            &["*/*"],
            &["text/*;q=0.5, application/json;q=0.4"],
            &["application/json", "text/html"],
            &["TEXT/HTML"],
            &["text/plain"],
            &[],
        ] {
            assert!(request(values).prefers_page(), "{values:?}");
        }
    }

    #[test]
    fn a_program_that_names_json_or_refuses_html_does_not_prefer_a_page() {
        for values in [
            &["application/json"][..],
            &["application/json, text/plain, */*"],
            &["application/json, */*;q=0.1"],
            &["application/*"],
            &["text/html;q=0.5, application/json;q=0.6"],
            &["*/*, text/html;q=0"],
        ] {
            assert!(!request(values).prefers_page(), "{values:?}");
        }
    }
}
