//! What is known of an object under another name: a file that was renamed, that has several names, or that an
//! earlier version of flowq knew by a path with links or `..` in it.

use std::collections::HashMap;

use crate::source::Split;
use crate::source::file::canonical;
use crate::state::Known;

/// The known files by what does not change with their name.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// Name and version.
    by_inode: HashMap<&'a str, (&'a str, &'a str)>,
    /// Those whose inode is not known, by version.
    by_etag: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Names<'a> {
    /// Takes in what is known.
    pub(super) fn new(known: impl Iterator<Item = (&'a String, &'a Known)>) -> Self {
        let mut names = Self::default();
        for (id, known) in known.filter(|(id, _)| !id.contains("://")) {
            match (&known.etag, &known.inode) {
                (Some(etag), Some(inode)) => {
                    drop(names.by_inode.insert(inode.as_str(), (id.as_str(), etag.as_str())))
                }
                (Some(etag), None) => names.by_etag.entry(etag).or_default().push(id),
                (None, _) => {}
            }
        }
        names
    }

    /// Returns the name by which the same file was read. NULL: it was not.
    pub(super) fn other(&self, split: &Split) -> Option<&'a str> {
        let (inode, etag) = (split.inode.as_deref()?, split.etag.as_deref()?);
        // Without the time of its birth, another file may have got the inode of one that was deleted.
        let is_lasting = inode.matches(':').count() == 2;
        if let Some((id, known)) = self.by_inode.get(inode)
            && (is_lasting || *known == etag)
        {
            return Some(id);
        }
        let is_same = |id: &&&str| canonical(id).is_ok_and(|name| name == split.id);
        self.by_etag.get(etag)?.iter().find(is_same).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(etag: &str, inode: Option<&str>) -> Known {
        Known { etag: Some(etag.to_owned()), inode: inode.map(str::to_owned), ..Known::default() }
    }

    fn split(id: &str, etag: &str, inode: &str) -> Split {
        let (etag, inode) = (Some(etag.to_owned()), Some(inode.to_owned()));
        Split { etag, inode, ..Split::new(id, Some(1)) }
    }

    #[test]
    fn a_file_is_known_under_another_name() {
        let all = [
            ("/a".to_owned(), known("1", Some("8:1"))),
            ("/c".to_owned(), known("1", Some("8:3:77"))),
        ];
        let names = Names::new(all.iter().map(|(id, known)| (id, known)));
        assert_eq!(names.other(&split("/b", "1", "8:1")), Some("/a"));
        assert_eq!(names.other(&split("/b", "2", "8:1")), None);
        assert_eq!(names.other(&split("/b", "1", "8:2")), None);
        // It grew before it was renamed.
        assert_eq!(names.other(&split("/d", "2", "8:3:77")), Some("/c"));
        assert_eq!(names.other(&split("/d", "1", "8:3:78")), None);
    }

    #[test]
    fn a_path_of_an_earlier_version_is_resolved() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("cwd")).unwrap();
        std::fs::write(root.join("a.log"), b"x").unwrap();
        let old = format!("{}/cwd/../a.log", root.display());
        let all = [(old.clone(), known("1", None))];
        let names = Names::new(all.iter().map(|(id, known)| (id, known)));
        let new = format!("{}/a.log", root.display());
        assert_eq!(names.other(&split(&new, "1", "8:1")), Some(old.as_str()));
    }
}
