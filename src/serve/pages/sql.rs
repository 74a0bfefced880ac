//! SQL: an editor, the tables that there are, and results within limits.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use crate::serve::cell::shown;
use crate::serve::statement::RowStream;
use crate::serve::{
    App, DataTable, Error, PageContent, PageSection, QueryArgs, Snapshot, export, failure, layout,
    text,
};

/// Rows of a page, unless it asks for others.
const ROWS_DEFAULT: usize = 200;

/// The most rows of a page.
const ROWS_MAX: usize = 5000;

/// The statement of an empty editor.
const EXAMPLE: &str = "SELECT job_name, remote_scope, sum(connections) AS connections, sum(accepted_bytes_out) AS bytes_out\n\
                       FROM peers\nWHERE attribution IS NOT NULL\nGROUP BY job_name, remote_scope\nORDER BY bytes_out DESC";

type Pairs = Vec<(String, String)>;

/// The page.
pub(in crate::serve) async fn page(
    State(app): State<Arc<App>>,
    Query(pairs): Query<Pairs>,
) -> Response {
    let args = QueryArgs::new(pairs);
    let Some(snapshot) = app.store.newest() else { return failure::waiting(&app, false) };
    let result = match args.get("sql") {
        None => html! { p.empty { "Ctrl+Enter runs the statement." } },
        Some(_) => result(&app, &args).await,
    };
    let limits = app.statements.limits();
    let content = PageContent {
        title: "SQL".to_owned(),
        entry: "/sql",
        path: "/sql".to_owned(),
        notes: vec![format!(
            "The tables and functions of flowq sql, read only. A statement ends after {}, and after {} rows. The time range \
             above does not hold here.",
            humantime::format_duration(limits.timeout),
            text::count(limits.rows_max as i64)
        )],
        sections: vec![PageSection::figure("", "", workbench(&app, &snapshot, &args, &result))],
    };
    let markup = layout::page(&app, &content, &args, &snapshot);
    export::response(StatusCode::OK, "text/html; charset=utf-8", markup.0)
}

/// The result alone, for a page that is open.
pub(in crate::serve) async fn rows(
    State(app): State<Arc<App>>,
    Query(pairs): Query<Pairs>,
) -> Response {
    let markup = result(&app, &QueryArgs::new(pairs)).await;
    export::response(StatusCode::OK, "text/html; charset=utf-8", markup.0)
}

/// All rows as CSV.
pub(in crate::serve) async fn csv(
    State(app): State<Arc<App>>,
    Query(pairs): Query<Pairs>,
) -> Response {
    match start(&app, &QueryArgs::new(pairs), usize::MAX).await {
        Ok(rows) => export::csv_rows(rows),
        Err(error) => failure::failure(&error, true),
    }
}

/// All rows as JSON, one object a line.
pub(in crate::serve) async fn json(
    State(app): State<Arc<App>>,
    Query(pairs): Query<Pairs>,
) -> Response {
    match start(&app, &QueryArgs::new(pairs), usize::MAX).await {
        Ok(rows) => export::json_rows(rows),
        Err(error) => failure::failure(&error, true),
    }
}

/// All rows as a Parquet file.
pub(in crate::serve) async fn parquet(
    State(app): State<Arc<App>>,
    Query(pairs): Query<Pairs>,
) -> Response {
    let file = match start(&app, &QueryArgs::new(pairs), usize::MAX).await {
        Ok(rows) => export::parquet_rows(rows).await,
        Err(error) => Err(error),
    };
    file.unwrap_or_else(|error| failure::failure(&error, true))
}

/// Cancels a statement.
pub(in crate::serve) async fn cancel(
    State(app): State<Arc<App>>,
    Form(pairs): Form<Pairs>,
) -> Response {
    let args = QueryArgs::new(pairs);
    let was_running = args.get("id").is_some_and(|id| app.statements.cancel(id));
    let body = format!("{}\n", serde_json::json!({ "cancelled": was_running }));
    export::response(StatusCode::OK, "application/json", body)
}

async fn start(app: &Arc<App>, args: &QueryArgs, rows_max: usize) -> Result<RowStream, Error> {
    let sql = args.get("sql").ok_or_else(|| Error::Parameter("sql is missing".to_owned()))?;
    let snapshot = app.snapshot()?;
    app.statements.start(&app.engine, snapshot, (sql, args.get("run")), rows_max).await
}

/// The rows of a statement for people, or what is wrong with it.
async fn result(app: &Arc<App>, args: &QueryArgs) -> Markup {
    let begun = std::time::Instant::now();
    let read = async {
        let limit = args.number("limit", ROWS_DEFAULT, ROWS_MAX)?;
        let mut rows = start(app, args, limit).await?;
        let mut batches = vec![arrow::array::RecordBatch::new_empty(Arc::clone(&rows.schema))];
        batches.extend(rows.first);
        let mut end = None;
        while let Some(batch) = rows.batches.recv().await {
            match batch {
                Ok(batch) => batches.push(batch),
                // What came before the end is shown.
                Err(error @ Error::Ended(_)) => end = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok::<_, Error>((DataTable::from_batches(&batches)?, end))
    };
    match read.await {
        Err(error) => layout::fault(&error.to_string(), None),
        Ok((table, end)) => html! {
            p.empty role="status" {
                (text::plural(table.rows.len(), "row")) " in " (begun.elapsed().as_millis()) " ms"
                @if let Some(end) = end { "; " (shown(&end)) }
            }
            (layout::rows(&table))
        },
    }
}

fn workbench(app: &App, snapshot: &Snapshot, args: &QueryArgs, result: &Markup) -> Markup {
    let sql = args.get("sql").unwrap_or(EXAMPLE);
    let limit = args.get("limit").map_or_else(|| ROWS_DEFAULT.to_string(), str::to_owned);
    let export = |kind: &str| args.link(&format!("/sql.{kind}"));
    html! {
        div.sqlpage {
            div {
                section.part {
                    form method="get" action="/sql" data-sql {
                        textarea.sql name="sql" aria-label="Statement" spellcheck="false" { (sql) }
                        div.inline-controls {
                            button.primary type="submit" { "Run" } " "
                            button type="button" data-cancel disabled { "Cancel" } " "
                            label { "Rows " input.short type="number" name="limit" min="1" max=(ROWS_MAX) value=(limit); }
                            span.formats { "All rows as"
                                @for (kind, name) in [("csv", "CSV"), ("json", "JSON"), ("parquet", "Parquet")] {
                                    a href=(export(kind)) data-export=(kind) { (name) }
                                }
                            }
                        }
                    }
                }
                section.part { h2 { "Result" } div id="result" aria-live="polite" { (result) } }
            }
            section.part.schema { (schema(app, snapshot)) }
        }
    }
}

/// Tables with their columns, functions, and the shipped reports.
fn schema(app: &App, snapshot: &Snapshot) -> Markup {
    let word = |word: &str| html! { button type="button" data-insert="word" data-text=(word) { (shown(word)) } };
    html! {
        h2 { "Tables" }
        @for (table, columns) in &snapshot.tables {
            details {
                summary { (word(table)) }
                ul { @for (column, kind) in columns { li { (word(column)) small { (kind) } } } }
            }
        }
        h2 { "Functions" }
        details { summary { "of flowq" }
            ul { @for function in crate::engine::functions::FUNCTIONS { li title=(function.meaning) { (word(function.name)) } } }
        }
        h2 { "Reports" }
        ul {
            @for report in app.reports.iter().filter(|report| report.params.is_empty() || !report.sql.contains('$')) {
                li { button type="button" data-insert="statement" data-text=(report.sql.trim()) title=(report.title) { (report.id) } }
            }
        }
    }
}
