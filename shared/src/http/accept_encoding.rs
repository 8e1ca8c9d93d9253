//! The header `Accept-Encoding` (RFC 9110, section 12.5.3), for bodies that were encoded when they were built.

use lambda_http::http::header::ACCEPT_ENCODING;

use crate::http::request::Request;
use crate::http::weights::QualityValue;

/// A coding that a body may be sent in beside the body as it is. The better one comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl ContentCoding {
    /// Its name in headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

impl Request {
    /// The one of `codings` to which the client gives the greatest weight, and of two the better one. `None` is the body as it is: the client
    /// would rather have that, or names no coding, as old programs do.
    #[must_use]
    pub fn preferred_coding(&self, codings: impl IntoIterator<Item = ContentCoding>) -> Option<ContentCoding> {
        let weighted = codings.into_iter().map(|coding| (self.weight_of(coding.name()), coding));
        let (weight, coding) = weighted.filter_map(|(weight, coding)| Some((weight?, coding))).max()?;
        // A client that names a coding and not the body as it is would rather have the coding.
        let as_it_is = self.weight_of("identity").unwrap_or(QualityValue::NONE);
        (weight > QualityValue::NONE && weight >= as_it_is).then_some(coding)
    }

    /// The weight of a coding that is named, or that `*` includes.
    fn weight_of(&self, coding: &str) -> Option<QualityValue> {
        let named =
            |name: &str| self.weighted(ACCEPT_ENCODING).find(|element| element.is(name)).map(|element| element.weight);
        named(coding).or_else(|| named("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;

    fn preferred(values: &[&'static str], codings: &[ContentCoding]) -> &'static str {
        let mut received = lambda_http::Request::new(Body::Empty);
        for value in values {
            received.headers_mut().append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        let preferred = Request::from(received).preferred_coding(codings.iter().copied());
        preferred.map_or("identity", ContentCoding::name)
    }

    #[test]
    fn the_coding_with_the_greatest_weight_is_preferred_and_brotli_among_equals() {
        for (values, coding) in [
            (&["gzip, deflate, br, zstd"][..], "br"),
            (&["gzip", "br"], "br"),
            (&["gzip"], "gzip"),
            (&["GZIP;Q=0.5"], "gzip"),
            (&["br;q=0.5, gzip;q=0.8"], "gzip"),
            (&["br;q=0, *"], "gzip"),
            (&["*"], "br"),
            (&["gzip;q=0.001"], "gzip"),
            (&["identity;q=0.5, gzip;q=0.5"], "gzip"),
        ] {
            assert_eq!(preferred(values, &[ContentCoding::Brotli, ContentCoding::Gzip]), coding, "{values:?}");
        }
        assert_eq!(preferred(&["gzip, br"], &[ContentCoding::Gzip]), "gzip");
    }

    #[test]
    fn the_body_is_sent_as_it_is_where_no_coding_is_taken_or_that_is_preferred() {
        for values in [
            &[][..],
            &[""],
            &["identity"],
            &["deflate, zstd"],
            &["br;q=0, gzip;q=0.0"],
            &["*;q=0"],
            &["identity, gzip;q=0.5"],
            &["brotli"],
        ] {
            assert_eq!(preferred(values, &[ContentCoding::Brotli, ContentCoding::Gzip]), "identity", "{values:?}");
        }
        assert_eq!(preferred(&["br, gzip"], &[]), "identity");
    }
}
