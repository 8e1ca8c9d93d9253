//! Opening a connection before it is needed.

use aws_sdk_bedrockruntime::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_bedrockruntime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_bedrockruntime::error::BoxError;
use aws_smithy_types::body::SdkBody;

/// Makes a request that asks for nothing of one to a model: the SDK has no way to connect alone. Without a signature and a
/// body, and as a `HEAD`, no model can be asked by it. Its answer leaves the connection open.
#[derive(Debug)]
pub(super) struct UnaskedRequest;

impl Intercept for UnaskedRequest {
    fn name(&self) -> &'static str {
        "a request that asks for nothing"
    }

    /// Comes after the signature.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _configuration: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_method("HEAD")?;
        for name in ["authorization", "x-amz-security-token", "x-amz-date", "content-type", "content-length"] {
            request.headers_mut().remove(name);
        }
        *request.body_mut() = SdkBody::empty();
        Ok(())
    }
}
