//! Headers that list media types or codings that a client accepts, each with a weight (RFC 9110, section 12.4.2).

use lambda_http::http::HeaderName;

use crate::http::request::Request;

/// The weight of a media type or a coding, which RFC 9110 calls a quality value: thousandths, of which 0 is a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QualityValue(u16);

impl QualityValue {
    pub(super) const NONE: Self = Self(0);
    const FULL: Self = Self(1000);

    /// The weight in `0.5` or `1.000`.
    fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if !["0", "1"].contains(&whole) || decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let thousandths = format!("{whole}{decimals:0<3}").parse().ok()?;
        (thousandths <= Self::FULL.0).then_some(Self(thousandths))
    }
}

/// An element of such a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WeightedElement<'a> {
    /// A media type or a coding, without parameters.
    pub(super) value: &'a str,
    pub(super) weight: QualityValue,
}

impl<'a> WeightedElement<'a> {
    /// The element in `text/html;level=1;q=0.5`. Without a weight, and with one that cannot be read, it has the full one.
    fn of(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default();
        let weight = parts.find_map(|parameter| {
            let (name, weight) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| QualityValue::parse(weight.trim()))
        });
        Self { value, weight: weight.flatten().unwrap_or(QualityValue::FULL) }
    }

    pub(super) fn is(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value)
    }
}

impl Request {
    /// The elements of the header `name`, which may be there several times.
    pub(super) fn weighted(&self, name: HeaderName) -> impl Iterator<Item = WeightedElement<'_>> {
        let values = self.headers().get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(WeightedElement::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_read_in_thousandths() {
        for (text, weight) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("1.", Some(1000)),
            ("0.5", Some(500)),
            ("0.001", Some(1)),
            ("1.000", Some(1000)),
        ] {
            assert_eq!(QualityValue::parse(text), weight.map(QualityValue), "{text}");
        }
        for text in ["", "2", "1.001", "0.1234", "-0", "0.+5", ".5", "half", "0,5"] {
            assert_eq!(QualityValue::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_element_has_its_weight_among_its_parameters_and_else_the_full_one() {
        for (text, value, weight) in [
            (" text/html ", "text/html", 1000),
            ("text/html;q=0.5", "text/html", 500),
            ("text/html ; level=1 ; Q = 0.25", "text/html", 250),
            ("text/html;q=much", "text/html", 1000),
            ("", "", 1000),
        ] {
            assert_eq!(WeightedElement::of(text), WeightedElement { value, weight: QualityValue(weight) }, "{text}");
        }
    }
}
