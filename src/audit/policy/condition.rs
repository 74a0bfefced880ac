//! The `Condition` element: operators over keys of the request.

use serde_json::Value;

use crate::audit::policy::{PolicyRequest, Ternary, all, any, wildcard};

/// Returns whether a `Condition` holds: every operator, and every key of each.
pub(super) fn holds(condition: &Value, request: &PolicyRequest) -> Ternary {
    let Value::Object(operators) = condition else {
        return Err("its Condition is no object".to_owned());
    };
    all(operators.iter().map(|(operator, keys)| match keys {
        Value::Object(keys) => {
            all(keys.iter().map(|(key, values)| one(operator, key, values, request)))
        }
        _ => Err(format!("its condition {operator} is no object")),
    }))
}

/// How the value of a key is compared with the values of the policy.
#[derive(Clone, Copy)]
enum Compare {
    Equal,
    EqualInAnyCase,
    Like,
    Arn,
}

/// Returns how an operator compares, and whether it asks that no value fits.
fn operator(name: &str) -> Option<(Compare, bool)> {
    Some(match name {
        "StringEquals" => (Compare::Equal, false),
        "StringNotEquals" => (Compare::Equal, true),
        "StringEqualsIgnoreCase" | "Bool" => (Compare::EqualInAnyCase, false),
        "StringNotEqualsIgnoreCase" => (Compare::EqualInAnyCase, true),
        "StringLike" => (Compare::Like, false),
        "StringNotLike" => (Compare::Like, true),
        "ArnEquals" | "ArnLike" => (Compare::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Compare::Arn, true),
        _ => return None,
    })
}

fn one(name: &str, key: &str, values: &Value, request: &PolicyRequest) -> Ternary {
    let context_values = request.context.get(key.to_ascii_lowercase().as_str());
    let Some(context_values) = context_values else {
        return Err(format!("the value of {key} is not known"));
    };
    let values: Vec<String> = match values {
        Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    };
    if name == "Null" {
        let wants = |value: &String| value.eq_ignore_ascii_case("true");
        return Ok(values.iter().any(|value| wants(value) == context_values.is_none()));
    }
    let (base, if_exists) = match name.strip_suffix("IfExists") {
        Some(base) => (base, true),
        None => (name, false),
    };
    let Some((compare, negated)) = operator(base) else {
        return Err(format!("the operator {name} is not evaluated"));
    };
    match context_values {
        // A request without the key satisfies what only forbids values of it.
        None => Ok(if_exists || negated),
        Some(context_values) => {
            let fits = any(values.iter().map(|value| fits(compare, value, context_values)));
            fits.map(|fits| fits != negated)
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn fits(compare: Compare, pattern: &str, context_values: &str) -> Ternary {
    if pattern.contains("${") {
        return Err(format!("the value {pattern} has a variable"));
    }
    Ok(match compare {
        Compare::Equal => pattern == context_values,
        Compare::EqualInAnyCase => pattern.eq_ignore_ascii_case(context_values),
        Compare::Like => wildcard(pattern, context_values),
        // Part by part: a star does not reach over a colon.
        Compare::Arn => {
            let (pattern, context_values) = (pattern.splitn(6, ':'), context_values.splitn(6, ':'));
            let (pattern, context_values): (Vec<&str>, Vec<&str>) =
                (pattern.collect(), context_values.collect());
            pattern.len() == context_values.len()
                && pattern.iter().zip(&context_values).all(|(a, b)| wildcard(a, b))
        }
    })
}
