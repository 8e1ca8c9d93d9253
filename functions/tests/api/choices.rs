//! Several choices, log probabilities, biases, annotations, and members that only a model's server knows: what arrives at a
//! provider of OpenAI's protocol, what comes back, what it costs, and what is refused.

use serde_json::{Value, json};
use testkit::gateway::Request;
use wiremock::{MockServer, ResponseTemplate};

use crate::events::data_of_events;
use crate::providers::{Chatting, answer, ask, refuses, request, streams};
use crate::refusals::refused_by_openai;
use crate::requests::{QUOTE, catalogue_of, model};

/// A provider with models at a credit a token. The first has a list of extra parameters, its fallback another, and the
/// others none. The last cannot stream.
async fn chatting() -> (MockServer, Chatting) {
    let provider = MockServer::start().await;
    let chatting = Chatting::start(&[]).await;
    let listing = json!({"extra_parameters": ["top_k", "min_p"], "fallbacks": ["other"]});
    let models = [
        model("listing", &listing),
        model("other", &json!({"extra_parameters": ["min_p", "typical_p"]})),
        model("plain", &json!({})),
        model("whole", &json!({"streams": "never"})),
    ];
    chatting.world.put_catalogue(Some(&catalogue_of(&provider, &models))).await;
    (provider, chatting)
}

fn asked(model: &str, more: &Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn chunk_of(index: u32, delta: &Value, logprobs: &Value, finish_reason: Option<&str>) -> Value {
    json!({"choices": [{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}]})
}

fn logprobs(token: &str) -> Value {
    json!({"content": [{"token": token, "logprob": -0.25, "bytes": null, "top_logprobs": []}], "refusal": null})
}

fn annotation() -> Value {
    json!({"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "A"}})
}

/// Two choices side by side, with all that may stand beside words.
fn two_choices() -> ResponseTemplate {
    let none = Value::Null;
    streams(&[
        chunk_of(0, &json!({"role": "assistant", "content": ""}), &none, None),
        chunk_of(1, &json!({"role": "assistant", "content": ""}), &none, None),
        chunk_of(1, &json!({"content": "Hey"}), &logprobs("Hey"), None),
        chunk_of(0, &json!({"content": "Hi"}), &logprobs("Hi"), None),
        chunk_of(0, &json!({"annotations": [annotation()]}), &none, None),
        chunk_of(0, &json!({}), &none, Some("stop")),
        chunk_of(1, &json!({"content": " there"}), &logprobs(" there"), None),
        chunk_of(1, &json!({}), &none, Some("length")),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 150, "total_tokens": 159}}),
    ])
}

/// The choices of a stream, put together as OpenAI's clients do.
fn put_together(events: &[Value]) -> Vec<Value> {
    let mut choices: Vec<Value> = Vec::new();
    for choice in events.iter().filter_map(|event| event["choices"].get(0)) {
        let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
        if choices.len() <= index {
            choices.resize(index + 1, json!({"message": {"role": null, "content": ""}, "logprobs": null}));
        }
        let all = &mut choices[index];
        all["index"] = json!(index);
        let delta = &choice["delta"];
        if let Some(role) = delta.get("role") {
            assert!(all["message"]["role"].is_null(), "a choice says once who speaks");
            all["message"]["role"] = role.clone();
        }
        if let Some(text) = delta["content"].as_str() {
            all["message"]["content"] = json!(all["message"]["content"].as_str().unwrap().to_owned() + text);
        }
        if let Some(annotations) = delta.get("annotations") {
            all["message"]["annotations"] = annotations.clone();
        }
        if let Some(tokens) = choice["logprobs"]["content"].as_array() {
            let mut before = all["logprobs"]["content"].as_array().cloned().unwrap_or_default();
            before.extend(tokens.iter().cloned());
            all["logprobs"] = json!({"content": before, "refusal": null});
        }
        all["finish_reason"] = choice["finish_reason"].clone();
    }
    choices
}

#[tokio::test]
async fn each_choice_comes_with_all_that_stands_beside_its_words_and_all_of_them_are_charged() {
    let (provider, chatting) = chatting().await;
    let wanted = json!({"n": 2, "logprobs": true, "top_logprobs": 3, "logit_bias": {"7": -1}, "store": true});
    let mut answers = Vec::new();
    for stream in [false, true] {
        answer(&provider, two_choices()).await;
        let (before, _) = chatting.balance().await;
        let mut body = asked("listing", &wanted);
        body["stream"] = json!(stream);
        let response = ask(&chatting, &body).await;
        let (after, held) = chatting.balance().await;
        let cost = before.as_u64().unwrap() - after.as_u64().unwrap();
        assert_eq!((cost, held.as_str()), (159, "0"), "stream: {stream}");
        let sent: Value = provider.received_requests().await.unwrap().last().unwrap().body_json().unwrap();
        let arrived = ["n", "logprobs", "top_logprobs", "logit_bias", "max_tokens"].map(|name| sent[name].clone());
        assert_eq!(arrived, [json!(2), json!(true), json!(3), json!({"7": -1.0}), json!(100)]);
        answers.push(if stream {
            put_together(&data_of_events(&response.body))
        } else {
            response.json()["choices"].as_array().unwrap().clone()
        });
    }
    let both = json!({"content": [logprobs("Hey")["content"][0], logprobs(" there")["content"][0]], "refusal": null});
    let first = json!({"role": "assistant", "content": "Hi", "refusal": null, "annotations": [annotation()]});
    let second = json!({"role": "assistant", "content": "Hey there", "refusal": null});
    let expected = [
        json!({"index": 0, "message": first, "logprobs": logprobs("Hi"), "finish_reason": "stop"}),
        json!({"index": 1, "message": second, "logprobs": both, "finish_reason": "length"}),
    ];
    assert_eq!(answers[0], expected);
    let whole_answers = answers[0].clone();
    for (streamed, whole) in answers[1].iter_mut().zip(&whole_answers) {
        streamed["message"]["refusal"] = Value::Null;
        assert_eq!(streamed, whole);
    }
    let stored = chatting.world.stored_exchanges(&chatting.access).await;
    assert_eq!(stored, vec![("Hello".to_owned(), "Hi".to_owned()); 2]);
}

#[tokio::test]
async fn the_hold_and_the_quote_have_every_choice() {
    let (provider, chatting) = chatting().await;
    let quoted = async |more: &Value| {
        let request = Request::post(QUOTE).json(&asked("listing", more)).bearer(&chatting.access);
        let response = chatting.world.stack.send(request).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    };
    let (one, eight) = (quoted(&json!({})).await, quoted(&json!({"n": 8})).await);
    assert_eq!(eight["most"].as_u64().unwrap(), one["most"].as_u64().unwrap() + 7 * 100);
    assert_eq!(eight["max_output_tokens"], 100);
    // A server that counts more than was asked for.
    let counted = json!({"prompt_tokens": 9, "completion_tokens": 5000, "total_tokens": 5009});
    let chunks =
        [chunk_of(0, &json!({"content": "Hi"}), &Value::Null, Some("stop")), json!({"choices": [], "usage": counted})];
    answer(&provider, streams(&chunks)).await;
    let response = ask(&chatting, &asked("listing", &json!({"n": 8}))).await;
    assert_eq!(
        (&response.json()["usage"]["completion_tokens"], &response.json()["choices"][1]),
        (&json!(800), &Value::Null)
    );
}

#[tokio::test]
async fn answers_that_no_repetition_could_have_are_refused_with_a_key() {
    let (provider, chatting) = chatting().await;
    answer(&provider, two_choices()).await;
    for (more, param) in [(json!({"n": 2}), "n"), (json!({"logprobs": true}), "logprobs")] {
        let keyed = request(&chatting, &asked("listing", &more)).header("idempotency-key", "k");
        let response = refused_by_openai(&chatting.world, keyed, 400, "unsupported_parameter").await;
        assert_eq!(response.json()["error"]["param"], param);
    }
    for more in [json!({"logprobs": true}), json!({"logprobs": true, "n": 2})] {
        let refused = request(&chatting, &asked("whole", &more));
        let response = refused_by_openai(&chatting.world, refused, 400, "unsupported_parameter").await;
        assert_eq!(response.json()["error"]["param"], "logprobs", "its answer could be too long to be read");
    }
    assert!(provider.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn annotations_are_given_again_with_a_key_unless_they_were_too_long_to_keep() {
    let (provider, chatting) = chatting().await;
    for (key, title_bytes, is_kept) in [("short", 10, true), ("long", 70_000, false)] {
        let mut annotation = annotation();
        annotation["url_citation"]["title"] = json!("x".repeat(title_bytes));
        let annotated = chunk_of(0, &json!({"content": "Hi", "annotations": [annotation]}), &Value::Null, Some("stop"));
        answer(&provider, streams(&[annotated])).await;
        let keyed = || request(&chatting, &asked("listing", &json!({}))).header("idempotency-key", key);
        let first = chatting.world.stack.send(keyed()).await;
        assert_eq!(first.json()["choices"][0]["message"]["annotations"], json!([annotation]), "{key}");
        let (charged, _) = chatting.balance().await;
        let again = chatting.world.stack.send(keyed()).await;
        if is_kept {
            assert_eq!((again.status, again.json()["choices"].clone()), (200, first.json()["choices"].clone()));
        } else {
            assert_eq!((again.status, &again.json()["error"]["code"]), (409, &json!("answer_gone")));
        }
        assert_eq!(chatting.balance().await.0, charged);
    }
}

#[tokio::test]
async fn members_of_a_models_list_arrive_as_they_were_sent_and_a_fallback_has_its_own_list() {
    let (provider, chatting) = chatting().await;
    let members =
        json!({"top_k": 40, "min_p": [0.050, {"b": 1, "a": null}], "typical_p": true, "junk": "x", "user": "u"});
    let sent = async |model: &str| {
        ask(&chatting, &asked(model, &members)).await;
        let request = provider.received_requests().await.unwrap().pop().unwrap();
        let body: Value = request.body_json().unwrap();
        let names = ["top_k", "min_p", "typical_p", "junk", "user"].into_iter();
        (body["model"].clone(), names.filter(|name| body.get(name).is_some()).collect::<Vec<_>>())
    };
    let hi = || streams(&[chunk_of(0, &json!({"content": "Hi"}), &Value::Null, Some("stop"))]);
    answer(&provider, hi()).await;
    assert_eq!(sent("listing").await, (json!("listing"), vec!["top_k", "min_p"]));
    assert_eq!(sent("plain").await, (json!("plain"), vec![]));
    let long = json!({"top_k": "x".repeat(17_000)});
    let refused = request(&chatting, &asked("listing", &long));
    let response = refused_by_openai(&chatting.world, refused, 400, "invalid_value").await;
    assert_eq!(response.json()["error"]["param"], "extra_body");
    ask(&chatting, &asked("plain", &long)).await;

    provider.reset().await;
    wiremock::Mock::given(wiremock::matchers::body_partial_json(json!({"model": "listing"})))
        .respond_with(refuses(503))
        .mount(&provider)
        .await;
    wiremock::Mock::given(wiremock::matchers::body_partial_json(json!({"model": "other"})))
        .respond_with(hi())
        .mount(&provider)
        .await;
    assert_eq!(sent("listing").await, (json!("other"), vec!["min_p", "typical_p"]));
}
