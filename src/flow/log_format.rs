//! The order of the fields in a record: a header line, or AWS's `LogFormat`.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use crate::flow::columns::columns_of;
use crate::flow::field::{FIELDS, Field, Layout, TRANSIT_GATEWAY_FIELDS};

/// How many fields the default format has: the first ones of the field table.
const DEFAULT_FIELDS: usize = 14;

/// The fields of a record, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogFormat {
    layout: Layout,
    names: Vec<String>,
    /// The SQL column of each.
    columns: Vec<String>,
}

/// Why a text is not a log format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// There is no field in it.
    #[error("the log format names no field")]
    Empty,
    /// A word that cannot be a field name: `${srcaddr`, `Src_Addr`.
    #[error("`{0}` is not a field name")]
    Name(String),
    /// The same field twice: ambiguous.
    #[error("the log format names field `{0}` twice")]
    Duplicate(String),
}

impl LogFormat {
    /// Returns AWS's default format: the 14 fields of version 2.
    pub fn default_v2() -> Self {
        let names = FIELDS.iter().take(DEFAULT_FIELDS).map(|field| field.name.to_owned());
        Self::of(names.collect())
    }

    /// Reads a header line; `None` when the line is not one.
    ///
    /// A header contains nothing but field names, and this build knows at least one of them. No record
    /// looks like that: one would have to contain a field's name as its value, and no digit-led value.
    ///
    /// # Errors
    ///
    /// [`FormatError::Duplicate`] when it is a header that names a field twice.
    pub fn from_header(line: &str) -> Result<Option<Self>, FormatError> {
        if !looks_like_header(line) {
            return Ok(None);
        }
        let mut seen = HashSet::new();
        for name in line.split_ascii_whitespace() {
            if !seen.insert(name) {
                return Err(FormatError::Duplicate(name.to_owned()));
            }
        }
        Ok(Some(Self::of(line.split_ascii_whitespace().map(str::to_owned).collect())))
    }

    /// Returns the layout, as its field names state it.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Returns the AWS names of the fields, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the SQL column of each field, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the SQL columns of the fields that this build does not know in this layout.
    pub fn extra(&self) -> Vec<String> {
        let fields = self.names.iter().zip(&self.columns);
        let extra = fields.filter(|(name, _)| self.layout.field(name).is_none());
        extra.map(|(_, column)| column.clone()).collect()
    }

    /// Returns the names that this build does not know in this layout.
    pub fn unknown(&self) -> Vec<String> {
        let unknown = self.names.iter().filter(|name| self.layout.field(name).is_none());
        unknown.cloned().collect()
    }

    fn of(names: Vec<String>) -> Self {
        let layout = if names.iter().any(|name| is_transit_gateway(name)) {
            Layout::TransitGateway
        } else {
            Layout::Vpc
        };
        let columns = columns_of(layout, names.iter().map(String::as_str));
        Self { layout, names, columns }
    }
}

impl FromStr for LogFormat {
    type Err = FormatError;

    /// Reads `${version} ${account-id} …`, as AWS writes it, or the same names without `${}`.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let mut names: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let braced = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let name = braced.unwrap_or(word);
            if !is_name(name) {
                return Err(FormatError::Name(word.to_owned()));
            }
            if names.iter().any(|other| other == name) {
                return Err(FormatError::Duplicate(name.to_owned()));
            }
            names.push(name.to_owned());
        }
        if names.is_empty() { Err(FormatError::Empty) } else { Ok(Self::of(names)) }
    }
}

impl fmt::Display for LogFormat {
    /// Writes AWS's syntax, `${version} ${account-id} …`, which [`FromStr`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.names.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}${{{name}}}")?;
        }
        Ok(())
    }
}

/// Returns whether a line is a header, without allocating: it is called for every line that starts with a
/// small letter, which some custom formats (`interface-id` first) make every line.
pub(super) fn looks_like_header(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    words.clone().all(is_name) && words.any(is_known)
}

fn is_name(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_known(name: &str) -> bool {
    FIELDS.iter().chain(TRANSIT_GATEWAY_FIELDS).any(|field| field.name == name)
}

/// Returns whether only records of transit gateways have a field.
fn is_transit_gateway(name: &str) -> bool {
    let has = |fields: &[Field]| fields.iter().any(|field| field.name == name);
    name.starts_with("tgw-") || (has(TRANSIT_GATEWAY_FIELDS) && !has(FIELDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_syntax_and_plain_names_are_the_same_format() {
        let aws: LogFormat = "${version} ${account-id}  ${srcaddr}".parse().unwrap();
        assert_eq!(aws, "version account-id srcaddr".parse().unwrap());
        assert_eq!(aws.to_string(), "${version} ${account-id} ${srcaddr}");
        assert_eq!(aws.layout(), Layout::Vpc);
        assert_eq!(LogFormat::default_v2().names().last().unwrap(), "log-status");
    }

    #[test]
    fn a_format_says_what_is_wrong_with_it() {
        let parse = |text: &str| text.parse::<LogFormat>().unwrap_err().to_string();
        assert_eq!(
            parse("${version} ${start} ${version}"),
            "the log format names field `version` twice"
        );
        assert_eq!(parse("${version"), "`${version` is not a field name");
        assert_eq!(parse("${version}${start}"), "`${version}${start}` is not a field name");
        assert_eq!(parse("  "), "the log format names no field");
    }

    #[test]
    fn a_header_is_told_from_a_record() {
        let header = |line: &str| LogFormat::from_header(line).unwrap().is_some();
        assert!(header("version account-id interface-id"));
        assert!(header("srcaddr not-known-yet"));
        assert!(header("end"));
        assert!(!header("not-known-yet neither-is-this"));
        let layout = |text: &str| text.parse::<LogFormat>().unwrap().layout();
        assert_eq!(layout("version srcaddr bytes packets-lost-no-route"), Layout::TransitGateway);
        assert_eq!(layout("version srcaddr bytes not-known-yet"), Layout::Vpc);
        assert!(!header("2 123456789012 eni-0a - -"));
        assert!(!header("eni-0a vpc-0b subnet-0c us-east-1 ingress"));
        assert!(!header("bogus line"));
        assert!(!header(""));
        assert_eq!(
            LogFormat::from_header("version start start").unwrap_err(),
            FormatError::Duplicate("start".into())
        );
    }

    #[test]
    fn the_layout_follows_from_the_names() {
        let layout = |line: &str| LogFormat::from_header(line).unwrap().unwrap().layout();
        assert_eq!(layout("version resource-type srcaddr"), Layout::TransitGateway);
        assert_eq!(layout("version tgw-id"), Layout::TransitGateway);
        assert_eq!(layout("version srcaddr"), Layout::Vpc);
        let format = LogFormat::from_header("version tgw-id interface-id").unwrap().unwrap();
        assert_eq!(format.unknown(), ["interface-id"]);
    }
}
