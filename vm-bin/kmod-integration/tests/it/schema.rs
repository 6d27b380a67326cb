// SPDX-License-Identifier: BSD-2-Clause
//! Every event that a test reads is held against the checked-in schema: as much
//! of JSON Schema as that schema uses, and no field that it does not describe.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../protocol/schema/events-v1.json");
    serde_json::from_str(text).unwrap()
});

/// What is wrong with this line of a stream.
pub(crate) fn fault(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line).unwrap();
    whole(&SCHEMA, &event, "event").err()
}

/// `value` is as `schema` demands, and has no other fields than it describes.
fn whole(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let described = check(schema, value, path)?;
    let Value::Object(fields) = value else {
        return Ok(());
    };
    // One of those has any fields.
    if schema.get("additionalProperties").is_some() {
        return Ok(());
    }
    match fields.keys().find(|name| !described.contains(*name)) {
        Some(name) => Err(format!("{path}.{name} is not described")),
        None => Ok(()),
    }
}

/// Gives the fields that the schema describes in this value.
fn check(schema: &Value, value: &Value, path: &str) -> Result<BTreeSet<String>, String> {
    let mut described = BTreeSet::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let target = SCHEMA.pointer(&reference[1..]).unwrap();
        described.extend(check(target, value, path)?);
    }
    for keyword in ["oneOf", "anyOf"] {
        let Some(choices) = schema[keyword].as_array() else {
            continue;
        };
        let mut fits: Vec<_> = choices
            .iter()
            .filter_map(|choice| check(choice, value, path).ok())
            .collect();
        match fits.len() {
            1 => described.extend(fits.remove(0)),
            count => return Err(format!("{path}: {count} of {keyword} fit {value}")),
        }
    }
    check_type(schema, value, path)?;
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{path} lacks {name}"));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        described.insert(name.clone());
        if let Some(field) = value.get(name) {
            whole(property, field, &format!("{path}.{name}"))?;
        }
    }
    let every = schema.get("items").or(schema.get("additionalProperties"));
    if let Some(each) = every {
        let items = value.as_array().into_iter().flatten();
        let fields = value.as_object().into_iter().flat_map(|map| map.values());
        for item in items.chain(fields) {
            whole(each, item, path)?;
        }
    }
    Ok(described)
}

fn check_type(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(wanted) = schema.get("const")
        && wanted != value
    {
        return Err(format!("{path} is {value} and not {wanted}"));
    }
    if let Some(least) = schema["minimum"].as_f64()
        && value.as_f64().is_some_and(|number| number < least)
    {
        return Err(format!("{path} is {value} and below {least}"));
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}"),
    };
    let fits = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => Err(format!("{path} is {value} and not {}", schema["type"])),
    }
}

#[test]
fn what_the_schema_does_not_allow_is_told() {
    let event = |rest: &str| {
        fault(&format!(
            r#"{{"v":1,"seq":0,"time":"2026-11-23T00:00:00.000000Z",{rest}}}"#
        ))
    };
    assert_eq!(event(r#""type":"bye","outcome":"passed""#), None);
    let counters = r#""type":"counters","target":"a","phase":"b","values":"#;
    assert_eq!(event(&format!(r#"{counters}{{"opens_total":7}}"#)), None);
    for wrong in [
        r#""type":"bye","outcome":"passed","mood":"good""#.to_owned(),
        r#""type":"bye","outcome":"splendid""#.to_owned(),
        r#""type":"bye""#.to_owned(),
        r#""type":"weather""#.to_owned(),
        r#""type":"exporter","address":7"#.to_owned(),
        format!(r#"{counters}{{"opens_total":-1}}"#),
        format!(r#"{counters}{{"opens_total":1.5}}"#),
        format!(r#"{counters}[1]"#),
    ] {
        assert!(event(&wrong).is_some(), "{wrong}");
    }
}
