//! The network that a request comes from.

use domain::source_network::SourceNetwork;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::http::request::Request;

impl Request {
    /// The client's network. Its address is the one that API Gateway saw at the other end of the connection: a client
    /// can write any address into a header such as `X-Forwarded-For`.
    #[must_use]
    pub fn source_network(&self) -> SourceNetwork {
        let address = match self.received.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        address.map_or(SourceNetwork::UNKNOWN, SourceNetwork::of_address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use testkit::gateway::{Payload, Request as Sent};

    /// The request as `lambda_http` gives it to a function.
    fn received(sent: &Sent, payload: Payload) -> Request {
        let received = lambda_http::request::from_str(&sent.to_event(payload).to_string()).unwrap();
        Request::from(received)
    }

    #[test]
    fn the_network_is_the_contexts_and_no_header_changes_it() {
        for payload in [Payload::V1, Payload::V2] {
            let mut sent = Sent::post("/login/").source_ip("127.0.113.7");
            for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"] {
                sent = sent.header(header, "127.0.100.1");
            }
            let network = received(&sent, payload).source_network();
            assert_eq!(network.to_string(), "127.0.113.0/24", "{payload:?}");
        }
    }

    #[test]
    fn a_request_without_a_context_comes_from_the_unknown_network() {
        let request = Request::from(lambda_http::Request::default());
        assert_eq!(request.source_network(), SourceNetwork::UNKNOWN);
    }
}
