//! `CloudFormation`'s YAML as JSON.

use saphyr::{LoadableYamlNode, Mapping, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// A document as JSON, with `CloudFormation`'s short tags (`!Ref Table`) in their long form (`{"Ref": "Table"}`).
///
/// # Errors
/// The reason, as the rest of a sentence that starts with "The template … is broken".
pub fn to_json(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| format!("it is not YAML ({error})"))?;
    let document = documents.first().ok_or("it is empty")?;
    convert(document)
}

fn convert(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(scalar) => Ok(convert_scalar(scalar)),
        Yaml::Sequence(items) => items.iter().map(convert).collect(),
        Yaml::Mapping(members) => convert_mapping(members),
        Yaml::Tagged(tag, inner) => Ok(long_form(&tag.suffix, convert(inner)?)),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err("it holds a value that is not YAML".to_owned())
        }
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    }
}

fn convert_mapping(members: &Mapping<'_>) -> Result<Value, String> {
    let mut object = Map::new();
    for (key, value) in members {
        let key = match convert(key)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        object.insert(key, convert(value)?);
    }
    Ok(Value::Object(object))
}

fn long_form(tag: &str, value: Value) -> Value {
    match tag {
        "Ref" | "Condition" => json!({ tag: value }),
        "GetAtt" => json!({ "Fn::GetAtt": attribute_path(value) }),
        _ => json!({ (format!("Fn::{tag}")): value }),
    }
}

fn attribute_path(value: Value) -> Value {
    let Some((resource, attribute)) = value.as_str().and_then(|text| text.split_once('.')) else {
        return value;
    };
    json!([resource, attribute])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(yaml: &str) -> Value {
        to_json(&format!("member: {yaml}")).unwrap()["member"].clone()
    }

    #[test]
    fn short_tags_become_their_long_form() {
        assert_eq!(member("!Ref Table"), json!({"Ref": "Table"}));
        assert_eq!(member("!GetAtt Table.Arn"), json!({"Fn::GetAtt": ["Table", "Arn"]}));
        assert_eq!(member("!GetAtt [Table, Arn]"), json!({"Fn::GetAtt": ["Table", "Arn"]}));
        assert_eq!(member("!GetAtt Nested.Outputs.Url"), json!({"Fn::GetAtt": ["Nested", "Outputs.Url"]}));
        assert_eq!(member("!Sub 'https://${Api}'"), json!({"Fn::Sub": "https://${Api}"}));
        assert_eq!(member("!Condition HasSecret"), json!({"Condition": "HasSecret"}));
        assert_eq!(member("!Equals [!Ref Stage, '']"), json!({"Fn::Equals": [{"Ref": "Stage"}, ""]}));
    }

    #[test]
    fn tags_nest() {
        assert_eq!(
            member("!If [Cors, !Sub '${Origin}', !Ref AWS::NoValue]"),
            json!({"Fn::If": ["Cors", {"Fn::Sub": "${Origin}"}, {"Ref": "AWS::NoValue"}]})
        );
    }

    #[test]
    fn scalars_keep_their_type_and_quoted_ones_stay_text() {
        assert_eq!(member("28"), json!(28));
        assert_eq!(member("'28'"), json!("28"));
        assert_eq!(member("2012-10-17"), json!("2012-10-17"));
        assert_eq!(member("0.5"), json!(0.5));
        assert_eq!(member("true"), json!(true));
        assert_eq!(member("~"), Value::Null);
    }

    #[test]
    fn broken_yaml_says_where_it_broke() {
        let error = to_json("a: 1\nb: [2\nc: 3\n").unwrap_err();
        assert!(error.contains("line"), "{error}");
    }
}
