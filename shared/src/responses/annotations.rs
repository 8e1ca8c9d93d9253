//! Annotations of a text: sources and the like.

use providers::raw_array::RawArray;
use serde_json::{Value, json};

/// The one type of annotations that is handed on. The others name files that OpenAI keeps. Clients refuse an answer with a type
/// that they do not know.
const CITATION: &str = "url_citation";

/// Those of `annotations` that the protocol knows, as it has them: a citation's members stand beside its type, and each is there.
/// In chat completions they are an object of their own, named like the type.
pub(super) fn known(annotations: &RawArray) -> RawArray {
    let elements = serde_json::from_str::<Vec<Value>>(annotations.as_str()).unwrap_or_default();
    let elements: Vec<Value> = elements.iter().filter_map(citation).collect();
    RawArray::parse(&json!(elements).to_string()).unwrap_or_default()
}

fn citation(annotation: &Value) -> Option<Value> {
    if annotation["type"] != CITATION {
        return None;
    }
    let members = annotation.get(CITATION).unwrap_or(annotation);
    let url = members["url"].as_str()?;
    let title = members["title"].as_str().unwrap_or(url);
    let index = |name: &str| members[name].as_u64().unwrap_or_default();
    let (start_index, end_index) = (index("start_index"), index("end_index"));
    Some(json!({"type": CITATION, "url": url, "title": title, "start_index": start_index, "end_index": end_index}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_of(given: &str) -> Value {
        serde_json::from_str(known(&RawArray::parse(given).unwrap()).as_str()).unwrap()
    }

    #[test]
    fn a_citation_has_all_its_members_beside_its_type() {
        let nested =
            r#"[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}]"#;
        let flat = r#"[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":1}]"#;
        for given in [nested, flat] {
            assert_eq!(known_of(given), serde_json::from_str::<Value>(flat).unwrap());
        }
        let bare = known_of(r#"[{"type":"url_citation","url_citation":{"url":"u"}}]"#);
        assert_eq!(
            bare[0],
            json!({"type": "url_citation", "url": "u", "title": "u", "start_index": 0, "end_index": 0})
        );
    }

    #[test]
    fn annotations_that_clients_do_not_know_are_left_out() {
        for other in ["[]", "[1]", r#"[{"type":1}]"#, r#"[{"type":"file","file":{}}]"#, r#"[{"type":"url_citation"}]"#]
        {
            assert_eq!(known_of(other), json!([]));
        }
    }
}
