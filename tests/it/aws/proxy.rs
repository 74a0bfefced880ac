//! Faults on the way between flowq and the emulator.
//!
//! One request a connection: what is under test is what becomes of an answer, not how connections are kept.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::server::{flowq_at, runtime};
use crate::support::Run;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// An error in the service's own shape, without asking the emulator: `(503, "SlowDown")`.
    Answer(u16, &'static str),
    /// The connection is reset before the emulator was asked.
    Reset,
    /// The connection is reset after the emulator did what was asked.
    Lose,
    /// The body ends after so many bytes, though its length was said to be more.
    Cut(usize),
    /// The connection is reset after so many bytes of the body.
    Break(usize),
    /// Nothing comes for so long after so many bytes of the body.
    Stall(usize, Duration),
    /// One byte of the body, at this place, is another; what the headers say of it stays.
    Flip(usize),
    /// The body comes so many bytes at a time, with so long between.
    Trickle(usize, Duration),
}

/// When a fault comes.
#[derive(Debug)]
enum When {
    Always,
    /// At these of the requests that it fits, counted from 1.
    Nth(Vec<usize>),
    /// At random, by a seed.
    Chance(f64, Mutex<fastrand::Rng>),
}

/// A fault, and the requests that it befalls. The first of a proxy's that fits is taken.
#[derive(Debug)]
pub(crate) struct Fault {
    what: What,
    when: When,
    method: Option<&'static str>,
    operation: Option<&'static str>,
    path: Option<String>,
    seen: AtomicUsize,
    done: AtomicUsize,
}

impl Fault {
    /// A fault of every request.
    pub(crate) fn new(what: What) -> Self {
        Self {
            what,
            when: When::Always,
            method: None,
            operation: None,
            path: None,
            seen: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        }
    }

    /// Only of requests with this method.
    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method: Some(method), ..self }
    }

    /// Only of this call of a service that speaks JSON or forms: `ReceiveMessage`.
    pub(crate) fn operation(self, operation: &'static str) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// Only of requests whose path and query contain this.
    pub(crate) fn path(self, part: impl Into<String>) -> Self {
        Self { path: Some(part.into()), ..self }
    }

    /// Only at these of the requests that it fits, counted from 1.
    pub(crate) fn nth(self, nth: &[usize]) -> Self {
        Self { when: When::Nth(nth.to_vec()), ..self }
    }

    /// At random, with this probability.
    pub(crate) fn chance(self, probability: f64, seed: u64) -> Self {
        let rng = Mutex::new(fastrand::Rng::with_seed(seed));
        Self { when: When::Chance(probability, rng), ..self }
    }

    fn befalls(&self, request: &Request) -> bool {
        let fits = self.method.is_none_or(|method| method == request.method)
            && self.operation.is_none_or(|operation| operation == request.operation)
            && self.path.as_ref().is_none_or(|part| request.path.contains(part.as_str()));
        if !fits {
            return false;
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        let now = match &self.when {
            When::Always => true,
            When::Nth(nth) => nth.contains(&seen),
            When::Chance(probability, rng) => rng.lock().unwrap().f64() < *probability,
        };
        if now {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        now
    }
}

/// A proxy on a port of its own, until the test process ends.
pub(crate) struct Proxy {
    url: String,
    faults: Arc<Vec<Fault>>,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts a proxy before `upstream`, a URL.
    pub(crate) fn start(upstream: &str, faults: Vec<Fault>) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (faults, requests) = (Arc::new(faults), Arc::new(AtomicUsize::new(0)));
        let shared = (Arc::clone(&faults), Arc::clone(&requests));
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (faults, requests) = (Arc::clone(&shared.0), Arc::clone(&shared.1));
                let upstream = upstream.clone();
                runtime().spawn(async move {
                    requests.fetch_add(1, Ordering::Relaxed);
                    // A client that goes away is no failure of the proxy.
                    drop(serve(client, &upstream, &faults).await);
                });
            }
        });
        Self { url, faults, requests }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs `flowq` with this proxy as its AWS.
    pub(crate) fn flowq(&self, args: &[&str]) -> Run {
        flowq_at(&self.url, args)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// How often each of the faults was done.
    pub(crate) fn done(&self) -> Vec<usize> {
        self.faults.iter().map(|fault| fault.done.load(Ordering::Relaxed)).collect()
    }
}

struct Request {
    method: String,
    path: String,
    operation: String,
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    async fn read(client: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = find(&bytes, b"\r\n\r\n") {
                break at;
            }
            more(client, &mut bytes).await?;
        };
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let head: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
        let mut body = bytes.split_off(end + 4);
        if header(&head, "expect").is_some() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if header(&head, "transfer-encoding").is_some() {
            while !body.ends_with(b"0\r\n\r\n") {
                more(client, &mut body).await?;
            }
        } else if let Some(length) = header(&head, "content-length") {
            let length: usize = length.parse().map_err(io::Error::other)?;
            while body.len() < length {
                more(client, &mut body).await?;
            }
        }
        let mut words = head[0].split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
        let form = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
        let action = || form.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let target = header(&head, "x-amz-target").and_then(|target| target.rsplit('.').next());
        let operation = target.or_else(action).unwrap_or_default().to_owned();
        Ok(Self { method, path, operation, head, body })
    }

    /// An error as the service asked would say it.
    fn error(&self, status: u16, code: &str) -> Vec<u8> {
        let message = "Made by the proxy of the tests.";
        let (kind, body) = if header(&self.head, "x-amz-target").is_some() {
            let body = format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
            ("application/x-amz-json-1.1", body)
        } else if self.operation.is_empty() {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            ("application/xml", body)
        } else {
            let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            let body = format!("<Response><Errors>{error}</Errors></Response>");
            ("text/xml", body)
        };
        let body = if self.method == "HEAD" { String::new() } else { body };
        format!(
            "HTTP/1.1 {status} Fault\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Asks the emulator, and returns its answer: the head with its blank line, and the body.
    async fn ask(&self, upstream: &str) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut server = TcpStream::connect(upstream).await?;
        let kept = self.head.iter().filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !matches!(name.as_str(), "connection" | "expect")
        });
        let lines: String = kept.map(|line| format!("{line}\r\n")).collect();
        server.write_all(format!("{lines}Connection: close\r\n\r\n").as_bytes()).await?;
        server.write_all(&self.body).await?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        let end = find(&answer, b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)? + 4;
        let body = answer.split_off(end);
        Ok((answer, body))
    }
}

async fn serve(mut client: TcpStream, upstream: &str, faults: &[Fault]) -> io::Result<()> {
    let request = Request::read(&mut client).await?;
    let fault = faults.iter().find(|fault| fault.befalls(&request)).map(|fault| fault.what);
    match fault {
        Some(What::Answer(status, code)) => {
            return client.write_all(&request.error(status, code)).await;
        }
        Some(What::Reset) => return client.set_zero_linger(),
        _ => {}
    }
    let (head, mut body) = request.ask(upstream).await?;
    if let Some(What::Lose) = fault {
        return client.set_zero_linger();
    }
    client.write_all(&head).await?;
    match fault {
        Some(What::Cut(at)) => client.write_all(&body[..at.min(body.len())]).await?,
        Some(What::Break(at)) => {
            client.write_all(&body[..at.min(body.len())]).await?;
            // What was sent shall arrive: a reset takes back what still waits.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return client.set_zero_linger();
        }
        Some(What::Stall(at, pause)) => {
            let (first, rest) = body.split_at(at.min(body.len()));
            client.write_all(first).await?;
            tokio::time::sleep(pause).await;
            client.write_all(rest).await?;
        }
        Some(What::Flip(at)) => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 0x20;
            }
            client.write_all(&body).await?;
        }
        Some(What::Trickle(bytes, pause)) => {
            for part in body.chunks(bytes.max(1)) {
                client.write_all(part).await?;
                tokio::time::sleep(pause).await;
            }
        }
        _ => client.write_all(&body).await?,
    }
    client.shutdown().await
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
