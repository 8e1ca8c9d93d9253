//! Requests of API Gateway and cargo-lambda, and everything that is read from them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::HeaderValue;
use serde_json::{Value, json};
use shared::domain::ids::SessionId;
use shared::domain::message::Message;
use shared::domain::password::{Password, PasswordRules};
use shared::domain::source_network::SourceNetwork;
use shared::domain::time::Timestamp;
use shared::domain::username::Username;
use shared::error::ApiError;
use shared::http::{MAX_BODY_BYTES, Request};
use shared::identity::jwt::ReceivedToken;
use shared::identity::sessions::UserAgent;
use shared::ledger::history::{AnsweredMessage, Limit, List, PageRequest, Transaction};
use shared::ledger::idempotency::IdempotencyKey;

use super::sent::{Address, Body, ContentType, FieldValue, Name, Parameter};
use super::text::Text;
use super::token::good_access_token;
use super::verifier::logged_in;

/// Two events of the functions' tests, in which the client's part is replaced.
const REST_EVENT: &str = include_str!("../../../events/chat/replied.json");
const HTTP_EVENT: &str = include_str!("../../../events/chat/replied-locally.json");

static ACCESS_TOKEN: LazyLock<String> = LazyLock::new(good_access_token);

/// The parts of a request that a client chooses.
#[derive(Arbitrary, Debug)]
pub struct Input {
    is_rest: bool,
    is_base64: bool,
    content_type: ContentType,
    body: Body,
    idempotency_keys: Vec<Text>,
    user_agent: Option<Text>,
    query: Vec<(Parameter, Text)>,
    /// The last segment of the path, and the text behind it.
    segment: Text,
    address: Address,
    forwarded_for: Option<Text>,
    slashes: u8,
}

impl Input {
    /// A parsed value is the one that was sent, and keeps its type's promises; a value that is refused is the client's
    /// fault.
    ///
    /// # Panics
    /// The property does not hold.
    pub fn check(&self) {
        let event = self.event().to_string();
        let received = lambda_http::request::from_str(&event).unwrap_or_else(|error| panic!("{error}: {event}"));
        assert_eq!(AsRef::<[u8]>::as_ref(received.body()), self.bytes());
        let request = Request::new(received.clone(), Timestamp::from_seconds(0));
        check_fields(&request, &received);
        self.check_idempotency_key(&request);
        self.check_user_agent(&request);
        self.check_page(&request);
        self.check_segment(&request);
        self.check_network(&request);
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Fields(fields) if self.content_type.is_form() => {
                let pairs = fields.iter().map(|(name, value)| (name.text(), value.text()));
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
            }
            Body::Fields(fields) if self.content_type.is_multipart() => {
                let part = |(name, value): &(Name, FieldValue)| {
                    let head = format!("Content-Disposition: form-data; name=\"{}\"", name.text());
                    format!("---\r\n{head}\r\n\r\n{}\r\n", value.text())
                };
                format!("{}-----", fields.iter().map(part).collect::<String>()).into_bytes()
            }
            Body::Fields(fields) => {
                let member = |(name, value): &(Name, FieldValue)| format!("{}:{}", json!(name.text()), value.json());
                let members: Vec<String> = fields.iter().map(member).collect();
                format!("{{{}}}", members.join(",")).into_bytes()
            }
            Body::Long { name, text, times } => {
                // Texts around the limit are long enough.
                let times = usize::from(*times).min(2 * MAX_BODY_BYTES / text.0.len().max(1));
                json!({name.text(): text.0.repeat(times)}).to_string().into_bytes()
            }
        }
    }

    fn headers(&self) -> Vec<(&str, String)> {
        let mut headers = vec![("Authorization", format!("Bearer {}", *ACCESS_TOKEN))];
        headers.extend(self.content_type.text().map(|text| ("Content-Type", text)));
        headers.extend(self.forwarded_for.iter().map(|list| ("X-Forwarded-For", list.0.clone())));
        headers.extend(self.user_agent.iter().map(|name| ("User-Agent", name.0.clone())));
        headers.extend(self.idempotency_keys.iter().map(|key| ("Idempotency-Key", key.0.clone())));
        // Bytes that are not a header value are left out: HTTP cannot transport them.
        headers.retain(|(_, value)| HeaderValue::from_str(value).is_ok());
        headers
    }

    /// Escaped, as it comes over the wire.
    fn path(&self) -> String {
        let segment: String = form_urlencoded::byte_serialize(self.segment.0.as_bytes()).collect();
        format!("/sessions/{segment}{}", "/".repeat(usize::from(self.slashes % 3)))
    }

    fn event(&self) -> Value {
        let mut event: Value = serde_json::from_str(if self.is_rest { REST_EVENT } else { HTTP_EVENT }).unwrap();
        if self.is_rest {
            self.fill_rest_event(&mut event);
        } else {
            self.fill_http_event(&mut event);
        }
        let bytes = self.bytes();
        let text = if self.is_base64 { None } else { std::str::from_utf8(&bytes).ok() };
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = json!(text.map_or_else(|| STANDARD.encode(&bytes), str::to_owned));
        event
    }

    fn fill_rest_event(&self, event: &mut Value) {
        event["path"] = json!(self.path());
        event["requestContext"]["identity"]["sourceIp"] = json!(self.address.text());
        for name in ["Authorization", "Content-Type", "User-Agent", "X-Forwarded-For"] {
            event["headers"].as_object_mut().unwrap().remove(name);
            event["multiValueHeaders"].as_object_mut().unwrap().remove(name);
        }
        for (name, value) in self.headers() {
            add(event, ["headers", "multiValueHeaders"], name, &value);
        }
        for (name, value) in &self.query {
            add(event, ["queryStringParameters", "multiValueQueryStringParameters"], name.text(), &value.0);
        }
    }

    /// The first of several headers of a name, and the query as it was sent.
    fn fill_http_event(&self, event: &mut Value) {
        event["rawPath"] = json!(self.path());
        event["requestContext"]["http"]["sourceIp"] = json!(self.address.text());
        let headers = event["headers"].as_object_mut().unwrap();
        headers.retain(|name, _| {
            !["authorization", "content-type", "user-agent", "x-forwarded-for"].contains(&name.as_str())
        });
        for (name, value) in self.headers() {
            headers.entry(name.to_ascii_lowercase()).or_insert(json!(value));
        }
        let pairs = self.query.iter().map(|(name, value)| (name.text(), &value.0));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        event["rawQueryString"] = json!(query);
    }

    fn check_idempotency_key(&self, request: &Request) {
        let mut sent = self.headers().into_iter().filter(|(name, _)| *name == "Idempotency-Key").map(|(_, key)| key);
        // REST APIs give the last value, and cargo-lambda the first.
        let sent = if self.is_rest { sent.next_back() } else { sent.next() };
        match request.idempotency_key() {
            Ok(None) => assert!(sent.is_none()),
            Ok(Some(key)) => {
                let sent = sent.unwrap();
                let bare = sent.trim();
                let bare = bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(bare);
                assert!((1..=255).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic()), "{sent}");
                assert_eq!(key, IdempotencyKey::parse(&format!("\"{bare}\"")).unwrap());
                assert_ne!(Some(key), IdempotencyKey::parse(&format!("{bare}x")).ok());
            }
            Err(error) => assert!(sent.is_some() && is_clients_fault(&error), "{error:?}"),
        }
    }

    /// The user agent is the beginning of the header, and has no line breaks.
    fn check_user_agent(&self, request: &Request) {
        let Some(kept) = request.user_agent() else { return };
        let kept = serde_json::to_value(kept).unwrap();
        let kept = kept.as_str().unwrap();
        assert!(!kept.is_empty() && kept.len() <= UserAgent::MAX_CHARACTERS, "{kept:?}");
        assert!(self.user_agent.as_ref().unwrap().0.trim().starts_with(kept) && !kept.contains(['\r', '\n']));
    }

    fn check_segment(&self, request: &Request) {
        let Some(segment) = request.item_of("sessions") else { return };
        assert!(!segment.contains('/') && self.path().contains(&format!("/{segment}")), "{segment:?}");
        if let Some(id) = SessionId::parse(segment) {
            assert_eq!(id.to_string(), segment);
        }
    }

    /// No header changes the network of a request, and all addresses of one /24 or /64 are one network.
    fn check_network(&self, request: &Request) {
        let network = request.source_network();
        assert_eq!(network, SourceNetwork::of_address(&self.address.text()));
        match self.address {
            Address::Ipv4([first, second, third, _]) => {
                assert_eq!(network.to_string(), format!("{first}.{second}.{third}.0/24"));
            }
            Address::Ipv6(_) => assert!(network.is_known()),
            Address::Other(_) => {}
        }
    }

    fn check_page(&self, request: &Request) {
        let user_id = logged_in(request.bearer().unwrap()).unwrap().user_id();
        self.check_page_of::<Transaction>(request.page::<Transaction>(user_id), 500);
        self.check_page_of::<AnsweredMessage>(request.page::<AnsweredMessage>(user_id), 100);
        match request.transactions(user_id) {
            Ok((filter, page)) => {
                assert!(filter.from.is_some() == self.last("from").is_some());
                assert!(filter.kind.is_some() == self.last("kind").is_some());
                assert_eq!(page, request.page::<Transaction>(user_id).unwrap());
            }
            Err(ApiError::Invalid(errors)) => {
                assert!(errors.keys().all(|name| self.last(name).is_some()) && !errors.is_empty(), "{errors:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The last value of a parameter.
    fn last(&self, wanted: &str) -> Option<&str> {
        self.query.iter().rev().find(|(name, _)| name.text() == wanted).map(|(_, value)| value.0.as_str())
    }

    fn check_page_of<T: List>(&self, page: Result<PageRequest, ApiError>, most: u16) {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let limit = self.last("limit");
        let is_limit_right = limit.is_none_or(|text| number(text).is_some_and(|n: u16| (1..=most).contains(&n)));
        let has_cursor = self.last("cursor").is_some();
        match page {
            // A random text is not a cursor, which has a digest of 16 bytes.
            Ok(page) => {
                assert!(page.cursor.is_none() && !has_cursor && is_limit_right);
                let limit = limit.map_or_else(Limit::default, |text| Limit::parse::<T>(text).unwrap());
                assert_eq!(page.limit, limit);
            }
            Err(ApiError::Invalid(errors)) => {
                assert_eq!(errors.contains_key("limit"), !is_limit_right, "{errors:?}");
                assert_eq!(errors.contains_key("cursor"), has_cursor, "{errors:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// One member of the event has the last value of each name, and another has all values.
fn add(event: &mut Value, [last, all]: [&str; 2], name: &str, value: &str) {
    event[last][name] = json!(value);
    match event[all][name].as_array_mut() {
        Some(values) => values.push(json!(value)),
        None => event[all][name] = json!([value]),
    }
}

fn is_clients_fault(error: &ApiError) -> bool {
    error.status().is_client_error()
}

fn check_fields(request: &Request, received: &lambda_http::Request) {
    let mut fields = match request.fields() {
        Ok(fields) => fields,
        Err(error) => return assert!(is_clients_fault(&error), "{error:?}"),
    };
    let Some(sent) = sent_fields(received) else { return };
    let text = |name: &str| sent.get(name).and_then(Value::as_str).map(str::to_owned);
    let username: Option<Username> = fields.take("username");
    let password: Option<Password> = fields.take("password");
    let token: Option<ReceivedToken> = fields.take("refresh");
    let message: Option<Message> = fields.take("message");
    let everywhere = fields.take_switch("everywhere");
    let ApiError::Invalid(errors) = fields.refuse() else { panic!("not about fields") };
    assert_eq!(errors.contains_key("username"), username.is_none());
    assert_eq!(errors.contains_key("password"), password.is_none());
    assert_eq!(errors.contains_key("refresh"), token.is_none());
    assert_eq!(errors.contains_key("message"), message.is_none());
    assert_eq!(everywhere, switch(sent.get("everywhere")));
    if let Some(username) = &username {
        check_username(&text("username").unwrap(), username);
    }
    if let (Some(password), Some(username)) = (password, username) {
        check_password(&text("password").unwrap(), &password, &username);
    }
    if let Some(token) = token {
        assert!(!text("refresh").unwrap().trim().is_empty());
        assert_eq!(format!("{token:?}"), "ReceivedToken(hidden)");
    }
    if let Some(message) = message {
        assert_eq!(message.as_str(), text("message").unwrap());
        assert!(!message.as_str().trim().is_empty() && !message.as_str().contains('\0'));
        assert!(message.as_str().len() <= Message::MAX_BYTES);
    }
}

/// A JSON boolean, the word for it, or nothing.
fn switch(sent: Option<&Value>) -> Option<bool> {
    match sent {
        None => Some(false),
        Some(Value::String(word)) => word.to_ascii_lowercase().parse().ok(),
        Some(value) => value.as_bool(),
    }
}

/// The body, parsed a second time; the last value of a repeated field counts. There is no second parser of multipart.
fn sent_fields(received: &lambda_http::Request) -> Option<BTreeMap<String, Value>> {
    let body: &[u8] = received.body().as_ref();
    assert!(body.len() <= MAX_BODY_BYTES);
    if body.is_empty() {
        return Some(BTreeMap::new());
    }
    let content_type = received.headers().get("content-type").map(|value| value.to_str().unwrap().to_ascii_lowercase());
    match content_type.as_deref().and_then(|value| value.split(';').next()).map_or("application/json", str::trim) {
        "application/json" => Some(serde_json::from_slice(body).unwrap()),
        "application/x-www-form-urlencoded" => {
            let pairs = form_urlencoded::parse(body);
            Some(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
        }
        "multipart/form-data" => None,
        other => panic!("{other}"),
    }
}

/// A name prints as it was parsed, in the characters of the rule, as does its canonical form.
fn check_username(sent: &str, username: &Username) {
    let name = username.as_str();
    assert!(sent.chars().count() <= Username::MAX_CHARACTERS);
    assert!((1..=Username::MAX_CHARACTERS).contains(&name.chars().count()), "{name:?}");
    assert!(name.chars().all(|it| it.is_alphanumeric() || "@.+-_".contains(it)), "{name:?}");
    assert_eq!(Username::parse(name).as_ref(), Ok(username), "{name:?}");
    let canonical = username.canonical();
    assert!(!canonical.is_empty() && !canonical.contains(char::is_control));
    if let Ok(again) = Username::parse(&canonical) {
        assert_eq!(again.canonical(), canonical, "{name:?}");
    }
}

/// A password that may be chosen may also be claimed, has the right length, and is not the name. It never prints.
fn check_password(sent: &str, password: &Password, username: &Username) {
    assert_eq!(format!("{password:?}"), "Password(hidden)");
    assert!(sent.chars().count() <= Password::MAX_CHARACTERS && !sent.contains('\0'));
    let may_be_chosen = |blocklist| Password::choose(sent, username, PasswordRules { blocklist }).is_ok();
    if may_be_chosen(false) {
        // NFC may turn other characters into several.
        assert!(!sent.is_ascii() || sent.len() >= Password::MIN_CHARACTERS);
        assert!(!sent.eq_ignore_ascii_case(username.as_str()), "{username}");
    } else {
        assert!(!may_be_chosen(true));
    }
}
