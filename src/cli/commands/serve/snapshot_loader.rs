//! Makes snapshots: the same steps as `flowq detect`, `audit` and `coverage`, over one reading of the sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use anyhow::anyhow;
use arrow::array::AsArray as _;
use sha2::{Digest as _, Sha256};

use crate::alert::pending;
use crate::audit::AuditScope;
use crate::aws::Account;
use crate::cli::args::{ACCOUNT, Part, Serve};
use crate::cli::commands::audit::{findings_of, observed_traffic};
use crate::cli::commands::coverage::{count_deliveries, parts};
use crate::cli::commands::detect::{MEMORY, coverage, run_detections};
use crate::cli::commands::sql::incomplete;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::messages::{CapturedWarnings, Messages};
use crate::cli::session::{OpenOptions, Session, open_with, source_failure, window};
use crate::config::Config;
use crate::detection::Detection;
use crate::engine::{Engine, no_params};
use crate::serve::{InterfaceSpan, PipelineState, Snapshot, TrafficSummary};
use crate::source::SourceContext;
use crate::state::Reader;
use crate::storage::Storage;
use crate::{audit, source, state};

/// Passes of the pipeline that are shown.
const PASSES_MAX: usize = 50;

/// How long an inventory that is not on this machine is taken for unchanged, in seconds.
const REMOTE_INVENTORY_SECS: i64 = 3600;

/// The columns of all tables.
const COLUMNS: &str = "SELECT table_name, column_name, data_type FROM information_schema.columns \
                       WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";

/// Makes snapshots of the sources.
pub(super) struct SnapshotLoader {
    args: Serve,
    config: Config,
    detections: Vec<Detection>,
}

impl SnapshotLoader {
    pub(super) fn new(args: Serve, config: Config, detections: Vec<Detection>) -> Self {
        Self { args, config, detections }
    }

    /// Returns what the sources hold now, in short: it changes exactly if a listing does. No object is opened. `now` is
    /// in Unix seconds.
    pub(super) async fn version(&self, now: i64) -> Result<String, Failure> {
        let read = &self.args.read;
        let access = SourceContext {
            account: Arc::new(Account::new(read.aws.options())),
            now,
            ..SourceContext::default()
        };
        let mut hash = Sha256::new();
        let opened = source::open_sources(&read.sources, &access).map_err(source_failure)?;
        let listing = opened.splits(&window(read, now)?).await.map_err(source_failure)?;
        for split in &listing.splits {
            let size = split.size_bytes.unwrap_or_default();
            let version = split.etag.as_deref().unwrap_or_default();
            hash.update(format!("{}\0{size}\0{version}\0{:?}\n", split.id, split.modified));
        }
        for place in &read.inventory {
            if place == ACCOUNT || place.starts_with("s3://") {
                hash.update(format!("{place}\0{}\n", now.div_euclid(REMOTE_INVENTORY_SECS)));
            } else {
                add_files(&mut hash, Path::new(place));
            }
        }
        Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads the sources. `now` is in Unix seconds.
    pub(super) async fn load(&self, version: String, now: i64) -> Result<Snapshot, Failure> {
        let begun = Instant::now();
        let (read, detections) = (&self.args.read, &self.detections);
        let said = CapturedWarnings::default();
        let say = Messages::capture(&said);
        let (delivered, objects) = count_deliveries();
        let opening = OpenOptions { objects: Some(objects), ..OpenOptions::default() };
        let mut session = open_with(read, &self.config, now, MEMORY, opening, &say).await?;
        session.engine.materialize_conversations().await?;
        let summary = session.engine.summary();
        incomplete(&summary)?;
        let run = run_detections(&session, detections, &self.config, now).await?;
        let coverage = coverage(&session, &run, detections).await?;
        let deliveries = delivered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let facts = (&deliveries, &coverage);
        let coverage_parts = parts(&session, detections, facts, (None, false)).await?;
        let mut interfaces = Vec::new();
        for (_, rows) in
            coverage_parts.iter().filter(|(name, _)| *name == name_of(Part::Interfaces))
        {
            interfaces.extend(InterfaceSpan::read(rows).or_exit(Exit::Config)?);
        }
        let audit = self.audit(&session, now).await?;
        let traffic = TrafficSummary::read(&session.engine).await.or_exit(Exit::Config)?;
        let tables = tables(&session.engine).await?;
        session.engine.close_summary();
        let pipeline = self.pipeline(&say).await;
        let (inventory, engine) = (Arc::clone(session.context.inventory()), session.engine);
        Ok(Snapshot {
            version,
            read_at: now,
            took_millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            engine,
            summary,
            inventory,
            detections: detections.clone(),
            run,
            coverage,
            coverage_parts,
            audit,
            traffic,
            interfaces,
            pipeline,
            tables,
            warnings: said.take(),
        })
    }

    /// Audits the inventory, with what the logs show.
    async fn audit(
        &self,
        session: &Session,
        now: i64,
    ) -> Result<Option<audit::AuditReport>, Failure> {
        if self.args.read.inventory.is_empty() {
            return Ok(None);
        }
        let traffic = observed_traffic(session).await?;
        let (since, until) = (session.window.since, session.window.until);
        let scope = AuditScope { job: None, vpc: None, only: Vec::new(), since, until };
        let mut report = audit::run(session.context.inventory(), Some(&traffic), &scope);
        findings_of(&mut report, &self.config.suppress, now);
        Ok(Some(report))
    }

    /// Reads the state of the pipeline that writes the lake, where there is one.
    async fn pipeline(&self, say: &Messages<'_>) -> Option<PipelineState> {
        let is_lake = |source: &&String| Path::new(source).join(state::FOLDER).is_dir();
        let lake = self.args.read.sources.iter().find(is_lake);
        let account = Arc::new(Account::new(self.args.read.aws.options()));
        let place = match (&self.args.state, lake) {
            (Some(state), _) => Storage::open(state, &account),
            (None, Some(lake)) => {
                Storage::open(lake, &account).map(|lake| lake.below(state::FOLDER))
            }
            (None, None) => return None,
        };
        let name = self.args.state.as_ref().or(lake)?.clone();
        let read = async {
            let place = place?;
            let reader = Reader::open(place.clone()).await?;
            let checkpoint = reader.current().await?;
            let (mut passes, mut at) = (Vec::new(), checkpoint.pass);
            while passes.len() < PASSES_MAX && at > 0 {
                let Some(mut pass) = reader.pass(at).await? else { break };
                // The objects of a pass may be many, and are in the ledger.
                pass.objects = Vec::new();
                passes.push(pass);
                at -= 1;
            }
            let alerts = pending(&place, &[]).await?;
            Ok::<_, anyhow::Error>(PipelineState { lake: name, checkpoint, passes, alerts })
        };
        match read.await {
            Ok(state) => Some(state),
            Err(error) => {
                say.warn(&format!("the state of the pipeline: {error:#}"));
                None
            }
        }
    }
}

/// The name that [`parts`] gives a part.
fn name_of(part: Part) -> &'static str {
    match part {
        Part::Interfaces => "interfaces",
        Part::FlowLogs => "flow_logs",
        Part::Chosen => "chosen",
        Part::Questions => "questions",
    }
}

/// The tables and views of SQL with their columns.
async fn tables(engine: &Engine) -> Result<Vec<(String, Vec<(String, String)>)>, Failure> {
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for batch in engine.rows(COLUMNS, no_params()).await? {
        let text = |at: usize| {
            let column = arrow::compute::cast(batch.column(at), &arrow::datatypes::DataType::Utf8);
            column.map_err(|error| Failure::new(Exit::Config, anyhow!(error)))
        };
        let (table, column, kind) = (text(0)?, text(1)?, text(2)?);
        let (table, column, kind) =
            (table.as_string::<i32>(), column.as_string::<i32>(), kind.as_string::<i32>());
        for row in 0..batch.num_rows() {
            let entry = tables.entry(table.value(row).to_owned()).or_default();
            entry.push((column.value(row).to_owned(), kind.value(row).to_owned()));
        }
    }
    Ok(tables.into_iter().collect())
}

/// Adds names, sizes and times of all files below a path.
fn add_files(hash: &mut Sha256, path: &Path) {
    let files = walkdir::WalkDir::new(path).sort_by_file_name().into_iter().filter_map(Result::ok);
    for file in files.filter(|file| file.file_type().is_file()) {
        let Ok(about) = file.metadata() else { continue };
        let time =
            about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        hash.update(format!("{}\0{}\0{time:?}\n", file.path().display(), about.len()));
    }
}
