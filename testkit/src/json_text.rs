//! JSON as text that people can read and compare.

use serde_json::Value;

const LINE_WIDTH: usize = 80;

/// `value` as JSON, in which a part that fits into a line has one; only the outermost part has always several.
#[must_use]
pub fn written_out(value: &Value, indent: usize) -> String {
    let line = in_one_line(value);
    if indent > 0 && indent + line.len() < LINE_WIDTH {
        return line;
    }
    let indent = indent + 2;
    let (brackets, parts): (_, Vec<String>) = match value {
        Value::Object(members) => {
            let written = members.iter().map(|(name, value)| format!("{name:?}: {}", written_out(value, indent)));
            ("{}", written.collect())
        }
        Value::Array(items) => ("[]", items.iter().map(|item| written_out(item, indent)).collect()),
        _ => return line,
    };
    let (open, close) = brackets.split_at(1);
    let (inner, outer) = (" ".repeat(indent), " ".repeat(indent - 2));
    format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
}

fn in_one_line(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let written = members.iter().map(|(name, value)| format!("{name:?}: {}", in_one_line(value)));
            format!("{{{}}}", written.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(in_one_line).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}
