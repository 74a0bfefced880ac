//! Accepts connections of HTTP/1 and answers them, with limits against slow and many clients.
//!
//! The servers of metrics and of the web console are built on it.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How long to wait when no connection can be accepted, for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client may use of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// The most connections at a time; others wait in the kernel.
    pub(crate) connections_max: usize,
    /// How long the head of a request may take to arrive.
    pub(crate) head_timeout: Duration,
    /// How long a connection may last.
    pub(crate) connection_timeout: Duration,
    /// The most bytes of a request's head.
    pub(crate) head_bytes_max: usize,
    /// The most fields of a request's head.
    pub(crate) headers_max: usize,
    /// Whether a connection may have several requests.
    pub(crate) keep_alive: bool,
    /// How long the answers under way may take when the server stops.
    pub(crate) stop_timeout: Duration,
}

/// Answers connections with `answer` until `stopped` changes, or is closed; then it ends once the answers under way
/// are given, within the limit.
pub(crate) async fn accept<A>(
    listener: TcpListener,
    limits: ConnectionLimits,
    mut stopped: watch::Receiver<bool>,
    answer: impl Fn(TcpStream, watch::Receiver<bool>) -> A,
) where
    A: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            _ = stopped.changed() => break,
            (slot, accepted) = next => match accepted {
                Ok((stream, _)) => {
                    let answer = answer(stream, stopped.clone());
                    connections.spawn(async move {
                        answer.await;
                        drop(slot);
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let rest = async { while connections.join_next().await.is_some() {} };
    // What is left is cut off when the set is dropped.
    let _ = tokio::time::timeout(limits.stop_timeout, rest).await;
}

/// Answers the requests of a connection with `service`. A client that breaks off, or sends no HTTP, gets no answer.
pub(crate) async fn answer_requests<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: S,
    limits: ConnectionLimits,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.headers_max)
        .max_header_size(limits.head_bytes_max)
        .keep_alive(limits.keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    let served = async {
        let mut connection = pin!(connection);
        tokio::select! {
            result = connection.as_mut() => result,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    drop(tokio::time::timeout(limits.connection_timeout, served).await);
}
