//! What a loss of power left broken, from versions and file systems where a name can be there before its content.

use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode};

use crate::state::checkpoint::Checkpoint;
use crate::state::error::Error;
use crate::state::objects::{CHECKPOINT, failed, get, name_of, put};
use crate::state::reader::{Identity, Reader};
use crate::state::writer::State;
use crate::storage::Storage;

impl Reader {
    /// Writes the identity again where a loss of power left it broken: the one of the checkpoint, or a new
    /// one where nothing was published under the old one.
    pub(super) async fn mend(place: &Storage, new: Identity, error: Error) -> Result<(), Error> {
        let reader = Self { place: place.clone(), id: String::new() };
        let known = get::<Checkpoint>(place, CHECKPOINT).await.ok().flatten();
        let identity = match known {
            Some(checkpoint) => Identity { id: checkpoint.state, ..new },
            None if reader.numbers().await?.is_empty() => new,
            None => return Err(error),
        };
        put(place, "state.json", &identity, PutMode::Overwrite).await.map(drop)
    }
}

impl State {
    /// Sets the record of a pass aside that is broken and the last: a loss of power came before it counted.
    /// Returns `false` where it is not the last.
    pub async fn set_aside(&self, number: u64) -> Result<bool, Error> {
        if self.reader.numbers().await?.last() != Some(&number) {
            return Ok(false);
        }
        let (place, name) = (&self.reader.place, name_of(number));
        let (from, to) = (Path::from(name.as_str()), Path::from(format!("{name}.broken")));
        let moved = place.objects().rename(&from, &to).await;
        moved.map_err(|source| failed(place, &name, source))?;
        Ok(true)
    }
}
