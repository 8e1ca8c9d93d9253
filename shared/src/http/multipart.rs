//! Bodies of the type `multipart/form-data` (RFC 7578), which HTML forms and many HTTP clients send.

use std::collections::BTreeMap;
use std::convert::Infallible;

use futures_util::{FutureExt, stream};
use lambda_http::http::header::{CONTENT_DISPOSITION, HeaderMap, HeaderName};
use multer::{Field, Multipart};

use crate::error::ApiError;
use crate::http::form::MAX_FORM_FIELDS;

const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

/// The text fields of `body`, whose content type is `content_type`. The last value of a field that is given twice
/// counts, and a part without a name is left out, as in Django.
///
/// # Errors
/// [`ApiError::Parse`] if the body is not what the content type says, or has too many parts; [`ApiError::Invalid`],
/// naming the field, if a part is a file.
pub(super) fn parse_multipart(content_type: &str, body: &[u8]) -> Result<BTreeMap<String, String>, ApiError> {
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| ApiError::Parse("The content type multipart/form-data has no boundary.".to_owned()))?;
    let whole = stream::iter([Ok::<_, Infallible>(body.to_vec())]);
    let fields = text_fields(Multipart::new(whole, boundary));
    // The whole body is here, so there is nothing to wait for.
    fields.now_or_never().unwrap_or_else(|| Err(not_multipart()))
}

async fn text_fields(mut parts: Multipart<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut fields = BTreeMap::new();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(|_| not_multipart())? {
        count += 1;
        if count > MAX_FORM_FIELDS {
            return Err(ApiError::Parse(format!("The form has more than {MAX_FORM_FIELDS} fields.")));
        }
        let Some(name) = part.name().map(str::to_owned) else { continue };
        if is_file(&part) {
            return Err(ApiError::invalid(name, "Send a text, not a file."));
        }
        if is_encoded(part.headers()) {
            return Err(ApiError::invalid(name, "Send the text as it is, without Content-Transfer-Encoding."));
        }
        let bytes = part.bytes().await.map_err(|_| not_multipart())?;
        let text = str::from_utf8(&bytes).map_err(|_| ApiError::Parse("The form is not in UTF-8.".to_owned()))?;
        fields.insert(name, text.to_owned());
    }
    Ok(fields)
}

fn not_multipart() -> ApiError {
    ApiError::Parse("The body is not multipart/form-data with the boundary of its content type.".to_owned())
}

/// A file has a name. `filename*` is the form of RFC 5987, which multer does not read.
fn is_file(part: &Field<'_>) -> bool {
    let has_extended_name = part
        .headers()
        .get(CONTENT_DISPOSITION)
        .is_some_and(|header| String::from_utf8_lossy(header.as_bytes()).to_ascii_lowercase().contains("filename*"));
    has_extended_name || part.file_name().is_some_and(|name| !name.is_empty())
}

/// RFC 7578, section 4.7, deprecates encodings of a part that are not the identity; no HTTP client uses them.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TRANSFER_ENCODING).is_some_and(|encoding| {
        let is_identity = |name: &&str| encoding.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        !["7bit", "8bit", "binary"].iter().any(is_identity)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT_TYPE: &str = "multipart/form-data; boundary=X";

    fn part(headers: &str, value: &str) -> String {
        format!("--X\r\n{headers}\r\n\r\n{value}\r\n")
    }

    fn field(name: &str, value: &str) -> String {
        part(&format!("Content-Disposition: form-data; name=\"{name}\""), value)
    }

    fn read(parts: &[String]) -> Result<BTreeMap<String, String>, ApiError> {
        parse_multipart(CONTENT_TYPE, format!("{}--X--\r\n", parts.concat()).as_bytes())
    }

    #[test]
    fn text_parts_are_fields() {
        let fields = read(&[
            field("username", "ada"),
            field("message", "a\r\nb = \u{fc} --X "),
            field("empty", ""),
            field("twice", "1"),
            field("twice", "2"),
            part("content-disposition: form-data; name=plain\r\nContent-Type: text/plain; charset=utf-8", "c"),
            part("Content-Disposition: form-data; name=\"no file\"; filename=\"\"", "d"),
            part("Content-Disposition: form-data; name=e\r\nContent-Transfer-Encoding: 8BIT", "e"),
            part("Content-Disposition: form-data", "without a name"),
        ])
        .unwrap();
        let expected = [
            ("empty", ""),
            ("e", "e"),
            ("message", "a\r\nb = \u{fc} --X "),
            ("no file", "d"),
            ("plain", "c"),
            ("twice", "2"),
            ("username", "ada"),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_file_and_an_encoded_text_are_refused_by_the_name_of_their_field() {
        for headers in [
            "Content-Disposition: form-data; name=\"photo\"; filename=\"ada.png\"",
            "Content-Disposition: form-data; name=\"photo\"; filename*=UTF-8''ada.png",
            "Content-Disposition: form-data; name=\"photo\"\r\nContent-Transfer-Encoding: base64",
        ] {
            let Err(ApiError::Invalid(errors)) = read(&[field("username", "ada"), part(headers, "x")]) else {
                panic!("{headers}")
            };
            assert_eq!(errors.keys().collect::<Vec<_>>(), ["photo"], "{headers}");
        }
    }

    #[test]
    fn anything_else_is_a_parse_error() {
        let whole = format!("{}--X--\r\n", field("username", "ada"));
        for length in 0..whole.len() - "--\r\n".len() {
            let outcome = parse_multipart(CONTENT_TYPE, &whole.as_bytes()[..length]);
            assert!(matches!(outcome, Err(ApiError::Parse(_))), "{length}");
        }
        for content_type in ["multipart/form-data", "multipart/form-data; boundary=Y", "multipart/form-data; boundary="]
        {
            let outcome = parse_multipart(content_type, whole.as_bytes());
            assert!(matches!(outcome, Err(ApiError::Parse(_))), "{content_type}");
        }
        let not_utf8 = [field("username", "").as_bytes().trim_ascii_end(), b"\r\n\r\n\xff\r\n--X--\r\n"].concat();
        assert!(matches!(parse_multipart(CONTENT_TYPE, &not_utf8), Err(ApiError::Parse(_))));
    }

    #[test]
    fn a_form_has_a_limit_of_parts() {
        assert_eq!(read(&vec![field("a", "1"); MAX_FORM_FIELDS]).unwrap().len(), 1);
        assert!(matches!(read(&vec![field("a", "1"); MAX_FORM_FIELDS + 1]), Err(ApiError::Parse(_))));
    }
}
