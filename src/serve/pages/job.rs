//! One job: its interfaces over time, its traffic, its findings, and what the logs do not show of it.

use std::sync::Arc;

use maud::{Markup, html};

use crate::explain::job::{JobReport, JobReportContext, ReportSection, choose};
use crate::inventory::model::Job;
use crate::serve::cell::shown;
use crate::serve::pages::explanation::on_engine;
use crate::serve::pages::{findings, job_charts};
use crate::serve::{
    App, DataCell, DataTable, Error, PageContent, PageFilter, PageSection, QueryArgs, Snapshot,
    layout,
};

pub(super) async fn content(
    app: &App,
    snapshot: &Arc<Snapshot>,
    name: &str,
    (args, filter): (&QueryArgs, &PageFilter),
) -> Result<PageContent, Error> {
    let job =
        choose(&snapshot.inventory, name).map_err(|error| Error::NotFound(error.to_string()))?;
    let report = report(app, snapshot, &job).await?;
    let mut sections = Vec::new();
    for part in report.parts {
        sections.push(section(part, snapshot, &job, args)?);
    }
    let charts = job_charts::sections(snapshot, &job.job_name, filter);
    sections.splice(1..1, charts);
    let notes = match filter.is_open() {
        true => Vec::new(),
        false => vec![
            "The time range holds for the charts; the tables are about the whole job.".to_owned(),
        ],
    };
    Ok(PageContent {
        title: job.job_name.clone(),
        entry: "/jobs",
        path: format!("/jobs/{}", crate::serve::filter::path_segment(name)),
        notes,
        sections,
    })
}

/// The same parts as `flowq explain job`, from what is materialized.
async fn report(app: &App, snapshot: &Arc<Snapshot>, job: &Job) -> Result<JobReport, Error> {
    let nat_price = app.prices.nat_gateway(job.region.as_deref());
    let (snapshot, job) = (Arc::clone(snapshot), job.clone());
    let engine = app.engine.clone();
    // The closure of the report is not one that threads can share: it runs on a thread of its own.
    let work = tokio::task::spawn_blocking(move || {
        engine.block_on(async {
            let about = JobReportContext {
                job: &job,
                findings: &snapshot.run.findings,
                coverage: snapshot.coverage.of_job(&job.job_name),
                nat_price,
            };
            let query =
                async |sql: &str, params: &[_]| snapshot.engine.rows(sql, params.to_vec()).await;
            JobReport::make(&about, query).await.map_err(|error| Error::Failed(error.to_string()))
        })
    });
    on_engine(app, async {
        work.await.map_err(|_| Error::Failed("the page could not be made".to_owned()))?
    })
    .await
}

/// Names and values of the configuration of the job.
fn facts(table: &DataTable) -> Markup {
    let pair = |row: &Vec<DataCell>| match row.as_slice() {
        [DataCell::Text(name), DataCell::Text(value)] => {
            Some((name.replace('_', " "), value.clone()))
        }
        _ => None,
    };
    let pairs: Vec<(String, String)> = table.rows.iter().filter_map(pair).collect();
    let pairs: Vec<(&str, Markup)> =
        pairs.iter().map(|(name, value)| (name.as_str(), html! { (shown(value)) })).collect();
    layout::facts(&pairs)
}

fn section(
    part: ReportSection,
    snapshot: &Snapshot,
    job: &Job,
    args: &QueryArgs,
) -> Result<PageSection, Error> {
    // Interfaces over time have a chart of their own, for the time range of the page.
    let matrix = part.chart().filter(|_| part.id == "between_instances").map(layout::chart);
    let table = match part.id {
        "findings" => {
            let is_mine = |finding: &&crate::detection::Finding| {
                let by_arn = finding.job_arn.is_some() && finding.job_arn == job.job_arn;
                by_arn
                    || finding.job_name.as_ref() == Some(&job.job_name)
                    || finding.job_candidates.contains(&job.job_name)
            };
            let mine: Vec<_> = snapshot.run.findings.iter().filter(is_mine).collect();
            findings::table(&mine, args)
        }
        "interfaces" => DataTable {
            hidden: vec!["first_record", "last_record"],
            ..DataTable::from_batches(&[part.rows])?
        },
        _ => DataTable::from_batches(&[part.rows])?,
    };
    let is_facts = part.id == "facts";
    let figure = if is_facts { Some(facts(&table)) } else { matrix };
    let section = PageSection::new(part.id, part.title, table);
    let is_folded = figure.is_some() && !is_facts;
    let mut section = PageSection { figure, is_folded, is_figure_only: is_facts, ..section };
    section.notes = part.notes;
    Ok(section)
}
