//! Secrets of sinks. They are never printed.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// Where a secret is: in the config itself, in a variable of the environment, or in a file.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// As it stands in the config.
    Text(String),
    /// The name of a variable of the environment.
    Env(String),
    /// A file; white space at its ends does not count.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Env(name) => f.debug_tuple("Env").field(name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Secret {
    /// Returns the text. `lookup` reads the environment.
    ///
    /// # Errors
    ///
    /// What is missing, by the name of the variable or file.
    pub fn read(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Env(name) => {
                lookup(name).ok_or_else(|| format!("the variable {name} is not set"))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|err| format!("could not read {}: {err}", path.display()))?,
        };
        let text = text.trim();
        match (text.is_empty(), self) {
            (false, _) => Ok(text.to_owned()),
            (true, Self::Text(_)) => Err("it is empty".to_owned()),
            (true, Self::Env(name)) => Err(format!("the variable {name} is empty")),
            (true, Self::File(path)) => Err(format!("{} is empty", path.display())),
        }
    }
}

/// A value of `headers`: a text, or where one is.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Text(String),
    Elsewhere(SecretLocation),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum SecretLocation {
    Env(String),
    File(PathBuf),
}

impl From<Value> for Secret {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Elsewhere(SecretLocation::Env(name)) => Self::Env(name),
            Value::Elsewhere(SecretLocation::File(path)) => Self::File(path),
        }
    }
}
