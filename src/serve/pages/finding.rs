//! One finding: what it is, why, what proves it, and what to do.

use std::sync::Arc;

use arrow::array::RecordBatch;
use maud::{Markup, html};

use crate::detection::Finding;
use crate::explain::{Explanation, FlowLine, SimulationResult};
use crate::flow::protocol::protocol_name;
use crate::reachability::StageVerdict;
use crate::serve::cell::{shown, state};
use crate::serve::layout::{facts, snippet};
use crate::serve::pages::explanation::{self, FindingDetails};
use crate::serve::pages::findings::job_cell;
use crate::serve::{
    App, DataCell, DataTable, Error, PageContent, PageSection, QueryArgs, Snapshot, text,
};

/// The fields of a record that are seen first.
const MAIN_FIELDS: &[&str] = &[
    "line",
    "start",
    "end",
    "srcaddr",
    "srcport",
    "dstaddr",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "action",
    "tcp_flags",
    "interface_id",
];

/// Lines of each list of a simulation.
const LINES_MAX: usize = 50;

pub(super) async fn content(
    app: &App,
    snapshot: &Arc<Snapshot>,
    id: &str,
    args: &QueryArgs,
) -> Result<PageContent, Error> {
    let finding = crate::explain::find(&snapshot.run.findings, id);
    let finding = finding.map_err(|error| Error::NotFound(error.to_string()))?;
    let simulate = args.get("simulate").is_some();
    let details = explanation::read(app, snapshot, finding, simulate).await?;
    let path = format!("/findings/{}", finding.finding_id);
    let mut sections = vec![
        PageSection {
            figure: Some(summary(finding, args)),
            is_figure_only: true,
            ..PageSection::new("finding", "", as_table(finding)?)
        },
        evidence(finding, &details.records)?,
    ];
    if let Some(explained) = &details.explanation {
        sections.push(PageSection {
            figure: Some(steps(explained, details.problem.as_deref())),
            is_figure_only: true,
            ..PageSection::new(
                "path",
                "The packet's path through the configuration",
                step_table(explained),
            )
        });
    }
    sections.push(fixes(finding, &details, &path, args));
    if let Some(simulation) = &details.simulation {
        sections.push(simulated(simulation));
    }
    sections.push(PageSection::figure(
        "rules",
        "If it is as it should be",
        rules(finding, snapshot),
    ));
    Ok(PageContent {
        title: finding.title.clone(),
        entry: "/findings",
        path,
        notes: Vec::new(),
        sections,
    })
}

/// The fields of a finding, as `flowq detect` names them.
fn as_table(finding: &Finding) -> Result<DataTable, Error> {
    let lists = crate::detection::finding_batch::Lists::Text;
    Ok(DataTable::from_batches(&[Finding::to_batch(std::slice::from_ref(finding), lists)?])?)
}

fn summary(finding: &Finding, args: &QueryArgs) -> Markup {
    let code =
        |value: &Option<String>| value.as_ref().map(|value| html! { code { (shown(value)) } });
    let time = |at: Option<i64>| {
        at.map(|at| html! { time datetime=(text::rfc3339(at)) { (text::time(at)) } })
    };
    let port = finding.remote_port.map(|port| format!(" port {port}")).unwrap_or_default();
    let protocol = finding.protocol.and_then(|number| i32::try_from(number).ok());
    let protocol =
        protocol.map(|number| protocol_name(number).map_or(number.to_string(), str::to_owned));
    let flow = finding.local_addr.as_ref().zip(finding.remote_addr.as_ref()).map(|(local, remote)| {
        html! { code { (shown(local)) } " → " code { (shown(remote)) } (port) " " (protocol.unwrap_or_default()) }
    });
    let amount = finding.bytes_out.or(finding.bytes_in).map(|_| {
        let bytes = |value: Option<i64>| text::bytes(value.unwrap_or(0));
        html! { (bytes(finding.bytes_out)) " out, " (bytes(finding.bytes_in)) " in, " (text::count(finding.flows.unwrap_or(0))) " records" }
    });
    let pairs: Vec<(&str, Option<Markup>)> = vec![
        ("Severity", Some(state(finding.severity.as_str()))),
        ("Confidence", Some(html! { (finding.confidence) })),
        ("Detection", Some(html! { code { (shown(&finding.detection)) } })),
        ("Job", Some(link(&job_cell(finding, args)))),
        ("Attribution", finding.attribution.as_ref().map(|words| html! { (shown(words)) })),
        ("Flow", flow),
        ("Amount", amount),
        ("Way", code(&finding.path)),
        ("Destination is", code(&finding.remote_scope)),
        ("First seen", time(finding.first_seen)),
        ("Last seen", time(finding.last_seen)),
        ("Interface", code(&finding.interface_id)),
        ("Subnet", code(&finding.subnet_id)),
        ("VPC", code(&finding.vpc_id)),
        ("Account, region", finding.account_id.as_ref().map(|account| html! { code { (shown(account)) } " " (shown(finding.region.as_deref().unwrap_or_default())) })),
        ("Id", Some(html! { code { (finding.finding_id) } })),
    ];
    let pairs: Vec<(&str, Markup)> =
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    html! {
        @if let Some(reason) = &finding.reason { p.lead { (shown(reason)) } }
        @if let Some(cause) = &finding.cause { p { b { "Cause: " } (shown(cause)) } }
        (facts(&pairs))
    }
}

/// A cell as a link or a text.
fn link(cell: &DataCell) -> Markup {
    html! {
        @match cell {
            DataCell::Link { text, href } => a href=(href) { (shown(text)) },
            DataCell::Text(text) => (shown(text)),
            _ => span.none { "–" },
        }
    }
}

/// The records themselves. Columns that are NULL in all of them are left out.
fn evidence(finding: &Finding, records: &[RecordBatch]) -> Result<PageSection, Error> {
    let table = DataTable::from_batches(records)?.without_empty_columns();
    let table = DataTable { hidden: vec!["object"], ..table };
    let fields = table.html_by_field();
    let main = table.columns_named(MAIN_FIELDS).html();
    let (read, named) = (table.rows.len(), finding.evidence.len());
    let mut section = PageSection::new("records", "The records behind it", table);
    if read < named {
        section.notes.push(format!("{} of {named} could not be read back", named - read));
    }
    let names = finding.evidence.iter().map(|one| {
        let line = one.line.map(|line| format!(":{line}")).unwrap_or_default();
        html! { li { code { (shown(&one.object)) (line) } } }
    });
    section.figure = Some(html! {
        @if named == 0 { p.empty { "It is not about records." } } @else {
            ul.notes { @for name in names { (name) } }
            @if read > 0 { (main) details { summary { "All fields" } (fields) } }
        }
    });
    section.is_figure_only = true;
    Ok(section)
}

fn answer(verdict: StageVerdict) -> &'static str {
    match verdict {
        StageVerdict::Allowed => "allowed",
        StageVerdict::Denied => "denied",
        StageVerdict::Unknown => "unknown",
    }
}

fn steps(explained: &Explanation, problem: Option<&str>) -> Markup {
    // The verdict stands before it.
    let summary = explained.summary.trim_start_matches(explained.verdict.label());
    let summary = summary.trim_start_matches(": ");
    html! {
        p { (state(explained.verdict.label())) " " (shown(summary)) }
        @if let Some(why) = &explained.inconsistent { p { (shown(why)) } }
        @if let Some(problem) = problem { p.empty { "By the newest configuration, as that of the time could not be read: " (shown(problem)) } }
        ol.steps {
            @for step in &explained.steps {
                li class=(answer(step.answer)) {
                    b { (step.place.label()) } " " (state(answer(step.answer)))
                    @if let Some(by) = &step.by { " " code { (shown(by)) } }
                    p { (shown(&step.text)) }
                }
            }
        }
        p.empty { "By the " (shown(&explained.inventory)) "." }
    }
}

fn step_table(explained: &Explanation) -> DataTable {
    let row = |step: &crate::reachability::Step| {
        vec![
            DataCell::Text(step.place.label().to_owned()),
            DataCell::State(answer(step.answer).to_owned()),
            DataCell::code(step.by.as_deref()),
            DataCell::Text(step.text.clone()),
        ]
    };
    DataTable::new(&["stage", "state", "by", "text"], explained.steps.iter().map(row))
}

/// What to do: as commands and as Terraform, or in words.
fn fixes(finding: &Finding, details: &FindingDetails, path: &str, args: &QueryArgs) -> PageSection {
    let fixes = details.explanation.as_ref().map(|one| one.fixes.as_slice()).unwrap_or_default();
    let row = |fix: &crate::reachability::Fix| {
        vec![
            DataCell::Code(fix.id.clone()),
            DataCell::Text(fix.title.clone()),
            DataCell::Text(fix.cli.clone()),
            DataCell::Text(fix.terraform.clone()),
        ]
    };
    let table = DataTable::new(&["id", "title", "cli", "terraform"], fixes.iter().map(row));
    let figure = html! {
        @if fixes.is_empty() {
            @if let Some(words) = &finding.remediation { (snippet(words)) } @else { p.empty { "Nothing is proposed." } }
        }
        @for fix in fixes {
            h3 { (shown(&fix.title)) }
            p.empty { "AWS CLI" }
            (snippet(&fix.cli))
            p.empty { "Terraform" }
            (snippet(&fix.terraform))
        }
        @if !fixes.is_empty() && details.simulation.is_none() {
            p { a.button href=(args.with("simulate", Some("all")).link(path)) { "Try it out on the logs" } " changes nothing: it replays what the logs show refused." }
        }
    };
    PageSection {
        figure: Some(figure),
        is_figure_only: true,
        ..PageSection::new("fixes", "What to do", table)
    }
}

/// What the fixes would let through.
fn simulated(result: &SimulationResult) -> PageSection {
    let lists: [(&str, &[FlowLine]); 5] = [
        ("let through", &result.let_through),
        ("still refused", &result.still_refused),
        ("not known", &result.not_known),
        ("open before", &result.open_before),
        ("newly open", &result.newly_open),
    ];
    let row = |(outcome, line): (&str, &FlowLine)| {
        vec![
            DataCell::State(outcome.to_owned()),
            DataCell::text(line.job_name.as_deref()),
            DataCell::Code(line.source.clone()),
            DataCell::Code(line.destination.clone()),
            DataCell::Code(line.service.clone()),
            DataCell::text(line.text.as_deref()),
        ]
    };
    let lines = lists
        .iter()
        .flat_map(|(name, lines)| lines.iter().take(LINES_MAX).map(|line| (*name, line)));
    let table = DataTable::new(
        &["outcome", "job", "source", "destination", "service", "decided_by"],
        lines.map(row),
    );
    let mut section = PageSection::new("simulation", "What the fixes would do", table);
    for (name, lines) in lists {
        section.notes.push(format!("{name}: {}", lines.len()));
    }
    section.notes.extend(result.opens.iter().cloned());
    if result.is_cut {
        section.notes.push("there are more pairs of interfaces than were tried".to_owned());
    }
    section
}

/// Rules of `flowq.toml` that hide the finding, or allow its traffic.
fn rules(finding: &Finding, snapshot: &Snapshot) -> Markup {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let suppress = format!(
        "[[suppress]]\nfinding_id = {}\nreason = \"why it is expected\"\n# until = \"2027-01-01\"\n",
        quote(&finding.finding_id)
    );
    let is_flow = snapshot.detections.iter().any(|one| one.id == finding.detection);
    let allow = finding.remote_addr.as_ref().filter(|_| is_flow).map(|remote| {
        let bits = if remote.contains(':') { 128 } else { 32 };
        let mut rule = format!("[[allow]]\nto = {}\n", quote(&format!("{remote}/{bits}")));
        if let Some(job) = &finding.job_name {
            rule.push_str(&format!("job = {}\n", quote(&glob::Pattern::escape(job))));
        }
        if let Some(port) = finding.remote_port.filter(|port| *port > 0) {
            rule.push_str(&format!("ports = [{port}]\n"));
        }
        if let Some(protocol) = finding.protocol {
            rule.push_str(&format!("protocol = {protocol}\n"));
        }
        rule + "reason = \"why it is expected\"\n"
    });
    html! {
        p { "Add one of these to " code { "flowq.toml" } ", with the reason." }
        p.empty { "Hide this finding; it is still counted" }
        (snippet(&suppress))
        @if let Some(allow) = allow {
            p.empty { "Allow the destination" }
            (snippet(&allow))
        }
    }
}
