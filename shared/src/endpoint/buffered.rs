//! The runner of endpoints whose answers are whole.

use std::future::{Future, ready};
use std::pin::Pin;

use lambda_http::{Body, IntoResponse, service_fn};

use crate::endpoint::answered::{Answered, add_headers};
use crate::endpoint::error::EndpointError;
use crate::endpoint::runner::{EndpointAnswer, Error};
use crate::http::{Answer, BufferedResponse};

impl<E: EndpointError> EndpointAnswer<E> for Answer {
    async fn run<F, A>(answer: F) -> Result<(), Error>
    where
        F: Fn(lambda_http::Request) -> A + Send + Sync + 'static,
        A: Future<Output = Answered<Self, E>> + Send + 'static,
    {
        lambda_http::run(service_fn(move |received: lambda_http::Request| {
            let answered = answer(received);
            async move { Ok::<Unconverted, Error>(Unconverted(response(answered.await))) }
        }))
        .await
    }
}

/// A response that Lambda gets as it is. `lambda_http` would convert its body to UTF-8, with tables for all encodings of
/// the web, which each function's zip would have. Our bodies are in UTF-8.
struct Unconverted(BufferedResponse);

impl IntoResponse for Unconverted {
    fn into_response(self) -> Pin<Box<dyn Future<Output = BufferedResponse> + Send>> {
        Box::pin(ready(self.0))
    }
}

fn response<E: EndpointError>(answered: Answered<Answer, E>) -> BufferedResponse {
    let Answered { outcome, headers, is_head, line } = answered;
    let (mut response, error) = match outcome {
        Ok(answer) => (answer.into_response(), None),
        Err(error) => (error.response(), Some(error)),
    };
    add_headers(response.headers_mut(), headers);
    if is_head {
        *response.body_mut() = Body::Empty;
    }
    line.end(response.status(), error.as_ref());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::endpoint::answered::{Answered, PathMethods, answered};
    use crate::error::ApiError;
    use crate::http::{CorsOrigins, Method, Request, StatusCode};

    const METHODS: &[Method] = &[Method::GET, Method::DELETE];

    async fn panics(received: lambda_http::Request) -> BufferedResponse {
        panics_at(Some(METHODS), received).await
    }

    async fn panics_at(methods: Option<&[Method]>, received: lambda_http::Request) -> BufferedResponse {
        let request = Request::from(received);
        response(
            answered(methods.map(PathMethods::from), &CorsOrigins::None, request, |_| async {
                panic!("on purpose");
                #[expect(unreachable_code, reason = "the type of the answer")]
                Err(ApiError::NotFound)
            })
            .await,
        )
    }

    #[tokio::test]
    async fn a_panic_is_answered_as_a_fault_of_ours() {
        let response = panics(lambda_http::Request::new(Body::Empty)).await;
        assert_eq!(response.status(), 500);
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        let mut received = lambda_http::Request::new(Body::Empty);
        *received.method_mut() = Method::POST;
        let response = panics(received).await;
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD, DELETE");
    }

    #[tokio::test]
    async fn a_handler_that_hides_its_methods_gets_every_request_and_a_head_as_a_get_where_there_is_one() {
        for (methods, sent, seen) in [
            (METHODS, Method::POST, Method::POST),
            (METHODS, Method::HEAD, Method::GET),
            (&[Method::POST][..], Method::HEAD, Method::HEAD),
        ] {
            let mut received = lambda_http::Request::new(Body::Empty);
            *received.method_mut() = sent;
            let hidden = PathMethods { methods, are_hidden: true };
            let answer = |request: Request| async move {
                assert_eq!(*request.method(), seen);
                Err(ApiError::NoSuchPath)
            };
            let answered: Answered<Answer, ApiError> =
                answered(Some(hidden), &CorsOrigins::None, Request::from(received), answer).await;
            assert_eq!(response(answered).status(), 404);
        }
    }

    #[tokio::test]
    async fn head_is_answered_as_get_is_and_no_head_has_a_body() {
        for (methods, status) in [(METHODS, 200), (&[Method::POST][..], 405)] {
            let mut received = lambda_http::Request::new(Body::Empty);
            *received.method_mut() = Method::HEAD;
            let answer = |request: Request| async move {
                assert_eq!(request.method(), Method::GET);
                Answer::private(StatusCode::OK, &"a body")
            };
            let answered =
                answered(Some(PathMethods::from(methods)), &CorsOrigins::None, Request::from(received), answer).await;
            let response = response::<ApiError>(answered);
            assert_eq!((response.status().as_u16(), response.body().is_empty()), (status, true));
            assert!(response.headers().contains_key("content-type"));
        }
    }

    #[tokio::test]
    async fn a_path_that_the_endpoint_does_not_have_is_not_found_whatever_the_method() {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let mut received = lambda_http::Request::new(Body::Empty);
            *received.method_mut() = method;
            assert_eq!(panics_at(None, received).await.status(), 404);
        }
    }
}
