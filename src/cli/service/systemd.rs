//! Reports the state of the service to systemd: the protocol of `sd_notify`, datagrams of lines to a socket.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, where there is one that wants to know.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Reads from the environment where to tell it (`NOTIFY_SOCKET`) and how often it wants to hear
    /// (`WATCHDOG_USEC`).
    #[expect(clippy::disallowed_methods, reason = "the environment is this room's to read")]
    pub(crate) fn from_env() -> io::Result<Self> {
        let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let limit = std::env::var("WATCHDOG_USEC").ok();
        let process = std::env::var("WATCHDOG_PID").ok();
        let limit = watchdog(limit.as_deref(), process.as_deref(), std::process::id());
        Self::at(path, limit)
    }

    /// Tells the socket at `path`; a path that begins with `@` is an abstract one.
    fn at(path: OsString, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = address(&path)?;
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold up the service.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some((socket, address)), watchdog })
    }

    /// How often to call [`Notify::alive`]: twice within the manager's limit. `None`: it has none.
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2).filter(|half| !half.is_zero())
    }

    /// The service is up, or up again after [`Notify::reloading`].
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    pub(crate) fn reloading(&self) {
        self.send("RELOADING=1");
    }

    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    pub(crate) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// One line for `systemctl status`.
    pub(crate) fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", text.replace('\n', " ")));
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // The manager may be gone or busy; the service goes on.
            drop(socket.send_to_addr(text.as_bytes(), address));
        }
    }
}

/// Returns the limit of the watchdog, if it is this process that it watches.
fn watchdog(limit: Option<&str>, process: Option<&str>, own: u32) -> Option<Duration> {
    if process.is_some_and(|process| process.parse() != Ok(own)) {
        return None;
    }
    limit?.parse().ok().map(Duration::from_micros)
}

#[cfg(target_os = "linux")]
fn address(path: &std::ffi::OsStr) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;

    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(path: &std::ffi::OsStr) -> io::Result<SocketAddr> {
    SocketAddr::from_pathname(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn tell_all(notify: &Notify, socket: &UnixDatagram) {
        notify.ready();
        notify.status("pass 1\nfine");
        notify.reloading();
        notify.alive();
        notify.stopping();
        let expected = ["READY=1", "STATUS=pass 1 fine", "RELOADING=1", "WATCHDOG=1", "STOPPING=1"];
        for line in expected {
            assert_eq!(received(socket), line);
        }
    }

    #[test]
    fn the_manager_is_told_at_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        tell_all(&Notify::at(path.into(), None).unwrap(), &socket);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_manager_is_told_at_an_abstract_socket() {
        let name = format!("flowq-test-{}", std::process::id());
        let path = OsString::from(format!("@{name}"));
        let socket = UnixDatagram::bind_addr(&address(&path).unwrap()).unwrap();
        tell_all(&Notify::at(path, None).unwrap(), &socket);
    }

    #[test]
    fn nobody_to_tell_and_a_manager_that_is_gone_are_no_failure() {
        Notify::default().ready();
        let folder = tempfile::tempdir().unwrap();
        Notify::at(folder.path().join("gone").into(), None).unwrap().ready();
    }

    #[test]
    fn the_watchdog_is_ours_or_none() {
        let limit = Some(Duration::from_secs(2));
        assert_eq!(watchdog(Some("2000000"), None, 7), limit);
        assert_eq!(watchdog(Some("2000000"), Some("7"), 7), limit);
        assert_eq!(watchdog(Some("2000000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("soon"), None, 7), None);
        assert_eq!(watchdog(None, None, 7), None);
        let half = Notify { socket: None, watchdog: limit }.watchdog_interval();
        assert_eq!(half, Some(Duration::from_secs(1)));
    }
}
