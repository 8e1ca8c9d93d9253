//! The origin of the acts of staff.

use acts::ActOrigin;
use telemetry::invocation::Invocation;

use crate::http::Request;

/// The origin of what staff do by `request`: its network, and the id of its invocation.
#[must_use]
pub fn origin(request: &Request) -> ActOrigin {
    let invocation = Invocation::current();
    ActOrigin::new(Some(request.source_network()), invocation.as_ref().map_or("", Invocation::request_id))
}
