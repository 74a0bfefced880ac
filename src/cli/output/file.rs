//! `--output FILE`: a file that is written completely or not at all.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tempfile::NamedTempFile;

/// An output file that gets its name only when all of it is written.
///
/// Dropped before [`OutputFile::publish`], it leaves nothing behind and an older file untouched.
pub struct OutputFile {
    path: PathBuf,
    /// `None`: the path is a device or a pipe, which is written as it stands.
    temp: Option<NamedTempFile>,
}

impl OutputFile {
    /// Makes a temporary file in the folder of `path`.
    pub fn create(path: &Path) -> Result<Self> {
        // What a link points to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let shown = path.display();
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => bail!("output {shown} is a folder; name a file"),
            Ok(meta) if !meta.is_file() => return Ok(Self { path, temp: None }),
            _ => {}
        }
        if path.file_name().is_none() {
            bail!("output {shown} is not the name of a file");
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            bail!("output {shown}: there is no folder {}", folder.display());
        }
        let temp = builder()
            .tempfile_in(folder)
            .with_context(|| format!("writing to folder {} of output {shown}", folder.display()))?;
        Ok(Self { path, temp: Some(temp) })
    }

    /// Returns a buffered writer to it, for [`crate::cli::output::Writer::new`].
    pub fn writer(&self) -> Result<Box<dyn Write + Send>> {
        let file = match &self.temp {
            Some(temp) => temp.as_file().try_clone(),
            None => OpenOptions::new().write(true).open(&self.path),
        };
        let file = file.with_context(|| format!("opening output {}", self.path.display()))?;
        Ok(Box::new(BufWriter::new(file)))
    }

    /// Gives the file its name. Call it after the writer has finished.
    pub fn publish(self) -> Result<()> {
        let Some(temp) = self.temp else { return Ok(()) };
        let context = || format!("writing output {}", self.path.display());
        temp.as_file().sync_all().with_context(context)?;
        temp.persist(&self.path).map_err(|err| err.error).with_context(context)?;
        Ok(())
    }
}

/// Temporary files are private by default; a result gets the rights that any new file gets.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".flowq-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}
