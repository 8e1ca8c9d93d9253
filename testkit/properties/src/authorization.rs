//! The headers that name a caller: `Authorization`, and two for API keys.

use arbitrary::Arbitrary;
use lambda_http::Body;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::AUTHORIZATION;
use shared::domain::time::Timestamp;
use shared::error::ApiError;
use shared::http::Request;

/// The headers for API keys, in the order in which they count.
const OF_API_KEYS: [&str; 2] = ["x-api-key", "api-key"];

/// The headers' values, as they came over the wire.
#[derive(Arbitrary, Debug)]
pub struct Input {
    values: Vec<Value>,
    api_keys: [Option<KeyValue>; 2],
}

#[derive(Arbitrary, Debug)]
enum Value {
    Bytes(Vec<u8>),
    Bearer { scheme: [bool; 6], rest: String },
}

#[derive(Arbitrary, Debug)]
enum KeyValue {
    Bytes(Vec<u8>),
    Key { before: u8, rest: String, after: u8 },
}

impl Input {
    /// A token is what follows `Bearer`, and would be the same token if it stood there alone. A header for API keys
    /// counts where there is no `Authorization`, and never has anything but one API key.
    ///
    /// # Panics
    /// The property does not hold.
    pub fn check(&self) {
        let values: Vec<Vec<u8>> = self.values.iter().map(Value::bytes).collect();
        let keys = self.api_keys.each_ref().map(|value| value.as_ref().map(KeyValue::bytes));
        let received = received(&values, &keys);
        let has_authorization = received.headers().contains_key(AUTHORIZATION);
        let request = request(received);
        let named = request.bearer();
        if let Err(error) = &named {
            assert!(matches!(error, ApiError::NotAuthenticated | ApiError::TokenNotValid(_)), "{error:?}");
        }
        if has_authorization {
            check_authorization(&values, &named);
        } else {
            check_api_key(&keys, &named);
        }
    }
}

fn check_authorization(values: &[Vec<u8>], named: &Result<&str, ApiError>) {
    let alone = received(values, &[None, None]);
    let first = alone.headers()[AUTHORIZATION].clone();
    let expected = request(alone);
    assert_eq!(named.as_ref().ok(), expected.bearer().as_ref().ok(), "a header for API keys made a difference");
    let Ok(token) = *named else { return };
    assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
    let words: Vec<&str> = first.to_str().unwrap().split_ascii_whitespace().collect();
    assert!(words.len() == 2 && words[0].eq_ignore_ascii_case("bearer") && words[1] == token);
    let alone = format!("Bearer {token}").into_bytes();
    assert_eq!(request(received(&[alone], &[None, None])).bearer().unwrap(), token);
}

fn check_api_key(keys: &[Option<Vec<u8>>; 2], named: &Result<&str, ApiError>) {
    let without_authorization = received(&[], keys);
    let Some(header) = OF_API_KEYS.iter().find_map(|name| without_authorization.headers().get(*name)) else {
        assert!(matches!(named, Err(ApiError::NotAuthenticated)), "{named:?}");
        return;
    };
    let words: Vec<&str> = header.to_str().unwrap_or_default().split_ascii_whitespace().collect();
    match *named {
        Ok(token) => {
            assert!(token.starts_with("sk-") && words == [token], "{token:?}");
            let as_bearer = format!("Bearer {token}").into_bytes();
            assert_eq!(request(received(&[as_bearer], &[None, None])).bearer().unwrap(), token);
        }
        Err(ref error) => {
            let is_key = matches!(&words[..], [word] if word.starts_with("sk-"));
            assert!(!is_key && matches!(error, ApiError::TokenNotValid(_)), "{error:?}");
        }
    }
}

impl Value {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Bearer { scheme, rest } => {
                let letter = |(letter, upper): (char, &bool)| {
                    if *upper { letter.to_ascii_uppercase() } else { letter }
                };
                let scheme: String = "bearer".chars().zip(scheme).map(letter).collect();
                format!("{scheme} {rest}").into_bytes()
            }
        }
    }
}

impl KeyValue {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Key { before, rest, after } => {
                let spaces = |number: u8| " ".repeat(usize::from(number % 3));
                format!("{}sk-{rest}{}", spaces(*before), spaces(*after)).into_bytes()
            }
        }
    }
}

/// Bytes that are not a header value are left out: HTTP cannot transport them.
fn received(values: &[Vec<u8>], keys: &[Option<Vec<u8>>; 2]) -> lambda_http::Request {
    let mut received = lambda_http::Request::new(Body::Empty);
    for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
        received.headers_mut().append(AUTHORIZATION, value);
    }
    for (name, value) in OF_API_KEYS.iter().zip(keys) {
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_bytes(value).ok()) {
            received.headers_mut().insert(*name, value);
        }
    }
    received
}

fn request(received: lambda_http::Request) -> Request {
    Request::new(received, Timestamp::from_seconds(0))
}
