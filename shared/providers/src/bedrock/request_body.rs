//! The body that the SDK signs and sends, as it was written here.

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};

use aws_sdk_bedrockruntime::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_bedrockruntime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_bedrockruntime::error::BoxError;

/// A body for one request, which takes the place of the SDK's. It never prints.
pub(super) struct RequestBody(Mutex<Vec<u8>>);

impl RequestBody {
    pub(super) fn new(json: Vec<u8>) -> Self {
        Self(Mutex::new(json))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RequestBody")
    }
}

impl Intercept for RequestBody {
    fn name(&self) -> &'static str {
        "the body as it was written"
    }

    /// Comes once, before all attempts: they share these bytes.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _configuration: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let json = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let request = context.request_mut();
        request.headers_mut().insert("content-length", json.len().to_string());
        *request.body_mut() = json.into();
        Ok(())
    }
}
