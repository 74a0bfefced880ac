//! Runs the detections over the time in which new records may change findings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::DataFusionError;
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::detection::{Detection, DetectionRun};
use crate::engine::{Engine, Resources, ScanOptions, no_params};
use crate::enrich::Enricher;
use crate::feed::{Findings, Range, ReevaluationScope, differences};
use crate::ingest::SelectedSource;
use crate::inventory::Inventory;
use crate::source::{Source, Split};
use crate::time::Window;
use crate::{detection, source};

/// What the jobs exchanged with S3.
const S3_BYTES: &str = include_str!("../../queries/feed/s3-bytes.sql");

/// Why findings could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake cannot be read, or its aggregates not be stored.
    #[error("could not read the lake")]
    Read(#[from] DataFusionError),
    /// An object of the lake cannot be read: findings made without it would be wrong.
    #[error("could not read {object}: {reason}")]
    Object {
        /// The object.
        object: String,
        /// Why not.
        reason: String,
    },
    /// A detection failed.
    #[error(transparent)]
    Detection(#[from] detection::Error),
}

/// What a look at the lake gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// How many time ranges were read.
    pub ranges: usize,
    /// Whether everything was looked at.
    pub all: bool,
    /// Detections that ended for want of memory, with what it was: their findings are as before.
    pub failed: BTreeMap<String, String>,
}

/// Detections with all that they need beside the records.
#[derive(Debug)]
pub struct Evaluator {
    config: Config,
    detections: Vec<Detection>,
    resources: Resources,
    inventory: Arc<Inventory>,
    /// What the last findings depend on apart from jobs and interfaces.
    known: Option<Arc<Inventory>>,
}

impl Evaluator {
    /// Makes an evaluator. `detections` are those that run, as the config has them.
    pub fn new(
        config: Config,
        detections: Vec<Detection>,
        resources: Resources,
        inventory: Arc<Inventory>,
    ) -> Self {
        Self { config, detections, resources, inventory, known: None }
    }

    /// Replaces the inventory: the findings of what it changes are evaluated again the next time.
    pub fn set_inventory(&mut self, inventory: Arc<Inventory>) {
        self.inventory = inventory;
    }

    /// Takes another config: everything is looked at again the next time if it matters to findings.
    pub fn set_config(&mut self, config: Config, detections: Vec<Detection>) {
        (self.config, self.detections) = (config, detections);
    }

    /// Brings findings up to date with a lake into which records of `touched` times came. `now` is in Unix
    /// seconds.
    ///
    /// # Errors
    ///
    /// When the lake cannot be read whole or a detection fails; the findings are as before.
    pub async fn update(
        &mut self,
        findings: &mut Findings,
        lake: &Arc<dyn Source>,
        touched: Vec<Range>,
        now: i64,
    ) -> Result<Judgement, Error> {
        let rules = self.rules(now);
        let whole = fingerprint(&[&rules, &to_text(&self.inventory)]);
        let mut touched = touched;
        // A question that failed is run again when there is new input.
        if findings.fingerprint != whole || !touched.is_empty() {
            touched.extend(&findings.unanswered);
        }
        let scopes = if findings.fingerprint == whole {
            ReevaluationScope::of(&self.inventory, &Range::merge(touched.clone()))
        } else {
            self.changed(findings, &rules, touched.clone())
        };
        let all = scopes.iter().any(ReevaluationScope::is_all);
        let mut judgement = Judgement { ranges: scopes.len(), all, ..Judgement::default() };
        let mut updated = findings.clone();
        for scope in &scopes {
            let (found, columns) = self.find(lake, scope, &updated.columns, now).await?;
            judgement.failed.extend(found.failed.iter().cloned());
            if columns.is_subset(&updated.columns) || scope.is_all() {
                updated.columns.extend(columns);
                updated.replace(scope, found);
                continue;
            }
            // A detection that could not run before may run now, on what was read long ago too.
            updated.columns.extend(columns);
            let all = ReevaluationScope::all();
            let (found, _) = self.find(lake, &all, &updated.columns, now).await?;
            judgement.failed.extend(found.failed.iter().cloned());
            judgement.all = true;
            updated.replace(&all, found);
            break;
        }
        if !scopes.is_empty() {
            updated.unanswered = match (judgement.failed.is_empty(), judgement.all) {
                (true, _) => Vec::new(),
                (false, true) => vec![Range::ALL],
                (false, false) => Range::merge(touched),
            };
        }
        updated.fingerprint = whole;
        *findings = updated;
        self.known = Some(Arc::clone(&self.inventory));
        Ok(judgement)
    }

    /// Returns the bytes between jobs and S3 in files of a lake, by `s3_path`. `files` are paths relative to
    /// their table. `now` is in Unix seconds.
    pub async fn s3_bytes(
        &self,
        lake: &Arc<dyn Source>,
        files: &[&str],
        now: i64,
    ) -> Result<BTreeMap<String, u64>, Error> {
        let listed = lake.splits(&Window::default()).await.map_err(external)?;
        let is_selected = |split: &Split| files.iter().any(|file| split.id.ends_with(file));
        let splits = listed.splits.into_iter().filter(is_selected).collect();
        let files: Arc<dyn Source> = Arc::new(SelectedSource { source: Arc::clone(lake), splits });
        let engine = self.engine(files, Window::default(), now).await?;
        let mut bytes = BTreeMap::new();
        for batch in engine.rows(S3_BYTES, no_params()).await? {
            let paths = cast(batch.column(0), &DataType::Utf8).map_err(DataFusionError::from)?;
            let sums = batch.column(1).as_primitive::<Int64Type>();
            for (path, sum) in paths.as_string::<i32>().iter().zip(sums) {
                let sum = sum.and_then(|sum| u64::try_from(sum).ok()).unwrap_or(0);
                bytes.insert(path.unwrap_or_default().to_owned(), sum);
            }
        }
        Ok(bytes)
    }

    async fn engine(
        &self,
        source: Arc<dyn Source>,
        window: Window,
        now: i64,
    ) -> Result<Engine, Error> {
        let allow = self.config.rules();
        let context = Arc::new(Enricher::new(Arc::clone(&self.inventory), allow, now));
        Ok(Engine::new(source, context, ScanOptions::new(window), &self.resources).await?)
    }

    /// What has to be looked at when inventory or rules are other than those that the findings were made of.
    fn changed(
        &self,
        findings: &Findings,
        rules: &str,
        mut touched: Vec<Range>,
    ) -> Vec<ReevaluationScope> {
        let Some(known) = &self.known else { return vec![ReevaluationScope::all()] };
        if findings.fingerprint != fingerprint(&[rules, &to_text(known)]) {
            return vec![ReevaluationScope::all()];
        }
        touched.extend(differences(known, &self.inventory));
        if touched.contains(&Range::ALL) {
            return vec![ReevaluationScope::all()];
        }
        // A job that is no longer known is in the old inventory only.
        let mut both = Inventory::clone(&self.inventory);
        both.jobs.extend(known.jobs.iter().cloned());
        both.enis.extend(known.enis.iter().cloned());
        ReevaluationScope::of(&both, &Range::merge(touched))
    }

    /// Runs all detections over one scope; returns all that they found in its window, and which columns the
    /// records there have.
    async fn find(
        &self,
        lake: &Arc<dyn Source>,
        scope: &ReevaluationScope,
        known: &BTreeSet<String>,
        now: i64,
    ) -> Result<(DetectionRun, BTreeSet<String>), Error> {
        let mut engine = self.engine(Arc::clone(lake), scope.window(), now).await?;
        engine.materialize_conversations().await?;
        let summary = engine.summary();
        if let Some((object, reason)) = summary.problems.first().cloned() {
            return Err(Error::Object { object, reason });
        }
        let columns: BTreeSet<String> = known.union(&summary.columns).cloned().collect();
        let query = async |sql: &str, params: &[_]| engine.rows(sql, params.to_vec()).await;
        let suppress = &self.config.suppress;
        let outcome =
            detection::runner::run(&self.detections, &columns, suppress, now, query).await?;
        Ok((outcome, columns))
    }

    /// What the findings depend on beside records and inventory, as text: the rules that hold now, and the
    /// detections with their parameters.
    fn rules(&self, now: i64) -> String {
        let mut allow = self.config.rules();
        allow.retain(|rule| !rule.expired(now));
        let suppress = self.config.suppress.iter().filter(|rule| !rule.expired(now));
        format!("{allow:?} {:?} {:?}", suppress.collect::<Vec<_>>(), self.detections)
    }
}

fn external(error: source::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn to_text(inventory: &Inventory) -> String {
    // An inventory is rows of text and numbers: it can always be written.
    serde_json::to_string(inventory).unwrap_or_default()
}

fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
