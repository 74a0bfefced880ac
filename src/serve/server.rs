//! Accepts connections, with limits against slow and many clients.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::http_server::{self, ConnectionLimits};
use crate::serve::{Error, TlsFiles};

/// How long the head of a request, or a TLS handshake, may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits of each connection.
fn limits(connections_max: usize) -> ConnectionLimits {
    ConnectionLimits {
        connections_max,
        head_timeout: HEAD_TIMEOUT,
        // A browser opens another one.
        connection_timeout: Duration::from_secs(15 * 60),
        // The SQL of a link is in the head.
        head_bytes_max: 64 << 10,
        headers_max: 100,
        keep_alive: true,
        stop_timeout: Duration::from_secs(5),
    }
}

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
    pub async fn serve(self, router: Router, stopped: watch::Receiver<bool>) {
        let Self { listener, tls, connections_max, .. } = self;
        let limits = limits(connections_max);
        let answer =
            move |stream, stopped| answer(stream, tls.clone(), router.clone(), limits, stopped);
        http_server::accept(listener, limits, stopped, answer).await;
    }
}

/// Answers the requests of a connection.
async fn answer(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ConnectionLimits,
    stopped: watch::Receiver<bool>,
) {
    // Small answers are not to wait for more.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| router.clone().call(request));
    match tls {
        None => http_server::answer_requests(stream, service, limits, stopped).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                http_server::answer_requests(stream, service, limits, stopped).await;
            }
        }
    }
}
