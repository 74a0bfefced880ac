//! From SQL filters to what the decoder understands: less is built when less is asked for.
//!
//! Every filter stays in the plan as well, so what is not understood here costs time and never rows.

use std::collections::HashSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::context::Interest;

/// What the filters of a query ask of the decoder.
#[derive(Debug, Default, Clone)]
pub(super) struct Pushed {
    /// Columns that must equal one of some texts.
    pub(super) equals: Vec<(String, HashSet<String>)>,
    /// Columns that must lie within bounds, both inclusive, in Unix seconds or plain numbers.
    pub(super) ranges: Vec<(String, Option<i64>, Option<i64>)>,
    /// Kinds of interfaces whose records can pass. NULL-free: `None` is all of them.
    pub(super) interests: Option<Vec<Interest>>,
}

impl Pushed {
    /// Reads all filters; `knows` tells whether a column belongs to the log itself.
    pub(super) fn new(filters: &[Expr], knows: &dyn Fn(&str) -> bool) -> Self {
        let mut pushed = Self::default();
        for filter in filters {
            pushed.add(filter, knows);
        }
        pushed
    }

    /// Tells whether nothing of the filters could be used.
    pub(super) fn is_empty(&self) -> bool {
        self.equals.is_empty() && self.ranges.is_empty() && self.interests.is_none()
    }

    fn add(&mut self, filter: &Expr, knows: &dyn Fn(&str) -> bool) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = filter {
            self.add(left, knows);
            self.add(right, knows);
            return;
        }
        if let Some(kinds) = interests(filter) {
            let kept = match self.interests.take() {
                None => kinds,
                Some(held) => held.into_iter().filter(|kind| kinds.contains(kind)).collect(),
            };
            self.interests = Some(kept);
        }
        if let Some((column, texts)) = texts(filter).filter(|(column, _)| knows(column)) {
            self.equals.push((column, texts));
        }
        if let Some(range) = range(filter).filter(|(column, ..)| knows(column)) {
            self.ranges.push(range);
        }
    }
}

fn column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Column(column) => Some(column.name.clone()),
        Expr::Cast(cast) => column(&cast.expr),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::Utf8View(Some(text))
            | ScalarValue::LargeUtf8(Some(text)),
            _,
        ) => Some(text.clone()),
        _ => None,
    }
}

/// `column = 'text'`, `column IN ('a', 'b')`, and OR of those over one column.
fn texts(expr: &Expr) -> Option<(String, HashSet<String>)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (name, value) = match (column(left), text(right)) {
                (Some(name), Some(value)) => (name, value),
                _ => (column(right)?, text(left)?),
            };
            Some((name, HashSet::from([value])))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (name, mut values) = texts(left)?;
            let (other, more) = texts(right)?;
            values.extend(more);
            (name == other).then_some((name, values))
        }
        Expr::InList(list) if !list.negated => {
            let values: Option<HashSet<String>> = list.list.iter().map(text).collect();
            Some((column(&list.expr)?, values?))
        }
        _ => None,
    }
}

/// A bound of `start` or `end`: `start >= …`, `end < …`, `start BETWEEN … AND …`.
fn range(expr: &Expr) -> Option<(String, Option<i64>, Option<i64>)> {
    let (name, low, high) = match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (name, op, value) = match (column(left), seconds(right)) {
                (Some(name), Some(value)) => (name, *op, value),
                _ => (column(right)?, op.swap()?, seconds(left)?),
            };
            // Literals may be finer than a second: rounding outwards keeps every row that could pass.
            match op {
                Operator::Eq => (name, Some(value.0), Some(value.1)),
                Operator::Gt | Operator::GtEq => (name, Some(value.0), None),
                Operator::Lt | Operator::LtEq => (name, None, Some(value.1)),
                _ => return None,
            }
        }
        Expr::Between(between) if !between.negated => {
            let (low, high) = (seconds(&between.low)?, seconds(&between.high)?);
            (column(&between.expr)?, Some(low.0), Some(high.1))
        }
        _ => return None,
    };
    matches!(name.as_str(), "start" | "end").then_some((name, low, high))
}

/// A timestamp literal in whole seconds, rounded down and up.
fn seconds(expr: &Expr) -> Option<(i64, i64)> {
    let Expr::Literal(value, _) = expr else { return None };
    let (count, per_second) = match value {
        ScalarValue::TimestampSecond(Some(count), _) => (*count, 1),
        ScalarValue::TimestampMillisecond(Some(count), _) => (*count, 1_000),
        ScalarValue::TimestampMicrosecond(Some(count), _) => (*count, 1_000_000),
        ScalarValue::TimestampNanosecond(Some(count), _) => (*count, 1_000_000_000),
        _ => return None,
    };
    let down = count.div_euclid(per_second);
    Some((down, if count.rem_euclid(per_second) == 0 { down } else { down + 1 }))
}

/// Context columns that are NULL for every record of an interface that serves no job.
const OF_JOBS: &[&str] =
    &["attribution", "job_name", "job_arn", "job_candidates", "network_isolation"];

/// The kinds of interfaces whose records can pass `expr`; `None` when it does not say.
fn interests(expr: &Expr) -> Option<Vec<Interest>> {
    let jobs = || Some(vec![Interest::Job, Interest::Maybe]);
    match expr {
        Expr::IsNotNull(inner) => {
            column(inner).filter(|name| OF_JOBS.contains(&name.as_str())).and_then(|_| jobs())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut kinds = interests(left)?;
            kinds.extend(interests(right)?);
            Some(kinds)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (interests(left), interests(right)) {
                (Some(one), Some(other)) => {
                    Some(one.into_iter().filter(|kind| other.contains(kind)).collect())
                }
                (one, other) => one.or(other),
            }
        }
        _ => {
            let (name, values) = texts(expr)?;
            if OF_JOBS.contains(&name.as_str()) {
                return jobs();
            }
            let nat = name == "eni_belongs_to" && values.iter().all(|value| value == "nat_gateway");
            nat.then(|| vec![Interest::Nat])
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    fn pushed(filter: Expr) -> Pushed {
        Pushed::new(&[filter], &|column| crate::engine::table::is_log_column(column))
    }

    #[test]
    fn equality_and_lists_reach_the_decoder() {
        let got = pushed(
            col("action")
                .eq(lit("REJECT"))
                .and(col("srcaddr").in_list(vec![lit("10.0.0.1"), lit("10.0.0.2")], false)),
        );
        assert_eq!(got.equals.len(), 2);
        assert_eq!(got.equals[1].1.len(), 2);
    }

    #[test]
    fn bounds_round_outwards() {
        let at = |nanos| lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())));
        let got =
            pushed(col("start").gt_eq(at(1_500_000_000)).and(col("start").lt(at(2_000_000_001))));
        assert_eq!(got.ranges[0], ("start".into(), Some(1), None));
        assert_eq!(got.ranges[1], ("start".into(), None, Some(3)));
    }

    #[test]
    fn only_the_interfaces_that_can_pass_are_read() {
        let either =
            col("attribution").is_not_null().or(col("eni_belongs_to").eq(lit("nat_gateway")));
        assert_eq!(
            pushed(either).interests,
            Some(vec![Interest::Job, Interest::Maybe, Interest::Nat])
        );
        assert!(pushed(col("attribution").is_null()).interests.is_none());
        assert!(pushed(col("bytes").gt(lit(1))).is_empty());
    }
}
