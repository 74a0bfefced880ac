//! Pages as JSON and CSV, and results of statements as JSON, CSV and Parquet.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

use crate::serve::statement::RowStream;
use crate::serve::{DataTable, Error, PageContent, QueryArgs, Snapshot, text};

/// The most bytes of a Parquet file, which is written to memory.
const PARQUET_BYTES_MAX: usize = 64 << 20;

/// How long what was written may take to be sent, before a connection is broken off.
const FLUSH_PAUSE: Duration = Duration::from_millis(200);

/// Returns a body of a type.
pub(super) fn response(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Makes a browser save a response under a name.
fn attached(mut response: Response, name: &str) -> Response {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' })
        .collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// A page as one JSON object: every section with its rows and notes.
pub(super) fn json_page(page: &PageContent, snapshot: &Snapshot) -> Response {
    let mut sections = Map::new();
    for section in &page.sections {
        let rows = section.table.as_ref().map(DataTable::json);
        sections.insert(section.id.to_owned(), json!({ "rows": rows, "notes": section.notes }));
    }
    let content = json!({
        "page": page.title,
        "read_at": text::rfc3339(snapshot.read_at),
        "notes": page.notes,
        "sections": Value::Object(sections),
    });
    response(StatusCode::OK, "application/json", content.to_string() + "\n")
}

/// The rows of one section of a page as CSV.
pub(super) fn csv_page(page: &PageContent, args: &QueryArgs) -> Result<Response, Error> {
    let with_rows =
        page.sections.iter().filter_map(|section| Some((section.id, section.table.as_ref()?)));
    let sections: Vec<(&str, &DataTable)> = with_rows.collect();
    let found = match args.get("section") {
        None => sections.first(),
        Some(id) => Some(sections.iter().find(|(known, _)| *known == id).ok_or_else(|| {
            let ids: Vec<&str> = sections.iter().map(|(id, _)| *id).collect();
            Error::Parameter(format!("section is one of {}, not {id:?}", ids.join(", ")))
        })?),
    };
    let (id, table) = found.ok_or_else(|| Error::NotFound("the page has no rows".to_owned()))?;
    let answer = response(StatusCode::OK, "text/csv; charset=utf-8", table.csv());
    Ok(attached(
        answer,
        &format!("flowq-{}-{id}.csv", page.path.trim_matches('/').replace('/', "-")),
    ))
}

/// The result of a statement as CSV, row by row. Where it ends too early, so does the connection.
pub(super) fn csv_rows(rows: RowStream) -> Response {
    let mut is_first = true;
    let lines = stream(rows).map(move |batch| {
        let mut text = Vec::new();
        let mut writer = arrow::csv::WriterBuilder::new().with_header(is_first).build(&mut text);
        is_first = false;
        let written = writer.write(&batch?);
        drop(writer);
        written.map_err(Error::Rows).map(|()| Bytes::from(text))
    });
    let answer = response(StatusCode::OK, "text/csv; charset=utf-8", Body::from_stream(lines));
    attached(answer, "flowq-sql.csv")
}

/// The result of a statement as JSON, one object a line. Where it ends too early, so does the connection.
pub(super) fn json_rows(rows: RowStream) -> Response {
    let lines = stream(rows).map(|batch| {
        let mut writer = arrow::json::WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, arrow::json::writer::LineDelimited>(Vec::new());
        writer.write(&batch?)?;
        writer.finish()?;
        Ok::<_, Error>(Bytes::from(writer.into_inner()))
    });
    response(StatusCode::OK, "application/x-ndjson", Body::from_stream(lines))
}

fn stream(
    rows: RowStream,
) -> impl futures::Stream<Item = Result<arrow::array::RecordBatch, Error>> {
    // An empty batch brings the header of a result without rows.
    let head = arrow::array::RecordBatch::new_empty(rows.schema);
    let rest = futures::stream::unfold(rows.batches, async |mut batches| {
        let batch = batches.recv().await?;
        if batch.is_err() {
            // The connection ends with it: what came before is sent first.
            tokio::time::sleep(FLUSH_PAUSE).await;
        }
        Some((batch, batches))
    });
    let begin = [Some(head), rows.first].into_iter().flatten().map(Ok);
    futures::stream::iter(begin).chain(rest)
}

/// The result of a statement as a Parquet file.
pub(super) async fn parquet_rows(mut rows: RowStream) -> Result<Response, Error> {
    let failed = |error: parquet::errors::ParquetError| Error::Failed(error.to_string());
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).map_err(failed)?);
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), rows.schema, Some(properties)).map_err(failed)?;
    let mut next = rows.first.map(Ok);
    while let Some(batch) = next {
        writer.write(&batch?).map_err(failed)?;
        let bytes = writer.bytes_written() + writer.in_progress_size();
        if bytes > PARQUET_BYTES_MAX {
            return Err(Error::Ended(format!(
                "a Parquet file of more than {} is not made: narrow the statement, or take CSV",
                text::bytes(PARQUET_BYTES_MAX as i64)
            )));
        }
        next = rows.batches.recv().await;
    }
    let file = writer.into_inner().map_err(failed)?;
    let answer = response(StatusCode::OK, "application/vnd.apache.parquet", file);
    Ok(attached(answer, "flowq-sql.parquet"))
}
