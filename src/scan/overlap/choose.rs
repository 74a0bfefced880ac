//! Reads the times of the records of flow logs that may overlap, before the scan itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Field, Schema};
use datafusion::common::Result;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryStreamExt as _};

use crate::enrich::Enricher;
use crate::flow::field::OBJECT;
use crate::flow::{DecodeOptions, Filter, InterfacePredicate, RecordSelection};
use crate::scan::object_reader::read_objects;
use crate::scan::options::ScanOptions;
use crate::scan::overlap::Choice;
use crate::scan::overlap::candidates::Candidates;
use crate::scan::overlap::count::{Count, columns};
use crate::scan::pushdown::Pushed;
use crate::scan::registry::ScanCounters;
use crate::scan::task::ScanTask;
use crate::scan::work_queue::WorkQueue;
use crate::source::{Listing, Split};

/// Returns the work of a scan without the records that are copies of another flow log's.
///
/// Every reader of a queue calls it; the objects are read for it once.
pub(crate) async fn without_copies(job: Arc<ScanTask>, queue: &WorkQueue) -> Result<Arc<ScanTask>> {
    let choice = queue.choice.get_or_try_init(|| find_choice(&job, queue)).await?;
    match choice {
        Some(choice) => Ok(Arc::new(job.choosing(Arc::clone(choice))?)),
        None => Ok(job),
    }
}

/// `None` if there are no copies, or the user wants all records.
async fn find_choice(job: &ScanTask, queue: &WorkQueue) -> Result<Option<Arc<Choice>>> {
    let Some(context) = job.context.as_ref().filter(|_| !job.options.all_flow_logs) else {
        return Ok(None);
    };
    let listing = queue.listing(job).await?;
    let choice = choose(job, context, listing, queue.readers).await?.map(Arc::new);
    queue.scan.update(|summary| summary.choice.clone_from(&choice));
    Ok(choice)
}

/// Determines which flow log counts at which time, for the interfaces of the scan. `None` if no two flow logs record
/// one of them.
fn choose<'a>(
    job: &'a ScanTask,
    context: &'a Enricher,
    listing: &'a Listing,
    readers: usize,
) -> BoxFuture<'a, Result<Option<Choice>>> {
    async move {
        let mut candidates = Candidates::default();
        let (mut mixed, mut plain) = (Vec::new(), Vec::new());
        for split in &listing.splits {
            if candidates.add(split) { mixed.push(split) } else { plain.push(split) }
        }
        if !mixed.is_empty() {
            let splits: Vec<Split> = mixed.iter().copied().cloned().collect();
            let mut objects = BTreeSet::new();
            let add = |batch: &RecordBatch| add_objects(&mut objects, batch);
            scan(job, splits, &[OBJECT], readers, add).await?;
            objects.iter().for_each(|object| candidates.add_object(object));
        }
        let inventory = context.inventory();
        let overlapping = candidates.overlapping(inventory);
        if overlapping.is_empty() {
            return Ok(None);
        }
        let overlaps = |split: &&&Split| {
            let id = split.log_group.as_deref().or(split.name.flow_log_id.as_deref());
            // What can be read only once is left to the scan itself.
            !split.one_shot && id.is_some_and(|id| overlapping.contains(id))
        };
        let splits = plain.iter().filter(overlaps).chain(&mixed);
        let splits: Vec<Split> = splits.map(|split| Split::clone(split)).collect();
        let mut count = Count::default();
        scan(job, splits, &columns(), readers, |batch| count.add(batch)).await?;
        Ok(count.finish(&inventory.flow_logs))
    }
    .boxed()
}

fn add_objects(objects: &mut BTreeSet<String>, batch: &RecordBatch) {
    let column = batch.column_by_name(OBJECT).and_then(|column| column.as_string_view_opt());
    let mut last = None;
    for object in column.into_iter().flatten().flatten() {
        if last != Some(object) && !objects.contains(object) {
            objects.insert(object.to_owned());
        }
        last = Some(object);
    }
}

/// Reads a few columns of all records of the interfaces that `job` is about, in its window.
async fn scan(
    job: &ScanTask,
    splits: Vec<Split>,
    columns: &[&str],
    readers: usize,
    mut add: impl FnMut(&RecordBatch),
) -> Result<()> {
    let fields = columns.iter().map(|name| job.table.field_with_name(name).cloned());
    let schema = Arc::new(Schema::new(fields.collect::<Result<Vec<Field>, _>>()?));
    let Filter { since, until, interface, .. } = job.plan.filter.clone();
    // Any record of an interface shows that its flow log was active.
    let interface = interface.map(|test| {
        let all = move |id: &str| match test(id) {
            RecordSelection::ByAddress => RecordSelection::All,
            other => other,
        };
        Arc::new(all) as InterfacePredicate
    });
    let plan = DecodeOptions {
        filter: Filter { since, until, interface, ..Filter::default() },
        log_format: job.options.stated.clone(),
        batch_rows: job.batch_rows,
        limits: job.options.limits,
        ..DecodeOptions::new(job.plan.layout, Arc::clone(&schema))
    };
    // Objects that cannot be read are reported by the scan itself.
    let options = ScanOptions {
        stated: job.options.stated.clone(),
        limits: job.options.limits,
        ..ScanOptions::new(job.options.window)
    };
    let own = ScanTask {
        plan: Arc::new(plan),
        output_schema: Arc::clone(&schema),
        filter: None,
        added_columns: Vec::new(),
        context: None,
        options: Arc::new(options),
        pushed: Pushed::default(),
        limit: None,
        choice: None,
        ..job.clone()
    };
    let own = Arc::new(own);
    let listing = Listing { splits, ..Listing::default() };
    let queue =
        Arc::new(WorkQueue::over(Arc::new(ScanCounters::new(own.plan.layout)), listing, readers));
    let mut stream = RecordBatchReceiverStreamBuilder::new(schema, 2);
    for _ in 0..readers.max(1) {
        let (own, queue, batches) = (Arc::clone(&own), Arc::clone(&queue), stream.tx());
        stream.spawn(async move { read_objects(own, queue, batches).await });
    }
    let mut batches = stream.build();
    while let Some(batch) = batches.try_next().await? {
        add(&batch);
    }
    Ok(())
}
