//! What flowq knows between two runs: who runs, what was published, and which objects need not be read again.
//!
//! A state is a folder or a prefix of S3, `LAKE/_flowq/` unless another is named:
//!
//! - `state.json`: its id, made once. Delta's log knows a pass by this id and its number.
//! - `lease.json` (S3) or `lease` (a folder, locked by the operating system): who runs now.
//! - `passes/<number>.json.gz`: the ledger. A pass is published exactly if its record is here, and a number is
//!   taken once: of two runners that both think they are the only one, one fails here.
//! - `checkpoint.json.gz`: what the passes say of the objects that may be listed again. It is derived: lost, or
//!   behind, it is made again from the passes.

mod checkpoint;
mod lease;
mod mend;
mod pass_record;

#[cfg(test)]
mod tests;

use std::io::{Read as _, Write as _};
use std::sync::Arc;

pub use checkpoint::{Checkpoint, ObjectState};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use futures::TryStreamExt as _;
pub use lease::{Holder, LEASE_SECS, Lease};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
pub use pass_record::{
    Kind, LineCounts, ObjectFailure, ObjectRecord, PassRecord, PassTotals, TableChange,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::storage;
use crate::storage::Storage;
use crate::time::Clock;

/// The folder of the state in a lake.
pub const FOLDER: &str = "_flowq";

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else runs.
    #[error("{place} is in use by {holder}")]
    Busy {
        /// The state.
        place: String,
        /// Who, and since when.
        holder: Holder,
    },
    /// The lease was lost while this runner worked: another took over.
    #[error("{place} was taken over by another runner: what this pass wrote does not count")]
    Lost {
        /// The state.
        place: String,
    },
    /// An object of the state cannot be read or written.
    #[error("could not use {name} in {place}")]
    Object {
        /// The state.
        place: String,
        /// The object, relative to it.
        name: String,
        /// What is wrong.
        source: object_store::Error,
    },
    /// An object of the state is not what flowq wrote.
    #[error("{name} in {place} is not what flowq writes")]
    Content {
        /// The state.
        place: String,
        /// The object, relative to it.
        name: String,
        /// What is wrong.
        source: std::io::Error,
    },
    /// There is no state.
    #[error("{place} holds no state of flowq")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// The place cannot be used.
    #[error(transparent)]
    Store(#[from] storage::Error),
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some(
                "let it end, or stop it; the lease of a runner that died is free at once in a folder, and in S3 \
                 when it expires",
            ),
            Self::Missing { .. } => Some("name a lake that flowq ingest wrote, or its --state"),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Identity {
    id: String,
    /// Unix seconds.
    made: i64,
}

/// Reads a state without taking part in it.
#[derive(Debug, Clone)]
pub struct Reader {
    place: Storage,
    /// Names the state for good.
    pub id: String,
}

impl Reader {
    /// Opens a state that is there.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when there is none.
    pub async fn open(place: Storage) -> Result<Self, Error> {
        let identity: Option<Identity> = get(&place, "state.json").await?;
        let identity = identity.ok_or_else(|| Error::Missing { place: place.to_string() })?;
        Ok(Self { place, id: identity.id })
    }

    /// Opens a state and makes it if there is none. `now` is in Unix seconds.
    async fn create(place: Storage, now: i64) -> Result<Self, Error> {
        let random = fastrand::u128(..);
        let identity = Identity { id: format!("flowq-{random:032x}"), made: now };
        if let Err(error @ Error::Content { .. }) = get::<Identity>(&place, "state.json").await {
            Self::mend(&place, identity, error).await?;
            return Self::open(place).await;
        }
        // Of two who make it at once, one finds the name taken.
        put(&place, "state.json", &identity, PutMode::Create).await?;
        Self::open(place).await
    }

    /// Where it is.
    pub fn place(&self) -> &Storage {
        &self.place
    }

    /// Returns a pass; NULL when no pass of this number was published.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn pass(&self, number: u64) -> Result<Option<PassRecord>, Error> {
        get(&self.place, &name_of(number)).await
    }

    /// The numbers of all passes that are kept, in order.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub async fn numbers(&self) -> Result<Vec<u64>, Error> {
        let list = self.place.objects().list(Some(&Path::from("passes")));
        let list: Vec<_> =
            list.try_collect().await.map_err(|source| failed(&self.place, "passes", source))?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json.gz")?.parse().ok();
        let mut numbers: Vec<u64> = list.iter().filter_map(|meta| number(&meta.location)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The checkpoint as it was last written; NULL when there is none that fits this state.
    ///
    /// # Errors
    ///
    /// When it cannot be read for another reason than its content.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        match get::<Checkpoint>(&self.place, CHECKPOINT).await {
            Ok(checkpoint) => Ok(checkpoint.filter(|checkpoint| checkpoint.state == self.id)),
            // It is derived: one that is broken is made again.
            Err(Error::Content { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The checkpoint as it was last written, or one before the first pass that is kept.
    ///
    /// # Errors
    ///
    /// When the state cannot be read.
    pub async fn begin(&self) -> Result<Checkpoint, Error> {
        if let Some(checkpoint) = self.checkpoint().await? {
            return Ok(checkpoint);
        }
        let first = self.numbers().await?.first().copied().unwrap_or(1);
        Ok(Checkpoint::new(&self.id, first.saturating_sub(1)))
    }

    /// The checkpoint, brought up to the last pass.
    ///
    /// # Errors
    ///
    /// When the state cannot be read.
    pub async fn current(&self) -> Result<Checkpoint, Error> {
        let mut checkpoint = self.begin().await?;
        while let Some(pass) = self.pass(checkpoint.pass + 1).await? {
            checkpoint.add(&pass);
        }
        Ok(checkpoint)
    }
}

const CHECKPOINT: &str = "checkpoint.json.gz";

/// A state that this process alone changes.
#[derive(Debug)]
pub struct State {
    reader: Reader,
    lease: Lease,
    clock: Clock,
    warning: Option<String>,
}

impl State {
    /// Takes the lease of a state, which is made if there is none. `runner` is how this process is named to
    /// others, `lease_secs` how long a lease in S3 lasts without a sign of life, [`LEASE_SECS`] but in tests.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when somebody else has it.
    pub async fn open(
        place: Storage,
        runner: &str,
        clock: Clock,
        lease_secs: i64,
    ) -> Result<Self, Error> {
        let store_time = place.probe(&format!("probe-{:016x}", fastrand::u64(..))).await?;
        let (lease, store_time) =
            Lease::take(&place, runner, clock, store_time, lease_secs).await?;
        let (clock, ahead_secs) = clock.not_ahead_of(store_time);
        let reader = Reader::create(place, clock.now()).await?;
        let warning = (ahead_secs > 0).then(|| {
            format!(
                "the clock of this machine is {ahead_secs} s ahead of that of {}: the latter is used",
                reader.place
            )
        });
        Ok(Self { reader, lease, clock, warning })
    }

    /// The clock, which is not ahead of that of the place.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What the user should know of the place and the clock.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// What is in it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// How this process is named.
    pub fn runner(&self) -> &str {
        self.lease.runner()
    }

    /// What tells this process from all others.
    pub fn token(&self) -> &str {
        self.lease.token()
    }

    /// Whether the last runner ended without giving its lease back.
    pub fn was_left(&self) -> bool {
        self.lease.was_abandoned()
    }

    /// Publishes a pass: from now on it counts.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when its number is taken, or the lease is.
    pub async fn publish(&self, pass: &PassRecord) -> Result<(), Error> {
        let place = &self.reader.place;
        if self.lease.is_lost() {
            return Err(Error::Lost { place: place.to_string() });
        }
        let name = name_of(pass.number);
        if !put(place, &name, pass, PutMode::Create).await? {
            return Err(Error::Lost { place: place.to_string() });
        }
        Ok(())
    }

    /// Writes the checkpoint.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        put(&self.reader.place, CHECKPOINT, checkpoint, PutMode::Overwrite).await.map(drop)
    }

    /// Deletes the records of passes that ended before a time in Unix seconds, the last one apart. Returns how
    /// many.
    ///
    /// # Errors
    ///
    /// When they cannot be listed, read or deleted.
    pub async fn forget(&self, before: i64) -> Result<u64, Error> {
        let numbers = self.reader.numbers().await?;
        let mut deleted = 0;
        let kept = numbers.len().saturating_sub(1);
        for number in numbers.into_iter().take(kept) {
            let pass = self.reader.pass(number).await?;
            if pass.is_some_and(|pass| pass.ended >= before) {
                break;
            }
            let name = name_of(number);
            let gone = self.reader.place.objects().delete(&Path::from(name.as_str())).await;
            gone.map_err(|source| failed(&self.reader.place, &name, source))?;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Gives the lease back.
    ///
    /// # Errors
    ///
    /// When that cannot be written: in S3 it is free when it expires.
    pub async fn close(self) -> Result<(), Error> {
        self.lease.give_back().await
    }
}

fn name_of(number: u64) -> String {
    format!("passes/{number:010}.json.gz")
}

fn failed(place: &Storage, name: &str, source: object_store::Error) -> Error {
    Error::Object { place: place.to_string(), name: name.to_owned(), source }
}

/// Reads an object; NULL when it is not there.
async fn get<T: DeserializeOwned>(place: &Storage, name: &str) -> Result<Option<T>, Error> {
    let objects: &Arc<dyn ObjectStore> = place.objects();
    let bytes = match objects.get(&Path::from(name)).await {
        Ok(found) => found.bytes().await,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|source| failed(place, name, source))?;
    let broken =
        |source| Error::Content { place: place.to_string(), name: name.to_owned(), source };
    let mut text = Vec::new();
    if name.ends_with(".gz") {
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).map_err(broken)?;
    } else {
        text.extend_from_slice(&bytes);
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| broken(error.into()))
}

/// Writes an object, so that it outlives a loss of power; returns `false` where its name was taken.
async fn put<T: Serialize>(
    place: &Storage,
    name: &str,
    value: &T,
    mode: PutMode,
) -> Result<bool, Error> {
    let broken =
        |source| Error::Content { place: place.to_string(), name: name.to_owned(), source };
    let mut bytes = serde_json::to_vec(value).map_err(|error| broken(error.into()))?;
    if name.ends_with(".gz") {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        bytes = gzip.write_all(&bytes).and_then(|()| gzip.finish()).map_err(broken)?;
    }
    let path = Path::from(name);
    let put = place.objects().put_opts(&path, PutPayload::from(bytes), mode.into());
    match put.await {
        Ok(_) => {}
        Err(object_store::Error::AlreadyExists { .. }) => return Ok(false),
        Err(source) => return Err(failed(place, name, source)),
    }
    place.sync([name])?;
    Ok(true)
}
