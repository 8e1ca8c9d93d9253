//! The `Authorization` header.

use arbitrary::Arbitrary;
use lambda_http::Body;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::AUTHORIZATION;
use shared::domain::time::Timestamp;
use shared::error::ApiError;
use shared::http::Request;

/// The header's values, as they came over the wire.
#[derive(Arbitrary, Debug)]
pub struct Input {
    values: Vec<Value>,
}

#[derive(Arbitrary, Debug)]
enum Value {
    Bytes(Vec<u8>),
    Bearer { scheme: [bool; 6], rest: String },
}

impl Input {
    /// A token is what follows `Bearer`, and would be the same token if it stood there alone.
    ///
    /// # Panics
    /// The property does not hold.
    pub fn check(&self) {
        let values: Vec<Vec<u8>> = self.values.iter().map(Value::bytes).collect();
        let received = received(&values);
        match request(received.clone()).bearer() {
            Ok(token) => {
                assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
                let first = received.headers()[AUTHORIZATION].to_str().unwrap();
                let words: Vec<&str> = first.split_ascii_whitespace().collect();
                assert!(words.len() == 2 && words[0].eq_ignore_ascii_case("bearer") && words[1] == token);
                let alone = format!("Bearer {token}").into_bytes();
                assert_eq!(request(self::received(&[alone])).bearer().unwrap(), token);
            }
            Err(error) => {
                assert!(matches!(error, ApiError::NotAuthenticated | ApiError::TokenNotValid(_)), "{error:?}");
            }
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

/// Bytes that are not a header value are left out: HTTP cannot transport them.
fn received(values: &[Vec<u8>]) -> lambda_http::Request {
    let mut received = lambda_http::Request::new(Body::Empty);
    for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
        received.headers_mut().append(AUTHORIZATION, value);
    }
    received
}

fn request(received: lambda_http::Request) -> Request {
    Request::new(received, Timestamp::from_seconds(0))
}
