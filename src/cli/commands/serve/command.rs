//! Starts the server, reads the sources whenever they changed, and ends on a signal.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::cli::args::Serve;
use crate::cli::commands::detect::detections;
use crate::cli::commands::serve::configuration_history::InventoryHistory;
use crate::cli::commands::serve::snapshot_loader::SnapshotLoader;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::service::signals::{Event, events};
use crate::cli::session::configure;
use crate::config::Config;
use crate::query::reports::reports;
use crate::serve::{
    Access, App, ConsoleOptions, ConsoleServer, Error, SnapshotStore, StatementLimits,
    StatementRunner, TlsFiles, router,
};
use crate::time::Clock;

/// Threads that answer requests. They wait for no SQL: that runs on other ones.
const SERVER_THREADS: usize = 2;

/// The most connections at a time.
const CONNECTIONS_MAX: usize = 512;

/// Runs the command.
pub(crate) async fn run(mut args: Serve, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = configure(&mut args.read)?;
    check(&args)?;
    let detections = detections(&config, &args.queries, &[])?;
    if args.read.inventory.is_empty() {
        say.warn("no --inventory: without interfaces and jobs no record can be tied to a job");
    }
    let mut signals = events().context("signals").or_exit(Exit::Input)?;
    let store = Arc::new(SnapshotStore::default());
    let clock = Clock::new(started.now);
    let (server, url) = start(&args, &config, (&store, clock)).await?;
    print_url(&url)?;
    let every = duration("--check-every", &args.check_every)?;
    let loader = SnapshotLoader::new(args, config, detections);
    let end = tokio::select! {
        end = read_forever(&loader, &store, (clock, every), say) => end,
        () = stopped(&mut signals) => Ok(Exit::Fine),
    };
    server.stop();
    end
}

/// What can be said of the arguments before anything is read.
fn check(args: &Serve) -> Result<(), Failure> {
    let usage =
        |what: &str, hint: &str| Failure::new(Exit::Usage, anyhow!("{what}")).with_hint(hint);
    let sources = &args.read.sources;
    if sources.is_empty() {
        return Err(usage(
            "no flow logs named",
            "flowq serve SOURCE… --inventory PATH; most often a lake",
        ));
    }
    if let Some(source) =
        sources.iter().find(|source| *source == "-" || source.starts_with("sqs://"))
    {
        let hint = "flowq ingest writes what it holds to a lake, and flowq serve LAKE shows that";
        return Err(usage(
            &format!("{source} can be read only once, and a server reads it again and again"),
            hint,
        ));
    }
    if args.read.malformed.is_some() {
        return Err(usage(
            "--malformed is not for flowq serve",
            "flowq detect writes malformed lines to a file",
        ));
    }
    if !args.listen.ip().is_loopback() && args.tls_cert.is_none() && !args.insecure {
        return Err(usage(
            &format!(
                "{} is not a loopback address: without TLS, tokens and data would be readable on the network",
                args.listen
            ),
            "--tls-cert FILE --tls-key FILE; or --insecure behind a proxy that has TLS",
        ));
    }
    if args.max_queries == 0 {
        return Err(usage("--max-queries 0: at least one is needed", "--max-queries 4"));
    }
    Ok(())
}

fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    let duration = humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| {
        let error = anyhow!("{option} {text:?} is not a duration");
        Failure::new(Exit::Usage, error).with_hint("write 15s, 2min or 1h")
    })
}

/// A server on threads of its own.
struct RunningServer {
    stop: watch::Sender<bool>,
    thread: thread::JoinHandle<()>,
}

impl RunningServer {
    /// Waits until the answers under way are given.
    fn stop(self) {
        // It may have ended already.
        let _ = self.stop.send(true);
        drop(self.thread.join());
    }
}

/// Starts the server, and returns its URL for the user.
async fn start(
    args: &Serve,
    config: &Config,
    (store, clock): (&Arc<SnapshotStore>, Clock),
) -> Result<(RunningServer, String), Failure> {
    let fixed = args.token_file.as_deref().map(Access::read_token).transpose().map_err(failure)?;
    let (access, once) = Access::new(fixed.as_deref()).map_err(failure)?;
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    let tls = tls.map(|(certificate, key)| TlsFiles { certificate, key });
    let is_tls = tls.is_some();
    let options = ConsoleOptions { address: args.listen, tls, connections_max: CONNECTIONS_MAX };
    let limits = StatementLimits {
        timeout: duration("--query-timeout", &args.query_timeout)?,
        rows_max: args.max_rows,
        concurrent: args.max_queries,
    };
    let (app_sender, app) = oneshot::channel::<Arc<App>>();
    let (address, stop, thread) = listen(options, app).await?;
    let base = base_url(address, is_tls, &args.host);
    let announced = base.clone();
    let prefix = if is_tls { "__Host-flowq" } else { "flowq" };
    let app = App {
        store: Arc::clone(store),
        access,
        host_names: args.host.clone(),
        cookie: format!("{prefix}-{}", address.port()),
        is_tls,
        clock,
        engine: Handle::current(),
        history: Arc::new(InventoryHistory::new(&args.read, clock)),
        prices: config.prices.clone(),
        reports: reports().or_exit(Exit::Config)?,
        sources: args.read.sources.clone(),
        statements: Arc::new(StatementRunner::new(limits)),
        announce: Box::new(move |token| {
            // The reader of the output may be gone.
            drop(print_url(&format!("{announced}/login?token={token}")));
        }),
    };
    // The thread ends only with the process.
    drop(app_sender.send(Arc::new(app)));
    let url =
        once.map_or_else(|| format!("{base}/"), |token| format!("{base}/login?token={token}"));
    Ok((RunningServer { stop, thread }, url))
}

type Listening = (SocketAddr, watch::Sender<bool>, thread::JoinHandle<()>);

/// Listens on threads of the server's own, and serves once the app is there.
async fn listen(
    options: ConsoleOptions,
    app: oneshot::Receiver<Arc<App>>,
) -> Result<Listening, Failure> {
    let (stop, stopped) = watch::channel(false);
    let (bound_sender, bound) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVER_THREADS)
        .thread_name("flowq-serve")
        .enable_all()
        .build()
        .context("starting threads")
        .or_exit(Exit::Input)?;
    let thread = thread::spawn(move || {
        runtime.block_on(async {
            let server = match ConsoleServer::bind(&options).await {
                Ok(server) => server,
                Err(error) => return drop(bound_sender.send(Err(error))),
            };
            drop(bound_sender.send(Ok(server.address())));
            if let Ok(app) = app.await {
                server.serve(router(app), stopped).await;
            }
        });
        // A statement that does not yield must not hold up the end.
        runtime.shutdown_background();
    });
    let address = bound.await.context("the server did not start").or_exit(Exit::Input)?;
    Ok((address.map_err(failure)?, stop, thread))
}

fn failure(error: Error) -> Failure {
    let hint = error.hint();
    let exit = match &error {
        Error::Listen { .. } | Error::Random(_) => Exit::Input,
        _ => Exit::Config,
    };
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// The URL by which the user's browser reaches the server.
fn base_url(address: SocketAddr, is_tls: bool, hosts: &[String]) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    match hosts.first() {
        Some(host) if is_tls => format!("{scheme}://{host}:{}", address.port()),
        _ if address.ip().is_unspecified() => format!("{scheme}://localhost:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

fn print_url(url: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{url}").and_then(|()| out.flush()).or_exit(Exit::Output)
}

async fn stopped(signals: &mut mpsc::Receiver<Event>) {
    while let Some(event) = signals.recv().await {
        if event == Event::Stop {
            return;
        }
    }
}

/// Reads the sources at the start, and again whenever they changed. Ends only if the first reading fails: later the
/// pages show what was read before, and why it is not newer.
async fn read_forever(
    loader: &SnapshotLoader,
    store: &SnapshotStore,
    (clock, every): (Clock, Duration),
    say: Messages<'_>,
) -> Result<Exit, Failure> {
    let mut last: Option<String> = None;
    loop {
        match Box::pin(read_once(loader, store, clock, last.as_deref())).await {
            Ok(Some(version)) => {
                if let Some(snapshot) = store.newest() {
                    say.note(&format!(
                        "read {} objects in {:.1} s: {} findings",
                        snapshot.summary.objects_read,
                        snapshot.took_millis as f64 / 1000.0,
                        snapshot.run.findings.len()
                    ));
                }
                last = Some(version);
            }
            Ok(None) => {}
            Err(failure) if last.is_none() => return Err(failure),
            Err(failure) => {
                say.warn(&format!("the sources cannot be read: {failure}"));
                let problem = failure.to_string();
                store.update(|state| state.failure = Some(problem));
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// Reads the sources if they are not as they were. Returns the version that was read.
async fn read_once(
    loader: &SnapshotLoader,
    store: &SnapshotStore,
    clock: Clock,
    last: Option<&str>,
) -> Result<Option<String>, Failure> {
    let now = clock.now();
    let version = loader.version(now).await?;
    store.update(|state| state.checked_at = Some(now));
    if last == Some(version.as_str()) {
        store.update(|state| state.failure = None);
        return Ok(None);
    }
    store.update(|state| state.is_reading = true);
    let read = Box::pin(loader.load(version.clone(), now)).await;
    store.update(|state| state.is_reading = false);
    store.publish(read?);
    store.update(|state| state.failure = None);
    Ok(Some(version))
}
