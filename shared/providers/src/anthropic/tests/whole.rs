//! Whole answers.

use super::*;

fn usage(members: Value) -> Option<Usage> {
    serde_json::from_value::<crate::anthropic::usage::CountedTokens>(members).unwrap().usage()
}

#[tokio::test]
async fn a_whole_answer_has_its_blocks_in_their_order_its_reason_and_its_count() {
    let answer = json!({
        "type": "message", "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm. ", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "cmVk"},
            {"type": "text", "text": "I look.", "citations": null},
            {"type": "thinking", "thinking": "So.", "signature": "c2lnMg=="},
            {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"z": 1.0, "a": 2}},
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null, "container": null,
        "usage": {
            "input_tokens": 10, "cache_creation_input_tokens": 50, "cache_read_input_tokens": 900,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
            "output_tokens": 300, "output_tokens_details": {"thinking_tokens": 200}, "service_tier": "standard",
        },
    });
    let (_server, model) = answering(ok(&answer)).await;
    let Reply { choices, end } = reply(&model).await.unwrap();
    let placed = |kind, data: &str, after, text_before| ReasoningProof {
        proof: proof(kind, data),
        after,
        text_before,
        calls_before: 0,
    };
    let expected = SaidChoice {
        reasoning: Some("Hm. So.".to_owned()),
        calls: vec![call("toolu_1", "look_up", r#"{"z":1.0,"a":2}"#), call("toolu_2", "now", "{}")],
        proofs: vec![
            placed(ProofKind::Signature, "c2ln", 4, 0),
            placed(ProofKind::Redacted, "cmVk", 4, 0),
            placed(ProofKind::Signature, "c2lnMg==", 7, 7),
        ],
        ..SaidChoice::text("I look.")
    };
    assert!(choices == [expected], "{choices:?}");
    let counted =
        Usage { cached_input_tokens: 900, cache_write_tokens: 50, reasoning_tokens: 200, ..Usage::counted(960, 300) };
    assert_eq!(end, End::new(FinishReason::ToolCalls, Some(counted)));
}

#[tokio::test]
async fn each_stop_reason_is_a_finish_reason() {
    for (word, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("pause_turn", FinishReason::Stop),
        ("something_new", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
    ] {
        let mut answer = message();
        answer["stop_reason"] = json!(word);
        let (_server, model) = answering(ok(&answer)).await;
        assert_eq!(reply(&model).await.unwrap().end.finish_reason, expected, "{word}");
    }
}

#[tokio::test]
async fn the_text_before_which_the_model_stopped_is_told() {
    let mut answer = message();
    answer["stop_reason"] = json!("stop_sequence");
    answer["stop_sequence"] = json!("END");
    let (_server, model) = answering(ok(&answer)).await;
    assert_eq!(reply(&model).await.unwrap().choices[0].stop_sequence.as_deref(), Some("END"));
}

#[tokio::test]
async fn what_lacks_something_is_borne_with_and_what_is_no_reply_is_a_failure() {
    let usage = json!({"input_tokens": 9, "output_tokens": 2});
    let words = json!([{"type": "text", "text": "Hi"}, {"type": "new_kind", "text": "?"}]);
    let counted = Some(Usage::counted(9, 2));
    for (answer, expected) in [
        (json!({"content": words, "usage": usage}), Ok(End::new(FinishReason::Stop, counted))),
        (json!({"content": words, "stop_reason": "end_turn"}), Ok(End::new(FinishReason::Stop, None))),
        (json!({"content": [], "stop_reason": "refusal"}), Ok(End::new(FinishReason::ContentFilter, None))),
        (json!({"content": words}), Ok(End::broken_off())),
        (json!({"content": []}), Err(Kind::Failed)),
        (json!({}), Err(Kind::Failed)),
        (json!([SERVERS_WORDS]), Err(Kind::Failed)),
        (json!({"content": SERVERS_WORDS}), Err(Kind::Failed)),
        (json!({"type": "error", "error": {"type": "overloaded_error"}}), Err(Kind::Unavailable(None))),
        (json!({"type": "error", "error": {"type": "new", "message": SERVERS_WORDS}}), Err(Kind::Failed)),
    ] {
        let (_server, model) = answering(ok(&answer)).await;
        let end = reply(&model).await.map(|reply| reply.end);
        assert_eq!(end.map_err(|error| kind(Err::<(), _>(error))), expected, "{answer}");
    }
}

#[test]
fn a_number_that_is_no_count_is_as_if_it_were_not_there() {
    for (members, expected) in [
        (json!({"input_tokens": 9.0, "output_tokens": 2}), Some(Usage::counted(9, 2))),
        (json!({"input_tokens": "9", "output_tokens": 2}), Some(Usage::counted(0, 2))),
        (json!({"input_tokens": -1, "output_tokens": 1e300, "cache_read_input_tokens": null}), None),
        (json!({"input_tokens": 0, "output_tokens": 0}), None),
        (json!({}), None),
    ] {
        assert_eq!(usage(members.clone()), expected, "{members}");
    }
}

/// A cache that had all of the input leaves none of it to `input_tokens`.
#[test]
fn tokens_that_the_cache_had_are_input_too_and_no_part_is_greater_than_its_whole() {
    let all_cached = usage(json!({"input_tokens": 0, "cache_read_input_tokens": 900, "output_tokens": 1})).unwrap();
    assert_eq!((all_cached.input_tokens, all_cached.cached_input_tokens), (900, 900));
    let details = json!({"thinking_tokens": 5});
    let odd = usage(json!({"input_tokens": 1, "output_tokens": 3, "output_tokens_details": details})).unwrap();
    assert!(odd.reasoning_tokens <= odd.output_tokens, "{odd:?}");
}
