//! Annotations of a text: sources and the like.

use providers::raw_array::RawArray;
use serde_json::{Map, Value, json};

/// `annotations` as this protocol has them: a citation's members stand beside its type. In chat completions they are an object
/// of their own, named like the type.
pub(super) fn flat(annotations: &RawArray) -> RawArray {
    let Ok(elements) = serde_json::from_str::<Vec<Value>>(annotations.as_str()) else { return annotations.clone() };
    let elements: Vec<Value> = elements.into_iter().map(flat_annotation).collect();
    RawArray::parse(&json!(elements).to_string()).unwrap_or_default()
}

fn flat_annotation(annotation: Value) -> Value {
    let kind = annotation["type"].as_str().unwrap_or_default();
    let Some(Value::Object(inner)) = annotation.get(kind) else { return annotation };
    let members = [("type".to_owned(), json!(kind))].into_iter().chain(inner.clone());
    Value::Object(members.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_of_chat_completions_has_its_members_beside_its_type() {
        let nested =
            r#"[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}]"#;
        let flat_one = r#"[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":1}]"#;
        for given in [nested, flat_one] {
            let flattened: Value = serde_json::from_str(flat(&RawArray::parse(given).unwrap()).as_str()).unwrap();
            assert_eq!(flattened, serde_json::from_str::<Value>(flat_one).unwrap());
        }
        for other in ["[]", "[1]", r#"[{"type":1}]"#, r#"[{"type":"x","x":2}]"#] {
            assert_eq!(flat(&RawArray::parse(other).unwrap()).as_str(), other);
        }
    }
}
