//! Makes passes, one after the other, and brings to an end what a runner before left half done.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use crate::flow::field::Layout;
use crate::ingest::object_loader::{Reading, Request, read};
use crate::ingest::row_removal::{RemovedRows, events, remove_objects};
use crate::ingest::selected_source::SelectedSource;
use crate::ingest::{Error, Opener, Options, PassReport, selection};
use crate::lake::{DataFile, LakeTable, TableCommit, folder};
use crate::source::{Source, Split};
use crate::state::{
    Checkpoint, Kind, ObjectRecord, ObjectState, PassRecord, PassTotals, State, TableChange,
};
use crate::storage::Storage;
use crate::time::{Clock, Window};

mod accounting;
mod faults;
mod listing;
mod recovery;

/// The tables of a lake.
pub(super) const LAYOUTS: [Layout; 2] = [Layout::Vpc, Layout::TransitGateway];

/// The checkpoint is written at least after this many passes: one that is behind costs only time.
const SAVE_EVERY: u64 = 16;

/// It is written after every pass while it knows no more objects than this.
const SAVE_ALWAYS: usize = 5_000;

/// How far an event's time may be from the `start` of its record, in seconds.
const EVENT_SECS: i64 = 3600;

/// Makes passes. Holds the lease of its state.
pub struct Runner {
    lake: Storage,
    state: State,
    clock: Clock,
    open: Arc<Opener>,
    options: Options,
    checkpoint: Checkpoint,
    /// The pass that the checkpoint was last written after.
    saved: u64,
    listed: Option<PendingListing>,
    /// Whether a pass failed and its result has not been checked yet.
    is_in_doubt: bool,
    /// Objects that could not be read: how often, and when to try again.
    tried: BTreeMap<String, (u32, i64)>,
    /// What the user should know of, and no report holds.
    notes: Vec<String>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("lake", &self.lake).finish_non_exhaustive()
    }
}

/// What one listing gave, and what is left of it.
struct PendingListing {
    source: Arc<dyn Source>,
    splits: VecDeque<Split>,
    kind: Kind,
    /// When it was made, Unix seconds.
    at: i64,
    window: Window,
    /// When the newest object of it ended, by its name and by when it was written: no clock here says so. Unix
    /// seconds; `None`: not known.
    newest: Option<i64>,
    /// The time ranges of log groups in it.
    ranges: BTreeSet<String>,
    /// What could not be read to its end, or is to be tried later.
    failed: BTreeSet<String>,
    /// What the passes say of objects that the checkpoint has forgotten.
    old: BTreeMap<String, ObjectState>,
    notes: Vec<String>,
}

/// What a pass read, by layout.
struct Read {
    layout: Layout,
    reading: Reading,
    taken: RemovedRows,
}

impl Runner {
    /// Takes over a lake with its state, and brings to an end what is left of the passes before.
    ///
    /// # Errors
    ///
    /// When the lake or the state cannot be read or written.
    pub async fn open(
        lake: Storage,
        state: State,
        open: Arc<Opener>,
        options: Options,
    ) -> Result<Self, Error> {
        let checkpoint = state.reader().begin().await?;
        let (saved, clock) = (checkpoint.pass, state.clock());
        let mut runner = Self {
            lake,
            state,
            clock,
            open,
            options,
            checkpoint,
            saved,
            listed: None,
            is_in_doubt: false,
            tried: BTreeMap::new(),
            notes: Vec::new(),
        };
        runner.notes.extend(runner.state.warning().map(str::to_owned));
        runner.recover().await?;
        Ok(runner)
    }

    /// What the passes so far say.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The lake.
    pub fn lake(&self) -> &Storage {
        &self.lake
    }

    /// The time by which passes are made, in Unix seconds: never ahead of the clock of the place of the state.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Takes what the user should know of beside the reports of passes.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Objects that were listed and that no pass has read yet.
    pub fn remaining(&self) -> usize {
        self.listed.as_ref().map_or(0, |listed| listed.splits.len())
    }

    /// Makes the next pass over what was listed, and lists when nothing is left of it. `None`: there is nothing
    /// new.
    ///
    /// # Errors
    ///
    /// Nothing of the pass counts then. It can be called again: it lists anew.
    pub async fn pass(&mut self) -> Result<Option<PassReport>, Error> {
        if self.is_in_doubt {
            // The pass that failed may have been published all the same.
            self.apply_unapplied().await?;
            self.is_in_doubt = false;
        }
        if self.listed.is_none() && !self.list().await? {
            return Ok(None);
        }
        let Some(listed) = &mut self.listed else { return Ok(None) };
        let rest = listed.splits.make_contiguous();
        let options = &self.options;
        let count = selection::pass_len(rest, options.pass_bytes, options.pass_objects);
        let splits: Vec<Split> = listed.splits.drain(..count).collect();
        match self.read_and_publish(splits).await {
            Ok(mut report) => {
                report.left = self.remaining();
                if report.left == 0 {
                    report.notes.extend(self.settle().await?);
                }
                Ok(Some(report))
            }
            Err(error) => {
                self.give_back().await;
                self.is_in_doubt = true;
                Err(error)
            }
        }
    }

    /// Writes the checkpoint and gives the lease back.
    ///
    /// # Errors
    ///
    /// When they cannot be written: the next runner does it.
    pub async fn close(mut self) -> Result<(), Error> {
        self.give_back().await;
        self.save().await?;
        Ok(self.state.close().await?)
    }

    async fn save(&mut self) -> Result<(), Error> {
        self.options.step("save");
        self.state.save(&self.checkpoint).await?;
        self.saved = self.checkpoint.pass;
        Ok(())
    }

    /// Reads splits and publishes what is in them. What was written for nothing is deleted.
    async fn read_and_publish(&mut self, splits: Vec<Split>) -> Result<PassReport, Error> {
        let number = self.checkpoint.pass + 1;
        let begun = self.clock.now();
        self.options.step("begin");
        let reads = match self.read_all(&splits, number).await {
            Ok(reads) => reads,
            Err(error) => {
                self.delete_orphans(number).await;
                return Err(error);
            }
        };
        let mut pass = self.record(&splits, reads, begun);
        self.note_changes(&splits, &mut pass).await;
        let published = async {
            accounting::check(&pass)?;
            self.prepare(&pass).await?;
            self.options.step("written");
            for (table, change) in &pass.tables {
                let paths = change.added.iter().map(|file| file.path.as_str());
                self.lake.below(table).sync(paths)?;
            }
            self.options.step("publish");
            pass.ended = self.clock.now();
            Ok::<_, Error>(self.state.publish(&pass).await?)
        };
        if let Err(error) = published.await {
            // Whether it is published may not be known: the network may have lost the answer.
            match self.state.reader().pass(number).await {
                Ok(Some(found)) if found == pass => {}
                Ok(_) => {
                    self.delete_orphans(number).await;
                    return Err(error);
                }
                Err(_) => return Err(error),
            }
        }
        self.apply(&pass).await?;
        self.note_failures(&pass);
        self.checkpoint.add(&pass);
        let known = self.checkpoint.known.len();
        if known <= SAVE_ALWAYS || number - self.saved >= SAVE_EVERY {
            self.save().await?;
        }
        Ok(PassReport { pass, left: 0, notes: Vec::new() })
    }

    /// Reads splits into files of each table.
    async fn read_all(&self, splits: &[Split], number: u64) -> Result<Vec<Read>, Error> {
        let mut reads: Vec<Read> = Vec::new();
        let mut due = splits.to_vec();
        for layout in LAYOUTS {
            if let Some(first) = reads.first() {
                // Only what also holds records of the other layout is read again.
                let other = |split: &Split| {
                    let read = first.reading.objects.get(&split.id);
                    read.is_some_and(|read| read.summary.other_layout > 0)
                };
                due.retain(other);
            }
            let mut reading = Reading::default();
            if !due.is_empty() {
                reading = self.read_table(&due, layout, number).await?;
            }
            let replaced = splits.iter().filter(|split| split.log_group.is_none());
            let replaced = replaced.filter(|split| self.earlier(split).is_some_and(|k| k.rows > 0));
            let replaced: BTreeSet<String> = replaced.map(|split| split.id.clone()).collect();
            let name = format!("{}-r", self.file_name(number));
            let taken = remove_objects(&self.lake, layout, &replaced, &name).await?;
            reads.push(Read { layout, reading, taken });
        }
        Ok(reads)
    }

    async fn read_table(
        &self,
        splits: &[Split],
        layout: Layout,
        number: u64,
    ) -> Result<Reading, Error> {
        let Some(listed) = &self.listed else { return Ok(Reading::default()) };
        let mut known = HashSet::new();
        for split in splits {
            if let (Some(group), Some((from, to))) = (&split.log_group, selection::ends(split)) {
                let time = (from - EVENT_SECS, to + EVENT_SECS);
                known.extend(events(&self.lake, layout, group, time).await?);
            }
        }
        let chosen = SelectedSource { source: Arc::clone(&listed.source), splits: splits.to_vec() };
        let (name, now) = (self.file_name(number), self.clock.now());
        let request = Request { lake: &self.lake, layout, name, known: Arc::new(known), now };
        read(chosen, &request, &self.options).await
    }

    /// What was known of a split before this pass.
    fn earlier(&self, split: &Split) -> Option<&ObjectState> {
        let old = self.listed.as_ref().and_then(|listed| listed.old.get(&split.id));
        self.checkpoint.known.get(&split.id).or(old)
    }

    /// What the names of a pass's files begin with. Another runner's are others.
    fn file_name(&self, number: u64) -> String {
        format!("p{number:010}-{}", self.state.token())
    }

    fn record(&self, splits: &[Split], reads: Vec<Read>, begun: i64) -> PassRecord {
        let objects = splits.iter().map(|split| {
            let reads = reads.iter().map(|read| (read.layout, &read.reading));
            accounting::object(split, reads.collect(), self.earlier(split))
        });
        let objects: Vec<ObjectRecord> = objects.collect();
        let mut totals = PassTotals::default();
        objects.iter().for_each(|object| totals.add(object));
        let mut tables = BTreeMap::new();
        for read in reads {
            let Read { layout, reading, taken } = read;
            totals.rows += reading.rows;
            totals.known += reading.known;
            let mut added: Vec<DataFile> = reading.files;
            added.extend(taken.added);
            let change = TableChange {
                added,
                removed: taken.removed,
                rows: reading.rows,
                replaced: taken.rows,
                known: reading.known,
                extra: reading.extra,
            };
            tables.insert(folder(layout).to_owned(), change);
        }
        let kind = self.listed.as_ref().map_or(Kind::Ingest, |listed| listed.kind);
        PassRecord {
            number: self.checkpoint.pass + 1,
            kind,
            runner: self.state.runner().to_owned(),
            begun,
            ended: begun,
            sources: self.options.sources.clone(),
            objects,
            tables,
            totals,
            findings: None,
            notes: Vec::new(),
        }
    }

    /// Gives the tables the columns that a pass has, before anything of it counts: a pass that is published and
    /// cannot be committed would hold up all that come after it.
    async fn prepare(&self, pass: &PassRecord) -> Result<(), Error> {
        for layout in LAYOUTS {
            let change = pass.tables.get(folder(layout)).filter(|change| change.changes());
            if let Some(change) = change.filter(|change| !change.extra.is_empty()) {
                LakeTable::create(&self.lake, layout, &change.extra).await?;
            }
        }
        Ok(())
    }

    /// Commits a published pass to the tables, unless that was done before.
    async fn apply(&self, pass: &PassRecord) -> Result<(), Error> {
        for layout in LAYOUTS {
            let Some(change) = pass.tables.get(folder(layout)).filter(|change| change.changes())
            else {
                continue;
            };
            self.options.step("commit");
            let mut table = LakeTable::create(&self.lake, layout, &change.extra).await?;
            let number = i64::try_from(pass.number).unwrap_or(i64::MAX);
            let change = TableCommit {
                txn: (self.state.reader().id.clone(), number),
                add: change.added.clone(),
                remove: change.removed.clone(),
                data_change: true,
                info: serde_json::Map::new(),
            };
            table.commit(&change, pass.ended).await?;
        }
        Ok(())
    }
}
