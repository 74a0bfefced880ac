//! The HTTP server of scrapers and probes: `/metrics`, `/healthz`, `/readyz`, and nothing else.
//!
//! It is small on purpose: no request body is read, a connection answers one request and is closed, and
//! all of it ends after [`LIMITS`], so that no client can block it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::http_server::{self, ConnectionLimits};
use crate::metrics::{Health, Metrics};

/// Probes and scrapes are small, and must not be blocked by a client.
const LIMITS: ConnectionLimits = ConnectionLimits {
    connections_max: 16,
    head_timeout: Duration::from_secs(5),
    connection_timeout: Duration::from_secs(10),
    head_bytes_max: 8 << 10,
    headers_max: 64,
    keep_alive: false,
    stop_timeout: Duration::from_secs(1),
};

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot listen on {address}")]
pub struct Error {
    /// The configured address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

impl Error {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                Some("another process listens there, perhaps a second flowq; set [metrics] listen")
            }
            io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 need root rights; set [metrics] listen")
            }
            io::ErrorKind::AddrNotAvailable => {
                Some("this machine does not have the address; set [metrics] listen")
            }
            _ => None,
        }
    }
}

/// A server that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on an address; port 0 takes any that is free.
    pub async fn bind(
        address: SocketAddr,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> Result<Self, Error> {
        let failed = |source| Error { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let pages = Pages { metrics, health };
        let answer = move |stream, stopped| answer(stream, pages.clone(), stopped);
        let task = tokio::spawn(http_server::accept(listener, LIMITS, stopped, answer));
        Ok(Self { address, stop, task })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and ends once the answers under way are given, within a second.
    pub async fn stop(self) {
        // Nobody listens only if it has ended already.
        let _ = self.stop.send(true);
        drop(self.task.await);
    }
}

/// Answers the one request of a connection.
async fn answer(stream: TcpStream, pages: Pages, stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let response = pages.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    http_server::answer_requests(stream, service, LIMITS, stopped).await;
}

/// What there is to see.
#[derive(Debug, Clone)]
struct Pages {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Pages {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (path, method) = (request.uri().path(), request.method());
        if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
            let text = "not found: there are /metrics, /healthz and /readyz\n";
            return page(StatusCode::NOT_FOUND, PLAIN, text.to_owned());
        }
        if method != Method::GET && method != Method::HEAD {
            let text = "only GET and HEAD are answered\n".to_owned();
            let mut response = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
            response
                .headers_mut()
                .insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/metrics" => {
                let accept = request.headers().get_all(ACCEPT).iter();
                let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
                let open = prefers_open_metrics(&accept.join(","));
                let kind = if open { OPEN_METRICS } else { PROMETHEUS };
                page(StatusCode::OK, kind, self.metrics.encode(open))
            }
            "/readyz" => match self.health.ready() {
                Ok(text) => page(StatusCode::OK, PLAIN, format!("{text}\n")),
                Err(text) => page(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{text}\n")),
            },
            _ => page(StatusCode::OK, PLAIN, "alive\n".to_owned()),
        }
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Returns whether a scraper likes OpenMetrics at least as well as the older text.
fn prefers_open_metrics(accept: &str) -> bool {
    let weight = |media_type: &str| {
        let of = |part: &str| {
            let mut parts = part.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(media_type) {
                return None;
            }
            let weight = parts.find_map(|param| param.strip_prefix("q="));
            Some(weight.map_or(1.0, |text| text.trim().parse::<f64>().unwrap_or(0.0)))
        };
        accept.split(',').filter_map(of).fold(0.0, f64::max)
    };
    let open = weight("application/openmetrics-text");
    open > 0.0 && open >= weight("text/plain")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn start() -> (Server, Arc<Health>) {
        let health = Arc::new(Health::new(Duration::from_secs(60)));
        let metrics = Arc::new(Metrics::new(1_773_133_200));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        (Server::bind(any, metrics, Arc::clone(&health)).await.unwrap(), health)
    }

    async fn send(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // An answer may be cut off by a reset after it was sent.
        drop(stream.read_to_string(&mut answer).await);
        answer
    }

    async fn get(address: SocketAddr, path: &str, header: &str) -> String {
        send(address, &format!("GET {path} HTTP/1.1\r\nHost: flowq\r\n{header}\r\n")).await
    }

    #[tokio::test]
    async fn pages_are_served() {
        let (server, health) = start().await;
        let at = server.address();
        let metrics = get(at, "/metrics", "").await;
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
        assert!(metrics.contains("flowq_passes_total{outcome=\"ok\"} 0"), "{metrics}");
        let accept = "Accept: application/openmetrics-text;version=1.0.0\r\n";
        let open = get(at, "/metrics", accept).await;
        assert!(open.contains("application/openmetrics-text; version=1.0.0"), "{open}");
        assert!(open.ends_with("# EOF\n"), "{open}");
        assert!(get(at, "/healthz", "").await.starts_with("HTTP/1.1 200"));
        let unready = get(at, "/readyz", "").await;
        assert!(unready.starts_with("HTTP/1.1 503"), "{unready}");
        assert!(unready.ends_with("not ready: no pass has succeeded yet\n"), "{unready}");
        health.succeeded();
        assert!(get(at, "/readyz", "").await.starts_with("HTTP/1.1 200"));
        assert!(get(at, "/", "").await.starts_with("HTTP/1.1 404"));
        let post = send(at, "POST /metrics HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n").await;
        assert!(post.starts_with("HTTP/1.1 405") && post.contains("allow: GET, HEAD"), "{post}");
        let head = send(at, "HEAD /healthz HTTP/1.1\r\nHost: f\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        server.stop().await;
        TcpStream::connect(at).await.unwrap_err();
    }

    #[tokio::test]
    async fn large_headers_and_what_is_no_http_are_refused() {
        let (server, _) = start().await;
        let long = format!("X: {}\r\n", "a".repeat(2 * LIMITS.head_bytes_max));
        let answer = get(server.address(), "/metrics", &long).await;
        assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
        let many = "X: a\r\n".repeat(LIMITS.headers_max + 1);
        let answer = get(server.address(), "/metrics", &many).await;
        assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
        let answer = send(server.address(), "\x16\x03\x01 hello\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{answer}");
        assert!(get(server.address(), "/healthz", "").await.starts_with("HTTP/1.1 200"));
        server.stop().await;
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_for_a_free_place() {
        let (server, _) = start().await;
        let mut idle = Vec::new();
        for _ in 0..LIMITS.connections_max {
            idle.push(TcpStream::connect(server.address()).await.unwrap());
        }
        let address = server.address();
        let next = tokio::spawn(async move { get(address, "/healthz", "").await });
        // Who breaks off makes room.
        drop(idle);
        assert!(next.await.unwrap().starts_with("HTTP/1.1 200"));
        server.stop().await;
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_those_who_say_nothing() {
        let (server, _) = start().await;
        let idle = TcpStream::connect(server.address()).await.unwrap();
        assert!(get(server.address(), "/healthz", "").await.starts_with("HTTP/1.1 200"));
        server.stop().await;
        drop(idle);
    }

    #[tokio::test]
    async fn an_address_in_use_is_told() {
        let (server, health) = start().await;
        let metrics = Arc::new(Metrics::new(0));
        let error = Server::bind(server.address(), metrics, health).await.unwrap_err();
        let expected = format!("metrics cannot listen on {}", server.address());
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().contains("another process"));
        server.stop().await;
    }

    #[test]
    fn the_format_is_what_the_scraper_likes_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert!(prefers_open_metrics(prometheus));
        assert!(prefers_open_metrics("application/openmetrics-text"));
        for other in ["", "*/*", "text/plain", "text/plain, application/openmetrics-text;q=0.5"] {
            assert!(!prefers_open_metrics(other), "{other}");
        }
        assert!(!prefers_open_metrics("application/openmetrics-text;q=0"));
    }
}
