//! Objects of a state: JSON, compressed where the name ends in `.gz`.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::error::Error;
use crate::storage::Storage;

/// The name of the checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint.json.gz";

/// The name of the record of a pass.
pub(super) fn name_of(number: u64) -> String {
    format!("passes/{number:010}.json.gz")
}

pub(super) fn failed(place: &Storage, name: &str, source: object_store::Error) -> Error {
    Error::Object { place: place.to_string(), name: name.to_owned(), source }
}

/// Reads an object; `None` when it is not there.
pub(super) async fn get<T: DeserializeOwned>(
    place: &Storage,
    name: &str,
) -> Result<Option<T>, Error> {
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
pub(super) async fn put<T: Serialize>(
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
