//! Completion: tables, columns, functions, keywords, meta commands, file names.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum as _;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Highlighter, Hinter};

use crate::cli::output::Format;
use crate::cli::repl::meta::META;
use crate::cli::repl::statement;

/// The keywords that people type. What else the parser knows needs no completion.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "COPY", "CREATE", "CROSS", "DESC", "DESCRIBE",
    "DISTINCT", "DROP", "ELSE", "END", "EXCEPT", "EXISTS", "EXPLAIN", "FALSE", "FILTER", "FIRST", "FROM", "FULL",
    "GROUP", "HAVING", "ILIKE", "IN", "INNER", "INTERSECT", "INTERVAL", "IS", "JOIN", "LAST", "LEFT", "LIKE",
    "LIMIT", "NOT", "NULL", "NULLS", "OFFSET", "ON", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "RIGHT",
    "SELECT", "SHOW", "TABLE", "THEN", "TIMESTAMP", "TRUE", "UNION", "USING", "VALUES", "VIEW", "WHEN", "WHERE",
    "WITH",
];

/// The names that can be completed.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Tables and views, with their columns.
    pub(crate) tables: BTreeMap<String, Vec<String>>,
    /// Functions.
    pub(crate) functions: BTreeSet<String>,
}

/// Completes words, and keeps reading lines until a statement ends in `;`.
#[derive(Helper, Hinter, Highlighter)]
pub(crate) struct LineHelper {
    pub(crate) names: Names,
    files: FilenameCompleter,
}

impl LineHelper {
    pub(crate) fn new(names: Names) -> Self {
        Self { names, files: FilenameCompleter::new() }
    }

    /// Returns where the word before `pos` begins and what it can become, sorted.
    fn words(&self, line: &str, pos: usize) -> (usize, Vec<String>) {
        let before = &line[..pos];
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let (head, word) = before.split_at(start);
        let tables = self.names.tables.keys().map(String::as_str);
        let offered: Vec<String> = match head.trim_start() {
            "\\" => {
                let names = META.iter().map(|(usage, _)| usage.trim_start_matches('\\'));
                names.filter_map(|usage| usage.split(' ').next()).map(str::to_owned).collect()
            }
            "\\d " => tables.map(str::to_owned).collect(),
            "\\format " => Format::value_variants()
                .iter()
                .filter(|f| !f.is_binary())
                .map(|f| f.name())
                .collect(),
            head if head.ends_with('.') => {
                let table =
                    head[..head.len() - 1].rsplit(|c: char| !(c.is_alphanumeric() || c == '_'));
                let table = table.into_iter().next().unwrap_or_default().to_lowercase();
                // A name that is no table is most likely an alias of one.
                let known = self.names.tables.get(&table);
                known
                    .map_or_else(|| self.columns(), |columns| columns.iter().cloned().collect())
                    .into_iter()
                    .collect()
            }
            _ if word.is_empty() => Vec::new(),
            _ => {
                let upper = word.chars().all(|c| !c.is_lowercase());
                let keywords =
                    KEYWORDS.iter().map(|k| if upper { (*k).to_owned() } else { k.to_lowercase() });
                let functions = self.names.functions.iter().map(|name| format!("{name}("));
                let named = tables.map(str::to_owned).chain(self.columns());
                named.chain(functions).chain(keywords).collect()
            }
        };
        let typed = word.to_lowercase();
        let fits = offered.into_iter().filter(|name| name.to_lowercase().starts_with(&typed));
        (start, fits.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn columns(&self) -> BTreeSet<String> {
        self.names.tables.values().flatten().cloned().collect()
    }
}

impl Completer for LineHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if line.trim_start().starts_with("\\i ") {
            return self.files.complete_path(line, pos);
        }
        let (start, words) = self.words(line, pos);
        Ok((
            start,
            words.into_iter().map(|w| Pair { display: w.clone(), replacement: w }).collect(),
        ))
    }
}

impl Validator for LineHelper {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = ctx.input();
        let (_, rest) = statement::split(text);
        let complete = text.trim_start().starts_with('\\') || statement::is_blank(rest);
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> Vec<String> {
        let columns = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let tables = [
            ("flows".to_owned(), columns(&["srcaddr", "job_name"])),
            ("jobs".to_owned(), columns(&["job_name", "state"])),
        ];
        let functions = ["in_cidr".to_owned(), "ip_family".to_owned()];
        let helper = LineHelper::new(Names { tables: tables.into(), functions: functions.into() });
        helper.words(line, line.len()).1
    }

    #[test]
    fn tables_columns_functions_and_keywords() {
        assert_eq!(complete("SELECT s"), ["select", "show", "srcaddr", "state"]);
        assert_eq!(complete("SEL"), ["SELECT"]);
        assert_eq!(complete("SELECT in_"), ["in_cidr("]);
        assert_eq!(complete("SELECT * FROM fl"), ["flows"]);
        assert_eq!(complete("SELECT flows.s"), ["srcaddr"]);
        assert_eq!(complete("SELECT Jobs."), ["job_name", "state"]);
        assert_eq!(complete("SELECT f.st"), ["state"]);
        assert!(complete("SELECT ").is_empty());
    }

    #[test]
    fn meta_commands_and_their_arguments() {
        assert!(complete("\\").contains(&"timing".to_owned()));
        assert_eq!(complete("\\t"), ["timing"]);
        assert_eq!(complete("\\d j"), ["jobs"]);
        assert_eq!(complete("\\format n"), ["ndjson"]);
        assert!(complete("\\format p").is_empty());
    }
}
