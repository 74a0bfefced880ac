//! Which request is answered by what, and the checks before each.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::http::header::{ACCEPT, ALLOW, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use maud::html;
use serde_json::json;

use crate::serve::failure::{failure, html_page, waiting};
use crate::serve::pages::{self, PageName};
use crate::serve::{App, Error, Login, QueryArgs, assets, export, headers, layout};

/// The most bytes of a request's body: a token or an id.
const BODY_BYTES_MAX: usize = 4096;

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

type Pairs = Vec<(String, String)>;

/// Returns the router of a server.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(async || export::response(StatusCode::OK, PLAIN, "alive\n")))
        .route("/assets/{version}/{name}", get(asset))
        .route("/login", get(login_link).post(login_form))
        .route("/logout", post(logout))
        .route("/version", get(version))
        .route("/sql", get(pages::sql::page))
        .route("/sql/rows", get(pages::sql::rows))
        .route("/sql.csv", get(pages::sql::csv))
        .route("/sql.json", get(pages::sql::json))
        .route("/sql.parquet", get(pages::sql::parquet))
        .route("/sql/cancel", post(pages::sql::cancel))
        .fallback(content)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// What everybody may ask for: it shows nothing of the data.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/login") || path.starts_with("/assets/")
}

/// Checks a request before anything else looks at it, and sets the headers of every response.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match headers::refusal(&request, &app.host_names) {
        Some(why) => export::response(StatusCode::FORBIDDEN, PLAIN, format!("refused: {why}\n")),
        None if is_public(request.uri().path()) || is_let_in(&app, request.headers()) => {
            next.run(request).await
        }
        None => unknown_user(&app, &request),
    };
    headers::secure(response.headers_mut());
    response
}

fn is_let_in(app: &App, headers: &HeaderMap) -> bool {
    match headers::bearer(headers) {
        Some(token) => app.access.has_token(token),
        None => {
            headers::cookie(headers, &app.cookie).is_some_and(|one| app.access.has_session(one))
        }
    }
}

/// Returns the page that asks for a token. It is the same for pages that exist and pages that do not.
fn unknown_user(app: &App, request: &Request) -> Response {
    if is_machine(request.uri().path(), request.headers()) {
        let body = json!({ "error": "no valid token: Authorization: Bearer TOKEN, with that of --token-file" });
        let mut answer = export::response(StatusCode::UNAUTHORIZED, JSON, format!("{body}\n"));
        answer
            .headers_mut()
            .insert("www-authenticate", HeaderValue::from_static("Bearer realm=\"flowq\""));
        return answer;
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    login_form_page(app, StatusCode::UNAUTHORIZED, target, None)
}

/// Whether the answer is for a program.
fn is_machine(path: &str, headers: &HeaderMap) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_file = matches!(name.rsplit_once('.'), Some((_, "json" | "csv" | "parquet")));
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    is_file
        || path == "/version"
        || (!accept.contains("text/html") && headers.contains_key("authorization"))
}

async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    assets::file(&version, &name, &headers)
        .unwrap_or_else(|| export::response(StatusCode::NOT_FOUND, PLAIN, "not found\n"))
}

/// The page to log in. Its form names its origin, which it would not under no-referrer.
fn login_form_page(app: &App, status: StatusCode, target: &str, problem: Option<&str>) -> Response {
    let body = html! {
        main.login {
            h1 { "flowq" }
            @if let Some(problem) = problem { p.fault role="alert" { (problem) } }
            @if app.access.has_fixed_token() {
                form method="post" action="/login" {
                    input type="hidden" name="next" value=(target);
                    p { label.field { "Token" input type="password" name="token" required autofocus autocomplete="current-password"; } }
                    p { button.primary type="submit" { "Log in" } }
                }
                p.empty { "The token is in the file that --token-file names." }
            } @else {
                p { "Open the link that flowq serve printed. Each link opens one browser, and is then replaced by another one in the output of flowq serve." }
            }
        }
    };
    let mut answer = html_page(status, &layout::bare("Log in", None, &body));
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// A path on this server to go on to.
fn local_path(given: Option<&str>) -> &str {
    let is_local = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains(['\\', '\r', '\n', '"', ';'])
    };
    given.filter(is_local).filter(|path| !path.starts_with("/log")).unwrap_or("/")
}

async fn login_link(
    State(app): State<Arc<App>>,
    Query(args): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    let args = QueryArgs::new(args);
    match args.get("token") {
        Some(token) => log_in(&app, token, args.get("next")),
        None if is_let_in(&app, &headers) => go_on(local_path(args.get("next"))),
        None => login_form_page(&app, StatusCode::OK, local_path(args.get("next")), None),
    }
}

async fn login_form(State(app): State<Arc<App>>, Form(args): Form<Pairs>) -> Response {
    let args = QueryArgs::new(args);
    log_in(&app, args.get("token").unwrap_or_default(), args.get("next"))
}

fn log_in(app: &App, token: &str, next: Option<&str>) -> Response {
    let target = local_path(next);
    match app.access.login(token) {
        Ok(Login::Accepted { session, next }) => {
            if let Some(next) = next {
                (app.announce)(&next);
            }
            let mut answer = go_on(target);
            let secure = if app.is_tls { "; Secure" } else { "" };
            let cookie = format!(
                "{}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200{secure}",
                app.cookie
            );
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                answer.headers_mut().insert(SET_COOKIE, cookie);
            }
            answer
        }
        Ok(Login::Refused) => {
            let problem = "The token is wrong, or was used before.";
            login_form_page(app, StatusCode::UNAUTHORIZED, target, Some(problem))
        }
        Err(error) => failure(&error, false),
    }
}

/// Leads on to a page. A redirect would still count as a request of the site that the link was on, and the browser would
/// not send the new cookie with it; a page of this server that loads the next one does not have this problem. It also
/// takes the token out of the history.
fn go_on(target: &str) -> Response {
    let body = html! { main.login { p { "Logged in: " a href=(target) { "go on" } "." } } };
    html_page(StatusCode::OK, &layout::bare("flowq", Some(&format!("0;url={target}")), &body))
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(session) = headers::cookie(&headers, &app.cookie) {
        app.access.logout(session);
    }
    let mut answer = export::response(StatusCode::SEE_OTHER, PLAIN, "");
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/login"));
    answer
}

/// Which snapshot is the newest, and how the next one comes on.
async fn version(State(app): State<Arc<App>>) -> Response {
    let newest = app.store.newest();
    let state = app.store.state();
    let body = json!({
        "version": newest.as_ref().map(|snapshot| snapshot.version.clone()),
        "read_at": newest.as_ref().map(|snapshot| snapshot.read_at),
        "is_reading": state.is_reading,
        "failure": state.failure,
    });
    export::response(StatusCode::OK, JSON, format!("{body}\n"))
}

/// A page of the data, in the form that the end of its path names.
async fn content(
    State(app): State<Arc<App>>,
    method: axum::http::Method,
    uri: Uri,
    query: Result<Query<Pairs>, axum::extract::rejection::QueryRejection>,
) -> Response {
    if method != "GET" && method != "HEAD" {
        let mut answer =
            export::response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let (path, form) = match uri.path() {
        path if path.ends_with(".json") => (path.trim_end_matches(".json"), "json"),
        path if path.ends_with(".csv") => (path.trim_end_matches(".csv"), "csv"),
        path => (path, "html"),
    };
    let Ok(Query(pairs)) = query else {
        return failure(
            &Error::Parameter("the query string cannot be read".to_owned()),
            form != "html",
        );
    };
    let args = QueryArgs::new(pairs);
    let Some(name) = PageName::parse(path) else {
        return failure(&Error::NotFound(format!("there is no page {path}")), form != "html");
    };
    let Some(snapshot) = app.store.newest() else { return waiting(&app, form != "html") };
    let page = match pages::content(&app, &snapshot, &name, &args).await {
        Ok(page) => page,
        Err(error) => return failure(&error, form != "html"),
    };
    match form {
        "json" => export::json_page(&page, &snapshot),
        "csv" => export::csv_page(&page, &args).unwrap_or_else(|error| failure(&error, true)),
        _ => html_page(StatusCode::OK, &layout::page(&app, &page, &args, &snapshot)),
    }
}
