//! Accepts connections, with limits against slow and many clients.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::serve::{Error, TlsFiles};

/// How long the head of a request, or a TLS handshake, may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may last; a browser opens another one.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The most bytes of a request's head: the SQL of a link is in it.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The most fields of a request's head.
const HEADERS_MAX: usize = 100;

/// How long the answers under way may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted, for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct ConsoleOptions {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// The certificate. `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// The most connections at a time; others wait in the kernel.
    pub connections_max: usize,
}

/// A server that has its address and serves once it has a router.
pub struct ConsoleServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    connections_max: usize,
}

impl std::fmt::Debug for ConsoleServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsoleServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ConsoleServer {
    /// Listens on an address.
    ///
    /// # Errors
    ///
    /// When the address is not free, or a certificate cannot be used.
    pub async fn bind(options: &ConsoleOptions) -> Result<Self, Error> {
        let tls = options.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
        let address = options.address;
        let failed = |source: io::Error| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, tls, connections_max: options.connections_max })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopped` changes, then ends once the answers under way are given, within seconds.
    pub async fn serve(self, router: Router, mut stopped: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.connections_max));
        let mut connections = JoinSet::new();
        loop {
            let next = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, self.listener.accept().await)
            };
            tokio::select! {
                // A closed channel is a stop as well.
                _ = stopped.changed() => break,
                (slot, accepted) = next => match accepted {
                    Ok((stream, _)) => {
                        let (tls, router) = (self.tls.clone(), router.clone());
                        let answer = answer(stream, tls, router, stopped.clone());
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
        drop(self.listener);
        let rest = async { while connections.join_next().await.is_some() {} };
        // What is left is cut off when the set is dropped.
        let _ = tokio::time::timeout(STOP_TIMEOUT, rest).await;
    }
}

/// Answers the requests of a connection. Whoever breaks off, or sends no HTTP, gets no answer.
async fn answer(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    // Small answers are not to wait for more.
    drop(stream.set_nodelay(true));
    match tls {
        None => answer_over(stream, router, stopped).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                answer_over(stream, router, stopped).await;
            }
        }
    }
}

async fn answer_over(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
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
    drop(tokio::time::timeout(CONNECTION_TIMEOUT, served).await);
}
