//! Files and folders to facts: compression, kinds of file, and every place that did not fit.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde_json::{Deserializer, Value};
use walkdir::WalkDir;

use crate::flow::utf16;
use crate::inventory::documents::Reader;
use crate::inventory::error::{Error, Warning};
use crate::inventory::fact::Facts;
use crate::inventory::model::Inventory;
use crate::inventory::{merge, parquet};

/// The largest file, decompressed: 512 MiB. A trail file has at most some 50 MB.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// How the name of a file begins that a collector has not finished.
pub(super) const UNFINISHED: &str = ".flowq-";

/// The most complaints of one file that are listed.
const COMPLAINTS_MAX: usize = 20;

impl Inventory {
    /// Reads files and folders and returns their inventory, with the job of every interface.
    ///
    /// A file is JSON (one document, lines, or several on end), CSV of a mapping, or Parquet of
    /// [`import`](crate::inventory::import()), plain or gzip; detected by its content. What is not
    /// understood is a warning, never dropped silently.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] when a path does not exist or cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<(Self, Vec<Warning>), Error> {
        let (facts, warnings) = read_facts(paths)?;
        Ok((merge::inventory(&facts), warnings))
    }
}

/// Reads the facts of files and folders.
pub(super) fn read_facts(paths: &[PathBuf]) -> Result<(Facts, Vec<Warning>), Error> {
    let (mut facts, mut warnings) = (Facts::new(), Vec::new());
    for root in paths {
        for entry in WalkDir::new(root).follow_links(true).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(err) => {
                    warnings.extend(unwalked(err, root)?);
                    continue;
                }
            };
            let hidden = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            if hidden || entry.file_type().is_dir() {
                continue;
            }
            let is_named = entry.depth() == 0;
            if entry.file_type().is_file() || is_named {
                let mut reader = Reader::default();
                match read_file(entry.path(), &mut reader) {
                    // What the user named must be there; of a folder, the rest is read.
                    Err(Error::Read { path, source }) if !is_named => {
                        warnings.push(Warning::unread(&path, format!("not read: {source}")));
                    }
                    read => read?,
                }
                facts.append(&mut reader.facts);
                keep(entry.path(), reader.complaints, &mut warnings);
            } else {
                // Opening a FIFO would wait for a writer.
                warnings
                    .push(Warning::unread(entry.path(), "not read: it is not a file".to_owned()));
            }
        }
    }
    Ok((facts, warnings))
}

/// Returns what a walk could not go into; an error where it is what the user named. A link back to a folder that
/// contains it is no warning: the folder is read where it is.
fn unwalked(err: walkdir::Error, root: &Path) -> Result<Option<Warning>, Error> {
    let path = err.path().unwrap_or(root).to_path_buf();
    if err.depth() == 0 {
        return Err(Error::Read { path, source: err.into() });
    }
    if err.loop_ancestor().is_some() {
        return Ok(None);
    }
    let source = err.into_io_error();
    let source = source.map_or_else(|| "it cannot be read".to_owned(), |err| err.to_string());
    Ok(Some(Warning::unread(&path, format!("not read: {source}"))))
}

/// Adds the first complaints of a file, and the number of the others.
pub(super) fn keep(path: &Path, mut complaints: Vec<String>, warnings: &mut Vec<Warning>) {
    let more = complaints.len().saturating_sub(COMPLAINTS_MAX);
    complaints.truncate(COMPLAINTS_MAX);
    if more > 0 {
        complaints.push(format!("{more} more places of this file do not fit"));
    }
    let path = path.to_path_buf();
    let warning = |message| Warning { path: path.clone(), message, is_unread: false };
    warnings.extend(complaints.into_iter().map(warning));
}

fn read_file(path: &Path, reader: &mut Reader) -> Result<(), Error> {
    let error = |source| Error::Read { path: path.to_path_buf(), source };
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(4).read_to_end(&mut head)).map_err(error)?;
    let file = File::open(path).map_err(error)?;
    if head == b"PAR1" {
        let has_facts = || path.with_file_name(format!("{}.parquet", parquet::FACTS)).exists();
        parquet::read(file, has_facts, reader);
        return Ok(());
    }
    take_stored(&head, file, reader).map_err(error)
}

/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Decompresses gzip, within the limit of a file. What was decoded before a cut still counts.
fn unpack(stored: impl io::Read, bytes: &mut Vec<u8>, reader: &mut Reader) {
    let read = MultiGzDecoder::new(stored).take(FILE_BYTES_MAX + 1).read_to_end(bytes);
    if let Err(err) = read {
        let length = bytes.len();
        reader.complaints.push(format!("broken gzip after {length} decompressed bytes: {err}"));
    }
}

/// Takes a file as it is stored, plain or gzip, Parquet apart. `head` is how it begins.
fn take_stored(head: &[u8], file: impl io::Read, reader: &mut Reader) -> io::Result<()> {
    let mut bytes = Vec::new();
    if head.starts_with(&GZIP) {
        unpack(file, &mut bytes, reader);
        // A tool compresses again what was compressed.
        if bytes.starts_with(&GZIP) {
            let once = std::mem::take(&mut bytes);
            unpack(&*once, &mut bytes, reader);
        }
    } else {
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        reader.complaints.push(format!("not read: it is larger than {FILE_BYTES_MAX} bytes"));
    } else {
        take_text(&bytes, reader);
    }
    Ok(())
}

/// Takes the bytes of an object of a folder in S3. `has_facts` as for [`parquet::read`].
pub(super) fn take_object(bytes: &Bytes, has_facts: bool, reader: &mut Reader) {
    let head = bytes.get(..4).unwrap_or_default();
    if head == b"PAR1" {
        parquet::read(bytes.clone(), || has_facts, reader);
    } else if let Err(err) = take_stored(head, bytes.as_ref(), reader) {
        reader.complaints.push(err.to_string());
    }
}

/// Takes the text of one file: JSON when it begins as an object or array, else CSV.
pub(super) fn take_text(bytes: &[u8], reader: &mut Reader) {
    let utf8 = utf16::utf8(bytes);
    let bytes = utf8.as_deref().unwrap_or(bytes);
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if text.is_empty() {
        reader.complaints.push("empty".into());
    } else if text.starts_with(b"{") || text.starts_with(b"[") {
        take_json(text, reader);
    } else if !reader.take_csv(text) {
        let line: String = String::from_utf8_lossy(text).lines().next().unwrap_or("").into();
        let line: String = line.chars().take(60).collect();
        let hint = "a mapping begins with the line interface,job,from,to";
        reader.complaints.push(format!("not recognised: line 1 is {line:?}; hint: {hint}"));
    }
}

/// Takes JSON values on end. After a broken one it goes on at the next line that begins a value.
fn take_json(text: &[u8], reader: &mut Reader) {
    let mut offset = 0;
    while offset < text.len() {
        let mut values = Deserializer::from_slice(&text[offset..]).into_iter::<Value>();
        let failed = loop {
            match values.next() {
                Some(Ok(value)) => reader.read_document(value),
                Some(Err(err)) => break Some(err),
                None => break None,
            }
        };
        let Some(err) = failed else { return };
        // The error counts lines from where this round began, not from the last whole value.
        let line = newlines(&text[..offset]) + err.line();
        let at = format!("line {line} column {}", err.column());
        let cause = err.to_string();
        let cause = cause.split(" at line ").next().unwrap_or(&cause);
        reader.complaints.push(format!("broken JSON at {at}: {cause}"));
        let start = offset + values.byte_offset();
        offset = text[start..]
            .windows(2)
            .position(|pair| pair[0] == b'\n' && matches!(pair[1], b'{' | b'['))
            .map_or(text.len(), |newline| start + newline + 1);
    }
}

fn newlines(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}
