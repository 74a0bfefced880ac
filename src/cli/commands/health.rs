//! `flowq health`: asks the running service whether it is healthy, for images that have no other HTTP client.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::cli::args::Health;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::{output, session};

/// How long the service may take to accept the connection, and for each part of its response.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Of a longer response only the beginning is read.
const RESPONSE_BYTES_MAX: u64 = 64 << 10;

/// Runs the command.
pub(crate) fn run(args: &Health) -> Result<Exit, Failure> {
    let address = match args.address {
        Some(address) => address,
        None => session::config_alone(args.config.as_deref())?.metrics.listen.ok_or_else(|| {
            let hint = "set listen in [metrics] of flowq.toml, or name the address with --address";
            Failure::new(Exit::Config, anyhow!("the service has no address")).with_hint(hint)
        })?,
    };
    let path = if args.live { "/healthz" } else { "/readyz" };
    let (status, body) = get(reachable(address), path)
        .with_context(|| format!("{address}: the service does not respond"))
        .or_exit(Exit::Input)?;
    if status != 200 {
        let error = anyhow!("{address}{path}: status {status}: {}", body.trim());
        return Err(Failure::new(Exit::Input, error));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", output::visible(body.trim())).or_exit(Exit::Output)?;
    Ok(Exit::Fine)
}

/// An address to connect to: a service that listens on all addresses is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Status and body of a response.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // In one piece: `write!` to a socket sends each part of the format for itself.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut response)?;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    let status = status.and_then(|status| status.get(..3)).and_then(|status| status.parse().ok());
    Ok((status.context("the response is not HTTP")?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_on_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
