//! Events of a slice, by StartQuery: the only way to read a log group of the class Infrequent Access.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::{QueryStatus, ResultField};
use chrono::NaiveDateTime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::aws;
use crate::aws::rate_limit::{Limiter, Operation};
use crate::source::cloudwatch::event::{Event, GroupReader};
use crate::source::cloudwatch::slices::Slice;

/// How many rows one query gives: the most that one call returns.
const ROWS_MAX: usize = 10_000;

/// Queries at once, of the 100 that the account has for everybody.
const QUERIES_MAX: usize = 8;

/// The first and the longest wait for the end of a query.
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(3)];

/// AWS ends a query itself after an hour.
const QUERY_MAX: Duration = Duration::from_secs(65 * 60);

/// What the queries of a log group share.
#[derive(Debug)]
pub(super) struct Queries {
    running: Semaphore,
    start: Arc<Limiter>,
    results: Arc<Limiter>,
}

impl Queries {
    pub(super) fn new(region: &str) -> Self {
        Self {
            running: Semaphore::new(QUERIES_MAX),
            start: Limiter::of(Operation::StartQuery, region),
            results: Limiter::of(Operation::GetQueryResults, region),
        }
    }
}

/// Iterates over a slice, in steps so small that no answer is cut.
pub(super) struct Insights {
    reading: Arc<GroupReader>,
    queries: Arc<Queries>,
    rest: Slice,
    step: i64,
}

impl Insights {
    pub(super) fn new(reading: Arc<GroupReader>, queries: Arc<Queries>, slice: Slice) -> Self {
        Self { reading, queries, rest: slice, step: slice.to - slice.from }
    }

    /// Returns the events of the next step, which may be none. `None` after the last step.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<Event>>, aws::Error> {
        while self.rest.from < self.rest.to {
            let to = self.rest.to.min(self.rest.from.saturating_add(self.step));
            let step = Slice { from: self.rest.from, to };
            let Some(rows) = self.query_range(step).await? else {
                if to - step.from == 1 {
                    let second = step.id("second ");
                    let message = format!(
                        "{ROWS_MAX} events or more in one {}; a query gives no more: export the log \
                         group to S3 and read it there",
                        second.replacen('#', "", 1)
                    );
                    return Err(aws::Error::new(aws::Kind::Other, message));
                }
                self.step = (to - step.from) / 2;
                continue;
            };
            self.rest.from = to;
            if rows.len() < ROWS_MAX / 4 {
                self.step = self.step.saturating_mul(2);
            }
            return events(rows, step, self.reading.group.streams.as_deref()).map(Some);
        }
        Ok(None)
    }

    /// Returns all rows of a time range, and maybe some of the second after it. `None` when they are too many.
    async fn query_range(&self, slice: Slice) -> Result<Option<Vec<Vec<ResultField>>>, aws::Error> {
        let running = self.queries.running.acquire().await;
        let _running = running.map_err(|error| aws::Error::from_transport(&error))?;
        self.queries.start.wait().await;
        let group = &self.reading.group;
        let name = group.arn.is_none().then(|| group.name.clone());
        let call = self.reading.client.start_query();
        let call = call
            .set_log_group_name(name)
            .set_log_group_identifiers(group.arn.as_ref().map(|arn| vec![arn.text.clone()]))
            .start_time(slice.from)
            // Both ends are included. Whether the last second is so to its end is not documented: request one
            // more, and leave out what is not of this slice.
            .end_time(slice.to)
            .query_string(query(group.streams.as_deref()));
        let started = call.send().await.map_err(|error| aws::Error::of(&error))?;
        let Some(id) = started.query_id else {
            return Err(aws::Error::new(aws::Kind::Other, "StartQuery gave no id"));
        };
        let (begun, [mut wait, longest]) = (Instant::now(), WAITS);
        loop {
            self.queries.results.wait().await;
            let call = self.reading.client.get_query_results().query_id(&id);
            let answer = call.send().await.map_err(|error| aws::Error::of(&error))?;
            match answer.status {
                Some(QueryStatus::Complete) => {
                    let rows = answer.results.unwrap_or_default();
                    let is_cut = rows.len() >= ROWS_MAX || answer.next_token.is_some();
                    return Ok((!is_cut).then_some(rows));
                }
                Some(QueryStatus::Running | QueryStatus::Scheduled) | None
                    if begun.elapsed() < QUERY_MAX => {}
                status => {
                    let status = status.map_or("without a status".to_owned(), |s| s.to_string());
                    let message = format!("query {id} did not complete: {status}");
                    return Err(aws::Error::new(aws::Kind::Other, message));
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }
}

fn query(streams: Option<&str>) -> String {
    // The URL allows no quotes in the names of streams.
    let filter = streams.map(|prefix| format!("| filter strcontains(@logStream, \"{prefix}\") "));
    format!(
        "fields @timestamp, @message, @logStream, @ptr {}| sort @timestamp asc | limit {ROWS_MAX}",
        filter.unwrap_or_default()
    )
}

/// Takes the events of a slice out of the rows of a response.
fn events(
    rows: Vec<Vec<ResultField>>,
    slice: Slice,
    streams: Option<&str>,
) -> Result<Vec<Event>, aws::Error> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let mut event = Event::default();
        let mut time = None;
        for ResultField { field, value, .. } in row {
            match (field.as_deref(), value) {
                (Some("@timestamp"), value) => time = value,
                (Some("@message"), value) => event.message = value.unwrap_or_default(),
                (Some("@logStream"), value) => event.log_stream_name = value,
                (Some("@ptr"), value) => event.event_id = value,
                _ => {}
            }
        }
        let Some(time_ms) = time.as_deref().and_then(milliseconds) else {
            let message = format!("a row of a query has no time that can be read: {time:?}");
            return Err(aws::Error::new(aws::Kind::Other, message));
        };
        let stream = event.log_stream_name.as_deref().unwrap_or_default();
        if slice.holds(time_ms) && streams.is_none_or(|prefix| stream.starts_with(prefix)) {
            events.push(event);
        }
    }
    Ok(events)
}

/// `2026-03-10 12:00:00.000`, UTC.
fn milliseconds(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time: &str, stream: &str) -> Vec<ResultField> {
        let field = |name, value| ResultField::builder().field(name).value(value).build();
        vec![
            field("@timestamp", time),
            field("@message", "2 x"),
            field("@logStream", stream),
            field("@ptr", "p"),
        ]
    }

    #[test]
    fn rows_of_other_times_and_streams_are_left_out() {
        let slice = Slice { from: 1_773_144_000, to: 1_773_144_001 };
        let rows = vec![
            row("2026-03-10 11:59:59.999", "eni-0a"),
            row("2026-03-10 12:00:00.000", "eni-0a"),
            row("2026-03-10 12:00:00.999", "x-eni-0"),
            row("2026-03-10 12:00:01.000", "eni-0a"),
        ];
        let events = events(rows, slice, Some("eni-0")).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].event_id.as_deref(), events[0].message.as_str()), (Some("p"), "2 x"));
    }

    #[test]
    fn a_row_without_a_time_is_an_error() {
        let slice = Slice { from: 0, to: 1 };
        assert!(super::events(vec![row("soon", "eni-0a")], slice, None).is_err());
        assert!(super::events(vec![Vec::new()], slice, None).is_err());
    }
}
