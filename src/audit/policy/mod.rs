//! Resource policies of endpoints and buckets, evaluated as IAM does, as far as the request is known.
//!
//! Three answers: allowed, denied, or not known and why. Whatever this small part of IAM's language does not
//! cover (other principals than everyone, other operators, keys without a value) makes the answer not
//! known; nothing is guessed. Policies are text of others: their size is capped, and nothing here recurses.

mod condition;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The longest policy that is read. AWS takes 20,480 characters for an endpoint and for a bucket.
const TEXT_MAX: usize = 64 << 10;

/// Elements of a statement that are understood.
#[rustfmt::skip]
const ELEMENTS: &[&str] = &[
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
    "Condition",
];

/// Whether something holds; `Err`: not known, and why.
type Ternary = Result<bool, String>;

/// A policy document.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
struct Statement {
    allows: bool,
    /// `Sid`, else its place in the document.
    name: String,
    elements: Map<String, Value>,
}

/// A request that a policy decides.
#[derive(Debug, Clone, Default)]
pub struct PolicyRequest {
    /// `s3:GetObject`.
    pub action: String,
    /// ARN of what is reached for.
    pub resource: String,
    /// Values of condition keys, their names in lower case. `None`: the request does not carry the key. A key
    /// that is not here is not known.
    pub context: BTreeMap<&'static str, Option<String>>,
}

/// What a policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It allows it.
    Allowed,
    /// It does not, and why.
    Denied(String),
    /// What is known does not tell, and why not.
    NotKnown(String),
}

impl Policy {
    /// Reads a policy document.
    ///
    /// # Errors
    ///
    /// One sentence, when the text is no policy.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("it is longer than {TEXT_MAX} bytes"));
        }
        let root: Value =
            serde_json::from_str(text).map_err(|err| format!("it is no JSON: {err}"))?;
        let statements = match root.get("Statement") {
            Some(Value::Array(statements)) => statements.clone(),
            Some(statement @ Value::Object(_)) => vec![statement.clone()],
            _ => return Err("it has no Statement".to_owned()),
        };
        let read = statements.into_iter().enumerate().map(|(at, statement)| {
            let Value::Object(elements) = statement else {
                return Err(format!("statement {} is no object", at + 1));
            };
            let allows = match elements.get("Effect").and_then(Value::as_str) {
                Some("Allow") => true,
                Some("Deny") => false,
                _ => return Err(format!("statement {} neither allows nor denies", at + 1)),
            };
            let name = match elements.get("Sid").and_then(Value::as_str) {
                Some(sid) if !sid.is_empty() => sid.to_owned(),
                _ => (at + 1).to_string(),
            };
            Ok(Statement { allows, name, elements })
        });
        Ok(Self { statements: read.collect::<Result<_, _>>()? })
    }

    /// Returns whether any statement allows anything. Without one, all is denied.
    pub fn has_allow(&self) -> bool {
        self.statements.iter().any(|statement| statement.allows)
    }

    /// Returns whether it lets everyone do everything everywhere, as the document that AWS puts by default.
    pub fn is_full_access(&self) -> bool {
        let is_all = |statement: &Statement, element: &str, all: &dyn Fn(&str) -> bool| {
            let texts = statement.elements.get(element).map(texts).unwrap_or_default();
            texts.into_iter().any(all)
        };
        let is_everything = |statement: &Statement| {
            statement.allows
                && statement.elements.get("Principal").is_some_and(is_everyone)
                && is_all(statement, "Action", &|text| {
                    text == "*" || text.eq_ignore_ascii_case("s3:*")
                })
                && is_all(statement, "Resource", &|text| text == "*" || text.ends_with(":s3:::*"))
                && !statement.elements.contains_key("Condition")
        };
        self.statements.iter().any(is_everything)
            && self.statements.iter().all(|statement| statement.allows)
    }

    /// Returns whether a statement denies it, whatever others allow.
    ///
    /// # Errors
    ///
    /// Why that is not known.
    pub fn denies(&self, request: &PolicyRequest) -> Result<bool, String> {
        let denials = self.statements.iter().filter(|statement| !statement.allows);
        any(denials.map(|statement| {
            let with_statement = |why| format!("statement {}: {why}", statement.name);
            statement.applies(request).map_err(with_statement)
        }))
    }

    /// Decides as IAM does: a denial that applies wins, then an allowance that applies; else it is denied.
    pub fn decide(&self, request: &PolicyRequest) -> Decision {
        let (mut allowed, mut doubts_denial, mut doubts_allowance) = (false, None, None);
        for statement in &self.statements {
            match (statement.applies(request), statement.allows) {
                (Ok(true), false) => {
                    return Decision::Denied(format!("statement {} denies it", statement.name));
                }
                (Ok(true), true) => allowed = true,
                (Ok(false), _) => {}
                (Err(why), allows) => {
                    let doubts = if allows { &mut doubts_allowance } else { &mut doubts_denial };
                    doubts.get_or_insert(format!("statement {}: {why}", statement.name));
                }
            }
        }
        match (allowed, doubts_denial, doubts_allowance) {
            (true, None, _) => Decision::Allowed,
            (true, Some(why), _) | (false, _, Some(why)) => Decision::NotKnown(why),
            (false, _, None) => Decision::Denied("no statement allows it".to_owned()),
        }
    }
}

impl Statement {
    /// Returns whether it is about the request.
    fn applies(&self, request: &PolicyRequest) -> Ternary {
        let odd = self.elements.keys().find(|key| !ELEMENTS.contains(&key.as_str()));
        let odd = match odd {
            Some(key) => Err(format!("the element {key} is not understood")),
            None => Ok(true),
        };
        let condition = match self.elements.get("Condition") {
            Some(condition) => condition::holds(condition, request),
            None => Ok(true),
        };
        all([self.principal(), self.action(request), self.resource(request), condition, odd])
    }

    /// Returns whether it applies to the caller.
    fn principal(&self) -> Ternary {
        match self.elements.get("Principal") {
            Some(principal) if is_everyone(principal) => Ok(true),
            _ => {
                Err("it names principals, and the caller's principal is not fully known".to_owned())
            }
        }
    }

    fn action(&self, request: &PolicyRequest) -> Ternary {
        let requested_action = request.action.to_ascii_lowercase();
        let fits = |pattern: &str| Ok(wildcard(&pattern.to_ascii_lowercase(), &requested_action));
        self.either("Action", "NotAction", &fits)
    }

    fn resource(&self, request: &PolicyRequest) -> Ternary {
        let fits = |pattern: &str| match pattern.contains("${") {
            true => Err(format!("the resource {pattern} has a variable")),
            false => Ok(wildcard(pattern, &request.resource)),
        };
        self.either("Resource", "NotResource", &fits)
    }

    /// Returns whether any text of an element fits, or none of its opposite. It has one of the two.
    fn either(&self, element: &str, opposite: &str, fits: &dyn Fn(&str) -> Ternary) -> Ternary {
        match (self.elements.get(element), self.elements.get(opposite)) {
            (Some(value), None) => any(texts(value).into_iter().map(fits)),
            (None, Some(value)) => any(texts(value).into_iter().map(fits)).map(|fits| !fits),
            _ => Err(format!("it needs one of {element} and {opposite}")),
        }
    }
}

/// `*`, or `{"AWS": "*"}`.
fn is_everyone(principal: &Value) -> bool {
    let of = principal.get("AWS").unwrap_or(principal);
    texts(of).contains(&"*")
}

/// The texts of a value that is one, or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether all hold: one that does not decides, then one that is not known.
fn all(items: impl IntoIterator<Item = Ternary>) -> Ternary {
    let mut doubt = None;
    for item in items {
        match item {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            Err(why) => drop(doubt.get_or_insert(why)),
        }
    }
    doubt.map_or(Ok(true), Err)
}

/// Whether any holds: one that does decides, then one that is not known.
fn any(items: impl IntoIterator<Item = Ternary>) -> Ternary {
    all(items.into_iter().map(|item| item.map(|holds| !holds))).map(|none| !none)
}

/// Matches `*` (any text) and `?` (one character). Steps back to the last star only, so the time is at most
/// the product of the lengths.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(one) if *one == '?' || *one == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests;
