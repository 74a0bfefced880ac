//! What is known of an object under another name: a file that was renamed, that has several names, or that an
//! earlier version of flowq knew by a path with links or `..` in it; an object of S3 read through an access point.

use std::collections::HashMap;

use crate::source::Split;
use crate::source::file::canonical;
use crate::state::ObjectState;

/// The known files by what does not change with their name.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// Name and version.
    by_inode: HashMap<&'a str, (&'a str, &'a str)>,
    /// Those whose inode is not known, by version.
    by_etag: HashMap<&'a str, Vec<&'a str>>,
    /// Objects of S3 that were read to their end, by key and version.
    by_key: HashMap<(&'a str, &'a str), &'a str>,
}

/// How the aliases of access points end: they stand where the name of a bucket does.
const ALIASES: &[&str] = &["-s3alias", "--op-s3", "--ol-s3"];

/// Returns bucket and key.
fn of_s3(id: &str) -> Option<(&str, &str)> {
    id.strip_prefix("s3://")?.split_once('/')
}

fn is_alias(bucket: &str) -> bool {
    ALIASES.iter().any(|ending| bucket.ends_with(ending))
}

/// Returns whether an object may be known by another name.
pub(super) fn may_have_others(split: &Split) -> bool {
    split.inode.is_some() || of_s3(&split.id).is_some()
}

impl<'a> Names<'a> {
    /// Takes in what is known.
    pub(super) fn new(known: impl Iterator<Item = (&'a String, &'a ObjectState)>) -> Self {
        let mut names = Self::default();
        for (id, known) in known {
            if let (Some((_, key)), Some(etag), None) = (of_s3(id), &known.etag, &known.failed) {
                names.by_key.insert((key, etag.as_str()), id);
            }
            match (&known.etag, &known.inode) {
                _ if id.contains("://") => {}
                (Some(etag), Some(inode)) => {
                    names.by_inode.insert(inode.as_str(), (id.as_str(), etag.as_str()));
                }
                (Some(etag), None) => names.by_etag.entry(etag).or_default().push(id),
                (None, _) => {}
            }
        }
        names
    }

    /// Returns the name by which the same file was read. `None`: it was not.
    pub(super) fn other(&self, split: &Split) -> Option<&'a str> {
        if let (Some((bucket, key)), Some(etag)) = (of_s3(&split.id), split.etag.as_deref()) {
            let id = *self.by_key.get(&(key, etag))?;
            let (other, _) = of_s3(id)?;
            return (other != bucket && (is_alias(bucket) || is_alias(other))).then_some(id);
        }
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

    fn known(etag: &str, inode: Option<&str>) -> ObjectState {
        ObjectState {
            etag: Some(etag.to_owned()),
            inode: inode.map(str::to_owned),
            ..ObjectState::default()
        }
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

    #[test]
    fn an_alias_of_an_access_point_is_its_bucket_and_another_bucket_is_not() {
        let all = [("s3://logs/k".to_owned(), known("1", None))];
        let names = Names::new(all.iter().map(|(id, known)| (id, known)));
        let s3 =
            |id: &str, etag: &str| Split { etag: Some(etag.to_owned()), ..Split::new(id, Some(1)) };
        let alias = "s3://point-x1y2z3-s3alias/k";
        assert_eq!(names.other(&s3(alias, "1")), Some("s3://logs/k"));
        assert_eq!(names.other(&s3(alias, "2")), None);
        assert_eq!(names.other(&s3("s3://copy/k", "1")), None);
        assert_eq!(names.other(&s3("s3://logs/k", "1")), None);
    }
}
