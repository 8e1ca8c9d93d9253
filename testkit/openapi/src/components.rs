//! The components that responses share.

use serde_json::{Map, Value, json};

/// The components of the document, to which responses and examples are added.
pub(crate) struct Components(pub(crate) Value);

impl Components {
    /// Adds a component and returns a reference to it. The same name must mean the same.
    pub(crate) fn add(&mut self, kind: &str, name: &str, component: &Value) -> Value {
        let all = self.0[kind].as_object_mut();
        let reference = json!({"$ref": format!("#/components/{kind}/{name}")});
        match all {
            None => self.0[kind] = json!({name: component}),
            Some(all) => {
                let known = all.insert(name.to_owned(), component.clone());
                assert!(known.is_none_or(|known| known == *component), "two {kind} have the name {name}");
            }
        }
        reference
    }

    /// A reference to the header `name`.
    pub(crate) fn header(&self, name: &str) -> Value {
        json!({"$ref": format!("#/components/headers/{}", self.spelling(name))})
    }

    /// The header `name` itself, as one that each answer has or not.
    pub(crate) fn header_that_is(&self, name: &str, is_required: bool) -> Value {
        let mut header = self.0["headers"][self.spelling(name)].clone();
        if let Some(members) = header.as_object_mut() {
            members.remove("required");
            if is_required {
                members.insert("required".to_owned(), json!(true));
            }
        }
        header
    }

    /// The name of a header as the source spells it.
    pub(crate) fn spelling(&self, name: &str) -> &str {
        let headers = self.0["headers"].as_object().into_iter().flat_map(Map::keys);
        let mut found = headers.filter(|spelled| spelled.eq_ignore_ascii_case(name));
        found.next().unwrap_or_else(|| panic!("docs/openapi.yaml has no header {name} among its components"))
    }
}
