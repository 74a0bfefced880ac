//! Opens an engine over `--inventory`, `--config` and SOURCE.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::allow::AllowRule;
use crate::aws::Account;
use crate::aws::s3::Location;
use crate::cli::args::{ACCOUNT, Read};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::malformed_file::MalformedFile;
use crate::cli::messages::Messages;
use crate::cli::progress::Waiting;
use crate::config::Config;
use crate::engine::{Engine, ObjectSink, Resources, ScanOptions};
use crate::enrich::Enricher;
use crate::flow::{Limits, LogFormat};
use crate::inventory::collect::{CollectionReport, Collector, SINCE_DEFAULT_SECS};
use crate::inventory::model::Attribution;
use crate::inventory::{Inventory, InventoryLoader};
use crate::source::progress::Progress;
use crate::source::{MemorySource, ReadOutcome, Source, SourceContext};
use crate::time::Window;
use crate::{aws, inventory, source};

/// The config that is read when none is named.
const DEFAULT_CONFIG: &str = "flowq.toml";

/// An engine, and what else a command needs to know about how it was made.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) context: Arc<Enricher>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) window: Window,
    /// Whether all of the named inventory was read and understood.
    is_inventory_complete: bool,
    source: Arc<dyn Source>,
    malformed: Option<MalformedFile>,
}

impl Session {
    /// Returns the exit code of a command whose sources alone would have given `exit`.
    pub(crate) fn exit(&self, exit: Exit) -> Exit {
        if exit == Exit::Fine && !self.is_inventory_complete { Exit::Incomplete } else { exit }
    }

    /// Publishes `--malformed FILE`, and then, since all results are durable, acknowledges to the sources
    /// what was read.
    pub(crate) async fn close(self, say: Messages<'_>) -> Result<(), Failure> {
        let summary = self.engine.summary();
        let complete = summary.objects_listed > 0 && !summary.stopped_early();
        self.end(ReadOutcome { complete, failed: summary.failed }, say).await
    }

    /// As [`Session::close`] after somebody only looked: a queue keeps all its messages.
    pub(crate) async fn close_unchanged(self, say: Messages<'_>) -> Result<(), Failure> {
        self.end(ReadOutcome::default(), say).await
    }

    /// Tells the sources that nothing came of the reading, and what of them could not be read.
    pub(crate) async fn release(&self, say: Messages<'_>) {
        let outcome = ReadOutcome { complete: false, failed: self.engine.summary().failed };
        match self.source.acknowledge(&outcome).await {
            Ok(lines) => lines.iter().for_each(|line| say.warn(line)),
            Err(error) => say.warn(&format!("{:#}", anyhow!(error))),
        }
    }

    async fn end(self, outcome: ReadOutcome, say: Messages<'_>) -> Result<(), Failure> {
        if let Some(file) = self.malformed {
            file.publish().or_exit(Exit::Output)?;
        }
        for line in self.source.acknowledge(&outcome).await.map_err(source_failure)? {
            say.warn(&line);
        }
        Ok(())
    }
}

/// Reads the config, and takes from it the sources and the inventory that the command line does not name.
pub(crate) fn configure(read: &mut Read) -> Result<Config, Failure> {
    let config = config(read.config.as_deref())?;
    config.complete(&mut read.sources, &mut read.inventory);
    Ok(config)
}

/// Reads the config that is named, or `flowq.toml` here if there is one, and the baseline that it names.
pub(crate) fn config(path: Option<&Path>) -> Result<Config, Failure> {
    let mut config = config_alone(path)?;
    if let Some(file) = &config.baseline {
        let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
        config.learned = baseline(&folder.join(file))?;
    }
    Ok(config)
}

/// As [`config`], without the baseline.
pub(crate) fn config_alone(path: Option<&Path>) -> Result<Config, Failure> {
    let path = match path {
        Some(path) => path.to_owned(),
        None if Path::new(DEFAULT_CONFIG).is_file() => PathBuf::from(DEFAULT_CONFIG),
        None => return Ok(Config::default()),
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("config {}", path.display()));
    let config = Config::parse(&text.or_exit(Exit::Config)?);
    config.with_context(|| format!("config {}", path.display())).or_exit(Exit::Config)
}

/// Reads a file of learned rules.
pub(crate) fn baseline(path: &Path) -> Result<Vec<AllowRule>, Failure> {
    let what = || format!("baseline {}", path.display());
    let text = std::fs::read_to_string(path).with_context(what).map_err(|error| {
        let hint = "flowq baseline learn --job GLOB SOURCE… --output FILE writes one";
        Failure::new(Exit::Config, error).with_hint(hint)
    })?;
    Config::parse_baseline(&text).with_context(what).or_exit(Exit::Config)
}

/// Reads the inventory from all places named and says what of it was not understood; `false` when the
/// account did not return all, or something was not understood. `since` and `until`: the time that it covers;
/// `until` is also the time as of which the VPCs are taken; `now` is in Unix seconds.
pub(crate) async fn inventory(
    places: &[String],
    account: &Arc<Account>,
    (since, until): (Option<i64>, Option<i64>),
    now: i64,
    say: &Messages<'_>,
) -> Result<(Inventory, bool), Failure> {
    let is_remote = |place: &&String| *place == ACCOUNT || place.starts_with("s3://");
    let (remote, local): (Vec<&String>, Vec<&String>) = places.iter().partition(is_remote);
    let paths: Vec<PathBuf> = local.into_iter().map(PathBuf::from).collect();
    inventory_exists(&paths)?;
    let (mut gathered, mut whole) = (InventoryLoader::default(), true);
    gathered.add_paths(&paths).or_exit(Exit::Input)?;
    for place in remote {
        if place == ACCOUNT {
            let since = since.unwrap_or_else(|| {
                say.note("inventory: querying the account for the last day; use --since for a longer time");
                now.saturating_sub(SINCE_DEFAULT_SECS)
            });
            let collector = Collector::new(account, None, None).await;
            let mut collector = collector.map_err(aws_failure)?;
            let report =
                gathered.add_account(&mut collector, since, until.unwrap_or(now), now).await;
            let report = report.map_err(inventory_failure)?;
            whole &= report.warnings.is_empty();
            print_report(&report, say);
        } else {
            let location = Location::parse(place).map_err(usage)?;
            gathered.add_s3(&account.store(), &location).await.map_err(inventory_failure)?;
        }
    }
    let (inventory, warnings) = gathered.finish(until);
    // The content of a document that was not understood is missing from every answer.
    whole &= warnings.is_empty();
    for warning in warnings {
        whole &= !warning.is_partial();
        say.warn(&warning.to_string());
    }
    for line in surplus(&inventory) {
        say.warn(&format!("inventory: {line}"));
    }
    Ok((inventory, whole))
}

/// Says which jobs have more interfaces than they can have.
fn surplus(inventory: &Inventory) -> BTreeSet<&str> {
    let lowered =
        inventory.enis.iter().filter(|eni| eni.attribution == Some(Attribution::Inferred));
    lowered.filter_map(|eni| eni.reason.split(';').next()).collect()
}

/// Says what a pass over the account could not tell.
pub(crate) fn print_report(report: &CollectionReport, say: &Messages<'_>) {
    for warning in &report.warnings {
        say.warn(&format!("inventory: {warning}"));
    }
    for note in &report.notes {
        say.note(&format!("inventory: {note}"));
    }
}

pub(crate) fn usage(error: aws::Error) -> Failure {
    Failure { exit: Exit::Usage, ..aws_failure(error) }
}

pub(crate) fn aws_failure(error: aws::Error) -> Failure {
    let hint = error.hint().map(str::to_owned);
    Failure { exit: Exit::Input, error: error.into(), hint }
}

pub(crate) fn inventory_failure(error: inventory::Error) -> Failure {
    let hint = match &error {
        inventory::Error::Aws { source, .. } => source.hint().map(str::to_owned),
        _ => None,
    };
    let exit = match &error {
        inventory::Error::Write { .. } => Exit::Output,
        _ => Exit::Input,
    };
    Failure { exit, error: error.into(), hint }
}

/// Names the first path of an inventory that is not there.
pub(crate) fn inventory_exists(paths: &[PathBuf]) -> Result<(), Failure> {
    match paths.iter().find(|path| !path.exists()) {
        Some(path) => {
            let error = anyhow!("inventory {} does not exist", path.display());
            Err(Failure::new(Exit::Input, error))
        }
        None => Ok(()),
    }
}

/// Opens an engine over the sources and the inventory of the command line. `now` is in Unix seconds.
pub(crate) async fn open(
    read: &Read,
    config: &Config,
    now: i64,
    memory_default: &str,
    say: &Messages<'_>,
) -> Result<Session, Failure> {
    open_with(read, config, now, memory_default, OpenOptions::default(), say).await
}

/// Options that only some commands need.
#[derive(Default)]
pub(crate) struct OpenOptions {
    /// Takes the VPCs as they were at this time, in Unix seconds. `None`: at the end of what is read.
    pub(crate) as_of: Option<i64>,
    /// Told of each object that was read.
    pub(crate) objects: Option<Arc<ObjectSink>>,
}

/// As [`open`], with more to it.
pub(crate) async fn open_with(
    read: &Read,
    config: &Config,
    now: i64,
    memory_default: &str,
    opening: OpenOptions,
    say: &Messages<'_>,
) -> Result<Session, Failure> {
    let window = window(read, now)?;
    let account = Arc::new(Account::new(read.aws.options()));
    let progress = Arc::new(Progress::default());
    let places = read.sources.iter().chain(&read.inventory);
    let endpoint = read.aws.endpoint_url.as_deref();
    let _waiting = Waiting::start(places, endpoint, Arc::clone(&progress), say.quiet);
    let times = (window.since, opening.as_of.or(window.until));
    let (inventory, whole) = inventory(&read.inventory, &account, times, now, say).await?;
    let context = Arc::new(Enricher::new(Arc::new(inventory), config.rules(), now));
    let access = SourceContext {
        account,
        flow_logs: context.inventory().flow_logs.as_slice().into(),
        now,
        for_ledger: false,
    };
    let source: Arc<dyn Source> = match read.sources.as_slice() {
        [] => Arc::new(MemorySource::default()),
        sources => source::open_sources(sources, &access).map_err(source_failure)?,
    };
    let malformed = MalformedFile::open(read)?;
    let options = ScanOptions {
        window,
        stated: stated(read)?,
        strict: read.strict,
        malformed: malformed.as_ref().map(MalformedFile::sink),
        limits: Limits::default(),
        progress: Arc::clone(&progress),
        objects: opening.objects,
        all_flow_logs: read.all_flow_logs,
    };
    let engine = Engine::new(
        Arc::clone(&source),
        Arc::clone(&context),
        options,
        &resources(read.threads, read.memory.as_deref().unwrap_or(memory_default))?,
    )
    .await?;
    Ok(Session {
        engine,
        context,
        progress,
        window,
        is_inventory_complete: whole,
        source,
        malformed,
    })
}

pub(crate) fn source_failure(error: source::Error) -> Failure {
    let hint = error.hint();
    Failure { exit: Exit::Input, error: error.into(), hint }
}

/// Reads `--since` and `--until`, in Unix seconds.
pub(crate) fn times(
    since: Option<&str>,
    until: Option<&str>,
    now: i64,
) -> Result<(Option<i64>, Option<i64>), Failure> {
    let time = |text: Option<&str>| text.map(|text| crate::time::parse_time(text, now)).transpose();
    let usage = |error: crate::time::Error| {
        let hint = error.hint().map(str::to_owned);
        Failure { exit: Exit::Usage, error: error.into(), hint }
    };
    let (since, until) = (time(since).map_err(usage)?, time(until).map_err(usage)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let error = anyhow!("--since is not before --until: there is no time between them");
        return Err(Failure::new(Exit::Usage, error));
    }
    Ok((since, until))
}

pub(crate) fn window(read: &Read, now: i64) -> Result<Window, Failure> {
    let (since, until) = times(read.since.as_deref(), read.until.as_deref(), now)?;
    let slack = humantime::parse_duration(&read.slack).map_err(|_| {
        let error = anyhow!("--slack {:?} is not a duration", read.slack);
        Failure::new(Exit::Usage, error).with_hint("write 90s, 15min or 1h")
    })?;
    let slack_secs = i64::try_from(slack.as_secs()).unwrap_or(i64::MAX);
    Ok(Window { slack_secs, ..Window::new(since, until) })
}

pub(crate) fn stated(read: &Read) -> Result<Option<LogFormat>, Failure> {
    let format = read.log_format.as_deref().map(str::parse::<LogFormat>).transpose();
    let format = format.context("--log-format").or_exit(Exit::Usage)?;
    if let Some(format) = &format
        && format.unknown().len() == format.names().len()
    {
        let error =
            anyhow!("--log-format {:?} has no field of flow logs", format.names().join(" "));
        let hint = "write it as the flow log has it: '${version} ${account-id} …'; flowq fields lists them";
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    Ok(format)
}

/// What may be used of the machine. `threads` `None`: one for each processor.
pub(crate) fn resources(threads: Option<usize>, memory: &str) -> Result<Resources, Failure> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.unwrap_or(processors);
    if threads == 0 {
        return Err(Failure::new(Exit::Usage, anyhow!("--threads 0: at least one is needed")));
    }
    Ok(Resources { threads, memory_bytes: bytes("--memory", memory)? })
}

/// Reads a size that an option gives, in bytes.
pub(crate) fn bytes(option: &str, text: &str) -> Result<usize, Failure> {
    size(text).ok_or_else(|| {
        let error = anyhow!("{option} {text:?} is not a size");
        Failure::new(Exit::Usage, error).with_hint("write 256MB or 2GB")
    })
}

/// Bytes of `512`, `64KB`, `256MB`, `2GB`, `1GiB`.
fn size(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("512"), Some(512));
        assert_eq!(size("2GB"), Some(2 << 30));
        assert_eq!(size("64 kb"), Some(64 << 10));
        assert_eq!(size("0"), None);
        assert_eq!(size("many"), None);
    }
}
