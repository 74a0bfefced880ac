//! `--malformed FILE`: the malformed lines of the input.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::args::Read;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::output::OutputFile;
use crate::engine::MalformedSink;
use crate::flow::MalformedLine;

/// `--malformed FILE`: every malformed line as a JSON object.
pub(crate) struct MalformedFile {
    file: OutputFile,
    writer: Arc<Mutex<Box<dyn std::io::Write + Send>>>,
}

impl MalformedFile {
    /// Opens the file of `--malformed`, if there is one.
    pub(crate) fn open(read: &Read) -> Result<Option<Self>, Failure> {
        read.malformed.as_deref().map(Self::create).transpose().or_exit(Exit::Output)
    }

    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OutputFile::create(path)?;
        let writer = Arc::new(Mutex::new(file.writer()?));
        Ok(Self { file, writer })
    }

    pub(crate) fn sink(&self) -> Arc<MalformedSink> {
        let writer = Arc::clone(&self.writer);
        Arc::new(move |line: &MalformedLine| {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            serde_json::to_writer(&mut *writer, line)?;
            writer.write_all(b"\n")
        })
    }

    pub(crate) fn publish(self) -> anyhow::Result<()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).flush()?;
        self.file.publish()
    }
}
