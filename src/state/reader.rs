//! Reads a state: its passes and its checkpoint.

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, PutMode};
use serde::{Deserialize, Serialize};

use crate::state::checkpoint::Checkpoint;
use crate::state::error::Error;
use crate::state::objects::{CHECKPOINT, failed, get, name_of, put};
use crate::state::pass_record::PassRecord;
use crate::storage::Storage;

/// Identifies a state; written once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) id: String,
    /// Unix seconds.
    pub(super) made: i64,
}

/// Reads a state without taking part in it.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) place: Storage,
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

    /// Opens a state and creates it if there is none. `now` is in Unix seconds.
    pub(super) async fn create(place: Storage, now: i64) -> Result<Self, Error> {
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

    /// Returns a pass; `None` when no pass of this number was published.
    pub async fn pass(&self, number: u64) -> Result<Option<PassRecord>, Error> {
        get(&self.place, &name_of(number)).await
    }

    /// The numbers of all stored passes, in order.
    pub async fn numbers(&self) -> Result<Vec<u64>, Error> {
        let list = self.place.objects().list(Some(&Path::from("passes")));
        let list: Vec<_> =
            list.try_collect().await.map_err(|source| failed(&self.place, "passes", source))?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json.gz")?.parse().ok();
        let mut numbers: Vec<u64> = list.iter().filter_map(|meta| number(&meta.location)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The checkpoint as it was last written; `None` when there is none that fits this state.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        match get::<Checkpoint>(&self.place, CHECKPOINT).await {
            Ok(checkpoint) => Ok(checkpoint.filter(|checkpoint| checkpoint.state == self.id)),
            // It is derived: one that is broken is made again.
            Err(Error::Content { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The checkpoint as it was last written, or one before the first stored pass.
    pub async fn begin(&self) -> Result<Checkpoint, Error> {
        if let Some(checkpoint) = self.checkpoint().await? {
            return Ok(checkpoint);
        }
        let first = self.numbers().await?.first().copied().unwrap_or(1);
        Ok(Checkpoint::new(&self.id, first.saturating_sub(1)))
    }

    /// The checkpoint, brought up to the last pass.
    pub async fn current(&self) -> Result<Checkpoint, Error> {
        let mut checkpoint = self.begin().await?;
        while let Some(pass) = self.pass(checkpoint.pass + 1).await? {
            checkpoint.add(&pass);
        }
        Ok(checkpoint)
    }
}
