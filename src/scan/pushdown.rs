//! Translates SQL filters into filters of the decoder, so that fewer rows are built.
//!
//! Every filter is applied to the rows as well: a filter that is not translated costs time and never rows.

use std::collections::{BTreeMap, HashSet};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::enrich::{InterfaceRelevance, SERVICE_OWNERS};
use crate::flow::field::Kind;

/// The filters of a query that the decoder applies.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pushed {
    /// Columns that must equal one of some texts.
    pub(crate) equals: Vec<(String, HashSet<String>)>,
    /// Columns that must lie within bounds, both inclusive, in Unix seconds or plain numbers.
    pub(crate) ranges: Vec<(String, Option<i64>, Option<i64>)>,
    /// Kinds of interfaces whose records can pass. `None`: all of them.
    pub(crate) interests: Option<Interests>,
    /// Names of jobs, one of which a record must be attributed to.
    pub(crate) jobs: Option<HashSet<String>>,
}

/// Kinds of interfaces, and of each whether only those of its records can pass whose remote side serves a job.
pub(crate) type Interests = BTreeMap<InterfaceRelevance, bool>;

/// Returns the kind of a column of the log itself; `None` for every other column.
pub(crate) type KindOf<'a> = &'a dyn Fn(&str) -> Option<Kind>;

impl Pushed {
    /// Reads all filters.
    pub(crate) fn new(filters: &[Expr], kind_of: KindOf<'_>) -> Self {
        let mut pushed = Self::default();
        for filter in filters {
            pushed.add(filter, kind_of);
        }
        pushed
    }

    /// Returns whether no filter was translated.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.equals.is_empty() && self.ranges.is_empty() && self.interests.is_none()
    }

    fn add(&mut self, filter: &Expr, kind_of: KindOf<'_>) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = filter {
            self.add(left, kind_of);
            self.add(right, kind_of);
            return;
        }
        if let Some(kinds) = interests(filter) {
            let combined = match self.interests.take() {
                None => kinds,
                Some(existing) => both(&existing, &kinds),
            };
            self.interests = Some(combined);
        }
        if let Some(("job_name", names)) = texts(filter, is_text, &text) {
            let existing = self.jobs.take();
            self.jobs = Some(match existing {
                None => names,
                Some(existing) => existing.intersection(&names).cloned().collect(),
            });
        }
        if let Some((column, texts)) = equals(filter, kind_of) {
            self.equals.push((column, texts));
        } else if let Some(range) = range(filter, kind_of) {
            self.ranges.push(range);
        }
    }
}

/// The column under casts that all are to types that `keeps` takes: others may change what is compared.
fn column(expr: &Expr, keeps: fn(&DataType) -> bool) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) if keeps(cast.field.data_type()) => column(&cast.expr, keeps),
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    data_type.is_string()
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_string()
}

fn is_whole(data_type: &DataType) -> bool {
    data_type.is_integer()
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

/// A literal whole number.
fn whole(expr: &Expr) -> Option<i64> {
    let Expr::Literal(value, _) = expr else { return None };
    match value.cast_to(&DataType::Int64).ok().filter(|_| value.data_type().is_integer())? {
        ScalarValue::Int64(number) => number,
        _ => None,
    }
}

/// `column = value`, `column IN (value, …)`, and OR of those over one column of the log.
fn equals(expr: &Expr, kind_of: KindOf<'_>) -> Option<(String, HashSet<String>)> {
    let (name, values) = texts(expr, is_text, &text)
        .filter(|(name, _)| matches!(kind_of(name), Some(Kind::Name | Kind::Addr)))
        .or_else(|| {
            let value = |expr: &Expr| whole(expr).map(|n| n.to_string()).or_else(|| text(expr));
            texts(expr, is_number, &value)
                .filter(|(name, _)| matches!(kind_of(name), Some(Kind::Code | Kind::Count)))
        })?;
    Some((name.to_owned(), values))
}

fn texts<'a>(
    expr: &'a Expr,
    keeps: fn(&DataType) -> bool,
    value_of: &dyn Fn(&Expr) -> Option<String>,
) -> Option<(&'a str, HashSet<String>)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (name, value) = match (column(left, keeps), value_of(right)) {
                (Some(name), Some(value)) => (name, value),
                _ => (column(right, keeps)?, value_of(left)?),
            };
            Some((name, HashSet::from([value])))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (name, mut values) = texts(left, keeps, value_of)?;
            let (other, more) = texts(right, keeps, value_of)?;
            values.extend(more);
            (name == other).then_some((name, values))
        }
        Expr::InList(list) if !list.negated => {
            let values: Option<HashSet<String>> = list.list.iter().map(value_of).collect();
            Some((column(&list.expr, keeps)?, values?))
        }
        _ => None,
    }
}

/// Bounds of a time or a number: `start >= …`, `end < …`, `bytes BETWEEN … AND …`.
fn range(expr: &Expr, kind_of: KindOf<'_>) -> Option<(String, Option<i64>, Option<i64>)> {
    let times = bounds(expr, is_time, &seconds)
        .filter(|(name, ..)| matches!(kind_of(name), Some(Kind::Time)));
    let (name, low, high) = times.or_else(|| {
        bounds(expr, is_whole, &|expr| whole(expr).map(|number| (number, number)))
            .filter(|(name, ..)| matches!(kind_of(name), Some(Kind::Code | Kind::Count)))
    })?;
    Some((name.to_owned(), low, high))
}

type Bounds<'a> = (&'a str, Option<i64>, Option<i64>);

fn bounds<'a>(
    expr: &'a Expr,
    keeps: fn(&DataType) -> bool,
    value_of: &dyn Fn(&Expr) -> Option<(i64, i64)>,
) -> Option<Bounds<'a>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (name, op, value) = match (column(left, keeps), value_of(right)) {
                (Some(name), Some(value)) => (name, *op, value),
                _ => (column(right, keeps)?, op.swap()?, value_of(left)?),
            };
            // Literals may be finer than a second: rounding outwards keeps every row that could pass.
            match op {
                Operator::Eq => Some((name, Some(value.0), Some(value.1))),
                Operator::Gt | Operator::GtEq => Some((name, Some(value.0), None)),
                Operator::Lt | Operator::LtEq => Some((name, None, Some(value.1))),
                _ => None,
            }
        }
        Expr::Between(between) if !between.negated => {
            let (low, high) = (value_of(&between.low)?, value_of(&between.high)?);
            Some((column(&between.expr, keeps)?, Some(low.0), Some(high.1)))
        }
        _ => None,
    }
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

/// Columns of the enrichment that are NULL for every record of an interface that serves no job.
const OF_JOBS: &[&str] =
    &["attribution", "job_name", "job_arn", "job_candidates", "network_isolation"];

/// What passes two filters.
fn both(one: &Interests, other: &Interests) -> Interests {
    let of_both = |(kind, to_jobs): (&InterfaceRelevance, &bool)| {
        Some((*kind, *to_jobs || *other.get(kind)?))
    };
    one.iter().filter_map(of_both).collect()
}

/// What passes either of two filters.
fn either(mut one: Interests, other: &Interests) -> Interests {
    for (kind, to_jobs) in other {
        one.entry(*kind).and_modify(|existing| *existing &= to_jobs).or_insert(*to_jobs);
    }
    one
}

/// Returns whether only records whose remote side serves a job pass a filter.
fn is_to_jobs(expr: &Expr) -> bool {
    let is_job = |value: &String| matches!(value.as_str(), "same-job" | "other-job");
    texts(expr, is_text, &text)
        .is_some_and(|(name, values)| name == "remote_scope" && values.iter().all(is_job))
}

/// The kinds of interfaces whose records can pass `expr`; `None` if it does not restrict them.
fn interests(expr: &Expr) -> Option<Interests> {
    let jobs = || {
        Some([InterfaceRelevance::Job, InterfaceRelevance::Maybe].map(|kind| (kind, false)).into())
    };
    match expr {
        Expr::IsNotNull(inner) => {
            column(inner, |_| false).filter(|name| OF_JOBS.contains(name)).and_then(|_| jobs())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(either(interests(left)?, &interests(right)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let mut kinds = match (interests(left), interests(right)) {
                (Some(one), Some(other)) => both(&one, &other),
                (one, other) => one.or(other)?,
            };
            if is_to_jobs(left) || is_to_jobs(right) {
                kinds.values_mut().for_each(|to_jobs| *to_jobs = true);
            }
            Some(kinds)
        }
        _ => {
            let (name, values) = texts(expr, is_text, &text)?;
            if OF_JOBS.contains(&name) {
                return jobs();
            }
            let kind = |value: &String| match value.as_str() {
                "nat_gateway" | "regional_nat_gateway" => Some((InterfaceRelevance::Nat, false)),
                owner => {
                    SERVICE_OWNERS.contains(&owner).then_some((InterfaceRelevance::Service, false))
                }
            };
            let kinds: Option<Interests> = values.iter().map(kind).collect();
            kinds.filter(|_| name == "eni_belongs_to")
        }
    }
}

/// Returns the kinds of interfaces in reading order, for `EXPLAIN`.
pub(crate) fn kinds_text(kinds: &Interests) -> String {
    let name = |(kind, to_jobs): (&InterfaceRelevance, &bool)| {
        format!("{kind:?}{}", if *to_jobs { " with a job" } else { "" }).to_lowercase()
    };
    kinds.iter().map(name).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{cast, col, lit};

    use super::*;
    use crate::flow::field::FIELDS;

    fn pushed(filter: Expr) -> Pushed {
        let kind_of = |column: &str| {
            let mut fields = FIELDS.iter();
            fields.find(|field| field.column() == column).map(|field| field.kind)
        };
        Pushed::new(&[filter], &kind_of)
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
        let all = [InterfaceRelevance::Job, InterfaceRelevance::Maybe, InterfaceRelevance::Nat]
            .map(|kind| (kind, false));
        assert_eq!(pushed(either).interests, Some(all.into()));
        assert!(pushed(col("attribution").is_null()).interests.is_none());
    }

    #[test]
    fn of_a_nat_gateway_only_what_it_exchanges_with_jobs_may_be_read() {
        let nat = || col("eni_belongs_to").eq(lit("nat_gateway"));
        let of_jobs = || nat().and(col("remote_scope").eq(lit("other-job")));
        let jobs = || col("attribution").is_not_null();
        let result =
            |filter: Expr| pushed(filter).interests.unwrap().get(&InterfaceRelevance::Nat).copied();
        assert_eq!(result(jobs().or(of_jobs())), Some(true));
        assert_eq!(result(jobs().or(of_jobs()).or(nat())), Some(false));
        assert_eq!(
            result(of_jobs().or(nat().and(col("remote_scope").eq(lit("vpc"))))),
            Some(false)
        );
        assert_eq!(result(jobs()), None);
    }

    #[test]
    fn of_a_service_only_what_it_refuses_jobs_may_be_read() {
        let refused = col("eni_belongs_to")
            .in_list(vec![lit("vpc_endpoint"), lit("efs")], false)
            .and(col("action").eq(lit("REJECT")))
            .and(col("remote_scope").eq(lit("other-job")));
        let got = pushed(col("attribution").is_not_null().or(refused)).interests.unwrap();
        let jobs = [InterfaceRelevance::Job, InterfaceRelevance::Maybe].map(|kind| (kind, false));
        assert_eq!(got, jobs.into_iter().chain([(InterfaceRelevance::Service, true)]).collect());
        let unknown = col("eni_belongs_to").in_list(vec![lit("efs"), lit("lambda")], false);
        assert!(pushed(unknown).interests.is_none());
    }

    #[test]
    fn the_jobs_that_are_asked_for_are_known() {
        let one = col("job_name").in_list(vec![lit("a"), lit("b")], false);
        let got = pushed(one.and(col("job_name").eq(lit("b"))));
        assert_eq!(got.jobs, Some(HashSet::from(["b".to_owned()])));
        assert!(pushed(col("job_name").not_eq(lit("a"))).jobs.is_none());
        let either = col("job_name").eq(lit("a")).or(col("action").eq(lit("REJECT")));
        assert!(pushed(either).jobs.is_none());
    }

    #[test]
    fn numbers_reach_the_decoder() {
        let got = pushed(col("dstport").eq(lit(443)).and(col("bytes").gt(lit(1_i64))));
        assert_eq!(got.equals[0], ("dstport".into(), HashSet::from(["443".into()])));
        assert_eq!(got.ranges[0], ("bytes".into(), Some(1), None));
    }

    #[test]
    fn a_cast_that_changes_the_value_is_not_looked_through() {
        let as_text = |column: &str| cast(col(column), DataType::Utf8);
        assert!(pushed(as_text("start").eq(lit("2026-03-10T00:00:01Z"))).is_empty());
        assert!(!pushed(as_text("dstport").eq(lit("443"))).is_empty());
        let as_float = cast(col("bytes"), DataType::Float64);
        assert!(pushed(cast(as_float, DataType::Utf8).eq(lit("100.0"))).is_empty());
        assert!(pushed(cast(col("account_id"), DataType::Int64).eq(lit(7_i64))).is_empty());
        let second = DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None);
        let day = cast(cast(col("start"), DataType::Date32), second);
        let noon = lit(ScalarValue::TimestampSecond(Some(43_200), None));
        assert!(pushed(day.lt_eq(noon)).is_empty());
    }
}
