//! A source of the events of a log group.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::LogGroupClass;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use parquet::arrow::async_reader::AsyncFileReader;
use tokio::sync::OnceCell;

use crate::aws;
use crate::aws::rate_limit::{Limiter, Operation};
use crate::flow::LogFormat;
use crate::inventory::collect::flow_logs;
use crate::inventory::model::FlowLog;
use crate::source::cloudwatch::event::{Event, GroupReader, Page};
use crate::source::cloudwatch::filter_log_events::FilterPages;
use crate::source::cloudwatch::logs_insights::{Insights, Queries};
use crate::source::cloudwatch::slices;
use crate::source::cloudwatch::slices::Slice;
use crate::source::cloudwatch::url::Group;
use crate::source::{ByteStream, CHUNK_BYTES_MAX, Error, Listing, Source, SourceContext, Split};
use crate::time::Window;

/// Least similarity of a suggested name.
const ALIKE: f64 = 0.8;

/// How many names are suggested.
const ALIKE_MAX: usize = 3;

/// A log group. What AWS reports about it is cached for the whole command.
#[derive(Debug)]
pub(in crate::source) struct CloudWatchSource {
    url: String,
    access: SourceContext,
    group: Group,
    known: OnceCell<GroupInfo>,
}

/// Facts about a log group, from AWS.
#[derive(Debug)]
struct GroupInfo {
    reading: Arc<GroupReader>,
    by: ReadMethod,
    /// Unix seconds.
    created_at: Option<i64>,
    retention_days: Option<i32>,
    /// The flow logs that write to it now, or why that is not known.
    flow_logs: Result<Vec<FlowLog>, aws::Error>,
}

/// By which call events are read.
#[derive(Debug)]
enum ReadMethod {
    Filter(Arc<Limiter>),
    Query(Arc<Queries>),
}

impl CloudWatchSource {
    /// Creates the source of what a URL names. No call is made yet.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] when it names no log group.
    pub(in crate::source) fn new(url: &str, access: &SourceContext) -> Result<Self, Error> {
        let group = Group::parse(url)?;
        Ok(Self { url: url.to_owned(), access: access.clone(), group, known: OnceCell::new() })
    }

    async fn known(&self) -> Result<&GroupInfo, Error> {
        let describe = || async {
            let known = self.describe().await;
            known.map_err(|source| Error::Aws { id: self.url.clone(), source })
        };
        self.known.get_or_try_init(describe).await
    }

    async fn describe(&self) -> Result<GroupInfo, aws::Error> {
        let arn = self.group.arn.as_ref();
        let region = match arn {
            Some(arn) => arn.region.clone(),
            None => self.access.account.region().await?,
        };
        let client = self.access.account.logs(Some(&region)).await;
        let call = client.describe_log_groups().log_group_name_prefix(&self.group.name);
        let call = call
            .set_include_linked_accounts(arn.map(|_| true))
            .set_account_identifiers(arn.map(|arn| vec![arn.account_id.clone()]));
        // Sorted by name: the name itself comes before all that it is the beginning of.
        let answer = call.send().await.map_err(|error| aws::Error::of(&error))?;
        let groups = answer.log_groups.unwrap_or_default();
        let name = Some(self.group.name.as_str());
        let Some(found) = groups.iter().find(|group| group.log_group_name() == name) else {
            let message = self.missing(&client, &region).await;
            return Err(aws::Error::new(aws::Kind::Missing, message));
        };
        let by = match found.log_group_class() {
            Some(LogGroupClass::InfrequentAccess) => {
                ReadMethod::Query(Arc::new(Queries::new(&region)))
            }
            Some(LogGroupClass::Delivery) => {
                let message = "a log group of the class DELIVERY cannot be read: read the bucket that it \
                               delivers to";
                return Err(aws::Error::new(aws::Kind::Other, message));
            }
            _ => ReadMethod::Filter(Limiter::of(Operation::FilterLogEvents, &region)),
        };
        // That a role may read logs, and not EC2, is no reason to read nothing.
        let flow_logs = flow_logs(&self.access.account, &self.group.name, Some(&region)).await;
        Ok(GroupInfo {
            by,
            flow_logs,
            created_at: found.creation_time().map(|time_ms| time_ms.div_euclid(1000)),
            retention_days: found.retention_in_days(),
            reading: Arc::new(GroupReader { client, group: self.group.clone() }),
        })
    }

    /// Describes a missing log group, with existing ones of similar names.
    async fn missing(&self, client: &Client, region: &str) -> String {
        let requested = self.group.name.as_str();
        let word = requested.rsplit('/').find(|word| !word.is_empty()).unwrap_or(requested);
        let call = client.describe_log_groups().log_group_name_pattern(word);
        // Only a hint: whatever goes wrong here, the log group is missing.
        let groups = call.send().await.ok().and_then(|answer| answer.log_groups);
        let names = groups.unwrap_or_default().into_iter().filter_map(|group| group.log_group_name);
        let mut alike: Vec<(f64, String)> = names
            .map(|name| (strsim::jaro_winkler(&name, requested), name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let names: Vec<String> = alike
            .into_iter()
            .take(ALIKE_MAX)
            .map(|(_, name)| format!("cloudwatch://{name}"))
            .collect();
        match names.as_slice() {
            [] => format!("no log group {requested} in {region}"),
            names => format!("no log group {requested} in {region}; there is {}", names.join(", ")),
        }
    }

    /// Returns the flow logs that write to the log group, as the account and the inventory state, which knows
    /// deleted ones too.
    fn writers<'a>(&'a self, now: &'a [FlowLog]) -> impl Iterator<Item = &'a FlowLog> {
        self.access.flow_logs.iter().chain(now).filter(|flow_log| {
            let destination = flow_log.destination.as_deref().unwrap_or_default();
            let name = destination.split_once(":log-group:").map_or(destination, |(_, name)| name);
            name.strip_suffix(":*").unwrap_or(name) == self.group.name
        })
    }

    /// Returns a note if flow logs that may record the same interfaces write to the log group: the records do not
    /// name their flow log, so none can be left out.
    fn overlap_note(&self, now: &[FlowLog]) -> Option<String> {
        let writers: BTreeMap<&str, &FlowLog> =
            self.writers(now).map(|flow_log| (flow_log.flow_log_id.as_str(), flow_log)).collect();
        let writers: Vec<&FlowLog> = writers.into_values().collect();
        let overlaps = |(at, a): (usize, &&FlowLog)| {
            writers.iter().skip(at + 1).any(|b| may_record_the_same(a, b))
        };
        if !writers.iter().enumerate().any(overlaps) {
            return None;
        }
        let resource = |row: &FlowLog| row.resource_id.clone().unwrap_or_else(|| "?".to_owned());
        let names = writers.iter().map(|row| format!("{} of {}", row.flow_log_id, resource(row)));
        Some(format!(
            "{}: several flow logs write to this log group ({}); where they record the same interface, bytes count \
             more than once; hint: give each flow log a log group of its own",
            self.url,
            names.collect::<Vec<_>>().join(", ")
        ))
    }

    /// Returns the formats of the flow logs that write to the log group; none when nothing is known of any.
    fn formats(&self, now: &[FlowLog]) -> Vec<LogFormat> {
        let mut formats = Vec::new();
        for flow_log in self.writers(now) {
            let format = match &flow_log.log_format {
                Some(text) => text.parse().ok(),
                None => Some(LogFormat::default_v2()),
            };
            // Records of a format that cannot be read fit no other one, and are counted as malformed.
            formats.extend(format.filter(|format| !formats.contains(format)));
        }
        formats
    }
}

#[async_trait]
impl Source for CloudWatchSource {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        let known = self.known().await?;
        let (known_flow_logs, notes) = match &known.flow_logs {
            Ok(known_flow_logs) => (known_flow_logs.as_slice(), Vec::new()),
            Err(error) => {
                let lost = "formats of records are known from the inventory or --log-format alone";
                (&[][..], vec![format!("{}: DescribeFlowLogs: {error}: {lost}", self.url)])
            }
        };
        let mut notes = notes;
        notes.extend(self.overlap_note(known_flow_logs));
        let formats = self.formats(known_flow_logs);
        let now = self.access.now;
        let slices = slices::slices(window, known.created_at, known.retention_days, now);
        let split = |slice: Slice| Split {
            formats: formats.clone(),
            log_group: Some(self.group.id()),
            ..Split::new(slice.id(&self.url), None)
        };
        let splits = slices.into_iter().map(split).collect();
        Ok(Listing { splits, notes, ..Listing::default() })
    }

    /// Costs no call: what [`Source::open`] gives out is JSON.
    async fn head(&self, _: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        Ok(Bytes::from_static(b"{").slice(..bytes_max.min(1)))
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        let known = self.known().await?;
        let missing = || Error::Missing { id: split.id.clone() };
        let slice = Slice::of_id(&split.id).ok_or_else(missing)?;
        let reading = Arc::clone(&known.reading);
        let pages = match &known.by {
            ReadMethod::Filter(limiter) => {
                filtered(FilterPages::new(reading, Arc::clone(limiter), slice))
            }
            ReadMethod::Query(queries) => {
                queried(Insights::new(reading, Arc::clone(queries), slice))
            }
        };
        let id = self.url.clone();
        Ok(pages.flat_map(move |page| stream::iter(document(page, &id))).boxed())
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        let reason = "log events are no Parquet".to_owned();
        Err(Error::Url { id: split.id.clone(), reason })
    }
}

/// Returns whether two flow logs may record the same packets: their traffic types have an action in common, and
/// their resources may have an interface in common. Two different VPCs have none.
fn may_record_the_same(a: &FlowLog, b: &FlowLog) -> bool {
    let types = (a.traffic_type.as_deref(), b.traffic_type.as_deref());
    let disjoint =
        matches!(types, (Some("ACCEPT"), Some("REJECT")) | (Some("REJECT"), Some("ACCEPT")));
    let kind = |row: &FlowLog| {
        row.resource_id.as_deref().and_then(|id| Some(id.split_once('-')?.0.to_owned()))
    };
    !disjoint && (a.resource_id == b.resource_id || kind(a) != kind(b))
}

type Pages = BoxStream<'static, Result<Vec<Event>, aws::Error>>;

fn filtered(filter: FilterPages) -> Pages {
    let next = |mut filter: FilterPages| async move {
        Ok(filter.page().await?.map(|events| (events, filter)))
    };
    stream::try_unfold(filter, next).boxed()
}

fn queried(insights: Insights) -> Pages {
    let next = |mut insights: Insights| async move {
        Ok(insights.page().await?.map(|events| (events, insights)))
    };
    stream::try_unfold(insights, next).boxed()
}

/// Writes a page as a JSON document, in chunks.
fn document(page: Result<Vec<Event>, aws::Error>, id: &str) -> Vec<Result<Bytes, Error>> {
    let json = match page {
        Ok(events) => serde_json::to_vec(&Page { events }),
        Err(error) => return vec![Err(Error::Aws { id: id.to_owned(), source: error })],
    };
    let mut json = match json {
        Ok(json) => Bytes::from(json),
        Err(error) => return vec![Err(Error::io(id, error.into()))],
    };
    let mut chunks = Vec::new();
    while !json.is_empty() {
        chunks.push(Ok(json.split_to(json.len().min(CHUNK_BYTES_MAX))));
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_flow_logs_that_write_to_the_group() {
        let flow_log = |destination: &str, format: Option<&str>| FlowLog {
            destination: Some(destination.to_owned()),
            log_format: format.map(str::to_owned),
            ..FlowLog::default()
        };
        let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flow:*";
        let flow_logs = [
            flow_log("/vpc/flow", Some("${srcaddr} ${bytes}")),
            flow_log(arn, Some("srcaddr bytes")),
            flow_log(arn, None),
            flow_log("/vpc/flow", Some("${srcaddr")),
            flow_log("/vpc/flow-other", Some("${dstaddr}")),
        ];
        let (earlier, now) = flow_logs.split_at(2);
        let access = SourceContext { flow_logs: earlier.into(), ..SourceContext::default() };
        let source = CloudWatchSource::new("cloudwatch:///vpc/flow", &access).unwrap();
        let want = ["srcaddr bytes".parse().unwrap(), LogFormat::default_v2()];
        assert_eq!(source.formats(now), want);
    }

    #[test]
    fn flow_logs_of_one_group_that_may_overlap_are_named() {
        let flow_log = |id: &str, resource: &str, traffic: &str| FlowLog {
            flow_log_id: id.to_owned(),
            resource_id: Some(resource.to_owned()),
            traffic_type: Some(traffic.to_owned()),
            destination: Some("/vpc/flow".to_owned()),
            ..FlowLog::default()
        };
        let note = |flow_logs: &[FlowLog]| {
            let access = SourceContext::default();
            CloudWatchSource::new("cloudwatch:///vpc/flow", &access)
                .unwrap()
                .overlap_note(flow_logs)
        };
        let vpc = flow_log("fl-1", "vpc-1", "ALL");
        assert_eq!(note(&[vpc.clone(), vpc.clone()]), None, "one flow log, described twice");
        assert_eq!(note(&[vpc.clone(), flow_log("fl-2", "vpc-2", "ALL")]), None);
        let rejected = flow_log("fl-2", "vpc-1", "REJECT");
        assert_eq!(note(&[flow_log("fl-1", "vpc-1", "ACCEPT"), rejected.clone()]), None);
        let text = note(&[vpc.clone(), rejected]).unwrap();
        assert!(text.contains("(fl-1 of vpc-1, fl-2 of vpc-1)"), "{text}");
        assert!(note(&[vpc, flow_log("fl-2", "subnet-1", "ALL")]).is_some());
    }

    #[test]
    fn a_page_is_a_document_in_chunks_and_an_empty_one_too() {
        let text = |events| -> Vec<u8> {
            let chunks = document(Ok(events), "g").into_iter().map(Result::unwrap);
            chunks.inspect(|chunk| assert!(chunk.len() <= CHUNK_BYTES_MAX)).flatten().collect()
        };
        assert_eq!(text(Vec::new()), b"{\"events\":[]}");
        let event = Event { message: "x".repeat(2 * CHUNK_BYTES_MAX), ..Event::default() };
        assert!(text(vec![event]).len() > 2 * CHUNK_BYTES_MAX);
    }
}
