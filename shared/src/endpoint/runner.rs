//! How Lambda is served, which the type of an endpoint's answers decides.

use std::future::Future;

use crate::endpoint::answered::Answered;
use crate::http::Answer;

/// The error that a function's process ends with.
pub type Error = lambda_http::Error;

/// The answers of an endpoint. Only [`Answer`] and [`Streamable`](crate::http::Streamable) implement it: a buffered function
/// cannot stream.
pub trait EndpointAnswer<E>: sealed::Sealed + From<Answer> + Send + 'static {
    /// Serves Lambda with `answer` until Lambda ends the process.
    #[doc(hidden)]
    fn run<F, A>(answer: F) -> impl Future<Output = Result<(), Error>>
    where
        F: Fn(lambda_http::Request) -> A + Send + Sync + 'static,
        A: Future<Output = Answered<Self, E>> + Send + 'static;
}

mod sealed {
    use crate::http::{Answer, Streamable};

    pub trait Sealed {}

    impl Sealed for Answer {}

    impl<E> Sealed for Streamable<E> {}
}
