//! Calls of tools, as servers send them: whole, or in parts that say more or less clearly of which call they are.

use domain::random;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::reply::{MAX_TOOL_CALLS, ToolCallDelta};
use crate::wire::Weight;

/// The `tool_calls` of a message or of a delta. Anything that is no call of a function is left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ReceivedCalls {
    parts: Vec<ReceivedCall>,
    /// The bytes of what is left out.
    pub(super) hidden_bytes: usize,
}

/// A call, or a part of one. An empty text is as if it were not there.
#[derive(Debug, PartialEq)]
struct ReceivedCall {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl<'de> Deserialize<'de> for ReceivedCalls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut calls = Self::default();
        match Value::deserialize(deserializer)? {
            Value::Array(parts) => parts.into_iter().for_each(|part| calls.add(part)),
            // A list of one.
            part => calls.add(part),
        }
        Ok(calls)
    }
}

impl ReceivedCalls {
    fn add(&mut self, mut part: Value) {
        let function = part.get_mut("function").map(Value::take);
        let Some(mut function) = function.filter(Value::is_object) else {
            self.hidden_bytes += Weight::of(&part).0;
            return;
        };
        let arguments = match function.get_mut("arguments").map(Value::take).unwrap_or_default() {
            Value::String(arguments) => arguments,
            Value::Null => String::new(),
            // Some servers send the object and not its text.
            arguments => arguments.to_string(),
        };
        self.parts.push(ReceivedCall {
            index: part.get("index").and_then(Value::as_u64),
            id: text(&part, "id"),
            name: text(&function, "name"),
            arguments,
        });
    }
}

fn text(object: &Value, member: &str) -> String {
    object.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The calls of a reply so far, as far as it takes to tell of which call a part is.
#[derive(Debug, Default)]
pub(super) struct CallReader(Vec<BegunCall>);

#[derive(Debug)]
struct BegunCall {
    /// The server's number of the call.
    index: Option<u64>,
    /// The server's id.
    id: String,
    name: String,
}

impl CallReader {
    /// The news in `sent`. Places are counted from 0 in the order in which the calls begin, and each call has an id, also
    /// where the server gives none.
    pub(super) fn news(&mut self, sent: ReceivedCalls) -> Vec<ToolCallDelta> {
        sent.parts.into_iter().filter_map(|part| self.delta(part)).collect()
    }

    fn delta(&mut self, part: ReceivedCall) -> Option<ToolCallDelta> {
        match self.position(&part) {
            Some(position) => self.goes_on(position, part),
            None => self.begins(part),
        }
    }

    /// The call that `part` goes on with. Servers that number each part may repeat the id and the name, or make up an id
    /// for each part. Gemini's number is 0 in all calls: another id and another name are another call. Without numbers, a
    /// name begins a call if no call has its id.
    fn position(&self, part: &ReceivedCall) -> Option<usize> {
        let has_id = |call: &BegunCall| !part.id.is_empty() && call.id == part.id;
        if part.index.is_none() {
            let of_id = self.0.iter().rposition(has_id);
            return of_id.or_else(|| self.0.len().checked_sub(1).filter(|_| part.name.is_empty()));
        }
        let position = self.0.iter().rposition(|call| call.index == part.index)?;
        let call = &self.0[position];
        let is_another = !part.name.is_empty() && !part.id.is_empty() && !call.id.is_empty() && !has_id(call);
        (!is_another).then_some(position)
    }

    fn begins(&mut self, part: ReceivedCall) -> Option<ToolCallDelta> {
        let ReceivedCall { index, id, name, arguments } = part;
        if id.is_empty() && name.is_empty() && arguments.is_empty() {
            return None;
        }
        let position = self.0.len();
        // Of the first call too many it is enough that it has begun: the reply ends there.
        if position <= MAX_TOOL_CALLS {
            self.0.push(BegunCall { index, id: id.clone(), name: name.clone() });
        }
        let id = if id.is_empty() { made_id(position) } else { id };
        let name = Some(name).filter(|name| !name.is_empty());
        Some(ToolCallDelta { index: u32::try_from(position).unwrap_or(u32::MAX), id: Some(id), name, arguments })
    }

    fn goes_on(&mut self, position: usize, part: ReceivedCall) -> Option<ToolCallDelta> {
        let call = &mut self.0[position];
        // A name that is repeated is no news, and any other is the next part of the name.
        let name = Some(part.name).filter(|name| !name.is_empty() && *name != call.name);
        call.name.push_str(name.as_deref().unwrap_or_default());
        let delta = ToolCallDelta {
            index: u32::try_from(position).unwrap_or(u32::MAX),
            id: None,
            name,
            arguments: part.arguments,
        };
        (delta.name.is_some() || !delta.arguments.is_empty()).then_some(delta)
    }
}

/// An id for the call at `position` of a reply whose server gives none: results refer to calls by their ids. Without random
/// bits it is one among the calls of its reply alone.
fn made_id(position: usize) -> String {
    match random::bits() {
        Ok(bits) => format!("call_{bits:016x}"),
        Err(_) => format!("call_{position}"),
    }
}

#[cfg(test)]
mod tests {
    use domain::message::ToolCall;
    use serde_json::json;

    use super::*;
    use crate::reply::{Part, SaidChoice};

    fn gathered(chunks: &[Value]) -> Vec<ToolCall> {
        let (mut reader, mut gathered) = (CallReader::default(), SaidChoice::default());
        for chunk in chunks {
            let deltas = reader.news(serde_json::from_value(chunk.clone()).unwrap());
            for delta in deltas {
                gathered.add(&Part::ToolCall(delta));
            }
        }
        gathered.calls
    }

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    #[test]
    fn parts_are_put_together_however_a_server_says_of_which_call_they_are() {
        let function = |name: &str, arguments: &str| json!({"name": name, "arguments": arguments});
        let both = [call("a", "f", r#"{"x":1}"#), call("b", "g", "{}")];
        for (chunks, expected) in [
            // OpenAI: a number in each part, and id and name in the first.
            (
                vec![
                    json!([{"index": 0, "id": "a", "type": "function", "function": function("f", "")}]),
                    json!([{"index": 0, "function": {"arguments": "{\"x\""}}]),
                    json!([{"index": 1, "id": "b", "type": "function", "function": function("g", "{}")}]),
                    json!([{"index": 0, "function": {"arguments": ":1}"}}]),
                ],
                &both[..],
            ),
            // Id and name in each part, and null or empty texts.
            (
                vec![
                    json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": null}}]),
                    json!([{"index": 0, "id": "a", "function": function("f", "{\"x\"")}]),
                    json!([{"index": 0, "id": "", "function": function("", ":1}")}]),
                    json!([{"index": 1, "id": "b", "function": function("g", "{}")}]),
                ],
                &both,
            ),
            // An id of its own for each part.
            (
                vec![
                    json!([{"index": 0, "id": "a", "function": {"name": "f"}}]),
                    json!([{"index": 0, "id": "z", "function": {"name": null, "arguments": "{\"x\":1}"}}]),
                    json!([{"index": 1, "id": "b", "function": function("g", "{}")}]),
                ],
                &both,
            ),
            // Gemini: whole calls, of which each has the number 0 or none.
            (
                vec![
                    json!([{"index": 0, "id": "a", "function": function("f", "{\"x\":1}")}]),
                    json!([{"index": 0, "id": "b", "function": function("g", "{}")}]),
                ],
                &both,
            ),
            (
                vec![json!([
                    {"id": "a", "function": function("f", "{\"x\":1}")},
                    {"id": "b", "function": function("g", "{}")},
                ])],
                &both,
            ),
            // No numbers: a part without a name is of the last call, and a known id of its own.
            (
                vec![
                    json!([{"id": "a", "function": function("f", "{\"x\"")}]),
                    json!([{"function": {"arguments": ":"}}]),
                    json!([{"id": "b", "function": function("g", "{}")}]),
                    json!([{"id": "a", "function": function("f", "1}")}]),
                ],
                &both,
            ),
            // Numbers that do not begin at 0, a name in two parts, arguments that are no text, and no list.
            (
                vec![
                    json!([{"index": 1, "id": "a", "function": function("look", "{}")}]),
                    json!({"index": 1, "function": function("_up", "")}),
                    json!([{"index": 7, "id": "b", "function": {"name": "g", "arguments": {"y": [1]}}}]),
                ],
                &[call("a", "look_up", "{}"), call("b", "g", r#"{"y":[1]}"#)],
            ),
        ] {
            assert_eq!(gathered(&chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn each_call_has_an_id_of_its_own_also_where_the_server_gives_none() {
        let calls = gathered(&[json!([{"function": {"name": "f"}}, {"id": "", "function": {"name": "f"}}])]);
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| id.starts_with("call_")), "{ids:?}");
    }

    #[test]
    fn anything_that_is_no_call_of_a_function_is_left_out_and_counted() {
        for (sent, hidden_bytes) in [
            (json!(null), 0),
            (json!([]), 0),
            (json!([null, 7, []]), 0),
            (json!("words"), 5),
            (json!([{"type": "custom", "custom": {"input": "abc"}}]), 9),
            (json!([{"function": "f"}]), 0),
            (json!([{"index": 0, "function": {}}]), 0),
            (json!([{"index": 0, "id": "", "function": {"name": "", "arguments": ""}}]), 0),
        ] {
            let calls: ReceivedCalls = serde_json::from_value(sent.clone()).unwrap();
            assert_eq!(calls.hidden_bytes, hidden_bytes, "{sent}");
            assert_eq!(CallReader::default().news(calls), [], "{sent}");
        }
    }

    #[test]
    fn calls_beyond_the_limit_are_one_too_many_and_are_not_remembered() {
        let mut reader = CallReader::default();
        let calls: Vec<Value> = (0..1000).map(|index| json!({"index": index, "function": {"name": "f"}})).collect();
        let deltas = reader.news(serde_json::from_value(json!(calls)).unwrap());
        assert!(deltas.iter().any(|delta| delta.index == 128));
        assert_eq!(reader.0.len(), MAX_TOOL_CALLS + 1);
        let mut gathered = SaidChoice::default();
        for delta in deltas {
            gathered.add(&Part::ToolCall(delta));
        }
        assert_eq!(gathered.calls.len(), MAX_TOOL_CALLS);
    }
}
