//! A page as HTML.

use std::fmt::Write as _;

use arrow::error::ArrowError;

use crate::chart::{STYLE as CHARTS, escaped};
use crate::explain::job::{JobReport, cells};

/// Light, and fit for print.
const STYLE: &str = "\
body{font:14px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:2rem;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #ccc;padding-bottom:.2rem}\
ul.notes{margin:.3rem 0;padding-left:1.2rem;color:#555}.scroll{overflow-x:auto}\
table{border-collapse:collapse;font-size:13px}th{text-align:left;background:#f3f4f6;font-weight:600}\
th,td{padding:.25rem .6rem;border:1px solid #ddd;vertical-align:top;white-space:nowrap}\
td.text{white-space:normal;min-width:18rem;overflow-wrap:anywhere}pre{font-size:12px;margin:0;white-space:pre-wrap}\
td.number{text-align:right;font-variant-numeric:tabular-nums}\
.bad{background:#fde8e8}.warn{background:#fff4d6}.good{background:#e7f6ea}\
@media print{body{margin:0;max-width:none;font-size:10px}table{font-size:9px}h2{break-after:avoid}tr{break-inside:avoid}\
.scroll{overflow:visible}th,td,td.text{white-space:normal;min-width:0;overflow-wrap:anywhere}}";

/// Columns of sentences: they may take several lines.
const SENTENCES: &[&str] = &["value", "why", "reason", "cause", "to_do", "known_as", "refused_at"];

/// Returns the page. It has no script, and loads nothing.
pub(super) fn page(page: &JobReport) -> Result<String, ArrowError> {
    let title = escaped(&page.title);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Job {title}</title>\n<style>:root{{color-scheme:light}}{STYLE}\n{CHARTS}</style>\n</head>\n<body>\n<h1>Job {title}</h1>\n"
    );
    // Writing to a String cannot fail.
    for part in &page.parts {
        let _ = writeln!(text, "<section id=\"{}\">\n<h2>{}</h2>", part.id, escaped(&part.title));
        if !part.notes.is_empty() {
            text.push_str("<ul class=\"notes\">\n");
            for note in &part.notes {
                let _ = writeln!(text, "<li>{}</li>", escaped(note));
            }
            text.push_str("</ul>\n");
        }
        if let Some(chart) = part.chart() {
            // Every name in it is escaped there.
            let _ = writeln!(text, "<div class=\"scroll\">{chart}</div>");
        }
        if part.rows.num_rows() > 0 {
            table(&mut text, &part.rows)?;
        }
        text.push_str("</section>\n");
    }
    text.push_str("</body>\n</html>\n");
    Ok(text)
}

fn table(text: &mut String, rows: &arrow::array::RecordBatch) -> Result<(), ArrowError> {
    let schema = rows.schema();
    text.push_str("<div class=\"scroll\"><table>\n<thead><tr>");
    for field in schema.fields() {
        let _ = write!(text, "<th>{}</th>", escaped(&field.name().replace('_', " ")));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in cells(rows)? {
        text.push_str("<tr>");
        for (field, cell) in schema.fields().iter().zip(row) {
            let class = match field.data_type() {
                kind if kind.is_numeric() => "number",
                _ if SENTENCES.contains(&field.name().as_str()) => "text",
                _ if matches!(field.name().as_str(), "state" | "severity") => tone(&cell),
                _ => "",
            };
            let class =
                if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
            let _ = match cell.contains('\n') {
                // A fix: its line breaks count when it is pasted.
                true => {
                    let lines: Vec<String> = cell.lines().map(escaped).collect();
                    write!(text, "<td{class}><pre>{}</pre></td>", lines.join("\n"))
                }
                false => write!(text, "<td{class}>{}</td>", escaped(&cell)),
            };
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table></div>\n");
    Ok(())
}

/// The colour of a state or a severity.
fn tone(cell: &str) -> &'static str {
    match cell {
        "rejected" | "gap" | "critical" | "high" => "bad",
        "partly rejected" | "skipdata" | "unknown" | "medium" => "warn",
        "accepted" | "records" => "good",
        _ => "",
    }
}
