//! Answers that are no page of the data: an error, or that there is no data yet.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::json;

use crate::serve::{App, Error, export, layout};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// A document as an answer.
pub(super) fn html_page(status: StatusCode, page: &Markup) -> Response {
    export::response(status, HTML, page.0.clone())
}

/// The answer until the sources were read for the first time.
pub(super) fn waiting(app: &App, is_machine: bool) -> Response {
    let state = app.store.state();
    let text = match &state.failure {
        Some(why) => format!("The sources cannot be read: {why}"),
        None => "The sources are being read.".to_owned(),
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut answer = if is_machine {
        export::response(status, JSON, format!("{}\n", json!({ "error": text })))
    } else {
        let body = html! {
            main.login {
                h1 { "flowq" }
                @if state.failure.is_some() { (layout::fault(&text, None)) } @else { p role="status" { (text) " This page loads again by itself." } }
            }
        };
        html_page(status, &layout::bare("Reading", Some("1"), &body))
    };
    answer.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
    answer
}

/// An error as an answer.
pub(super) fn failure(error: &Error, is_machine: bool) -> Response {
    let status = match error {
        Error::Parameter(_) | Error::Query(_) => StatusCode::BAD_REQUEST,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Ended(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let text = error.to_string();
    if is_machine {
        return export::response(status, JSON, format!("{}\n", json!({ "error": text })));
    }
    let body = html! {
        main.login {
            h1 { (status.canonical_reason().unwrap_or("Error")) }
            (layout::fault(&text, error.hint()))
            p { a href="/" { "To the overview" } }
        }
    };
    html_page(status, &layout::bare("Error", None, &body))
}
