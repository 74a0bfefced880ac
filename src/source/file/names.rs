//! Names of files as text, each file by one name and each name for one file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The argument that names standard input.
pub const STDIN: &str = "-";

/// Returns the name of a file as text, from which the path can be restored.
///
/// A path that is UTF-8 is unchanged. In others each byte that is not becomes `\xNN`, and each backslash two; so
/// does a path that reads as if that had been done.
pub(super) fn text(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if !has_escape(text) => text.to_owned(),
        _ => escaped(bytes),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text += &chunk.valid().replace('\\', "\\\\");
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    text
}

/// Returns whether `\xNN` is in a text.
fn has_escape(text: &str) -> bool {
    let parts = text.match_indices("\\x").map(|(at, found)| &text.as_bytes()[at + found.len()..]);
    let mut parts = parts.map(|rest| rest.get(..2));
    parts.any(|two| two.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)))
}

/// Returns the one name of a file, folder or glob, however it is spelled: absolute, without `..`, links and doubled
/// slashes. What is not there, such as a glob, is resolved as far as it is.
pub fn canonical(path: &str) -> std::io::Result<String> {
    if let Ok(found) = Path::new(path).canonicalize() {
        return Ok(text(&found));
    }
    let path = std::path::absolute(path)?;
    for above in path.ancestors().skip(1) {
        if let Ok(found) = above.canonicalize() {
            let rest = path.strip_prefix(above).map_or_else(|_| PathBuf::new(), Path::to_path_buf);
            return Ok(text(&found.join(rest)));
        }
    }
    Ok(text(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn names_that_differ_stay_different_as_text() {
        use std::os::unix::ffi::OsStrExt as _;
        let cases: [(&[u8], &str); 7] = [
            (b"a.log", "a.log"),
            ("\u{e4}\\b".as_bytes(), "\u{e4}\\b"),
            (b"a\xff", "a\\xff"),
            (b"a\xfe", "a\\xfe"),
            (b"a\\xff", "a\\\\xff"),
            (b"a\\\xff", "a\\\\\\xff"),
            (b"a\\\\xff", "a\\\\\\\\xff"),
        ];
        for (bytes, want) in cases {
            assert_eq!(text(Path::new(std::ffi::OsStr::from_bytes(bytes))), want);
        }
    }

    #[cfg(unix)]
    #[test]
    fn every_spelling_of_a_path_gives_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("link")).unwrap();
        let want = root.join("a/b").display().to_string();
        for spelling in ["a/b", "a//b/", "link/b", "a/./b", "a/b/../b", "link/../a/b"] {
            assert_eq!(
                canonical(&format!("{}/{spelling}", root.display())).unwrap(),
                want,
                "{spelling}"
            );
        }
        let glob = format!("{}/link/b/*.gz", root.display());
        assert_eq!(canonical(&glob).unwrap(), format!("{want}/*.gz"));
    }
}
