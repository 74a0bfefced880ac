//! Globs, matched while walking, so that folders of another time are not even listed.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::source::Error;

/// A glob below the folder that its plain part names. A folder that it matches is read to the bottom.
pub(super) struct Glob {
    /// One pattern for each level, up to `**`.
    levels: Vec<Pattern>,
    /// The whole pattern where it has a `**`.
    whole: Option<Pattern>,
    /// Whether it has no plain part, and starts in the working directory.
    pub(super) here: bool,
}

impl Glob {
    /// Returns the folder to walk and the pattern below it.
    pub(super) fn parse(text: &str) -> Result<(PathBuf, Self), Error> {
        let failed = |source| Error::Glob { id: text.to_owned(), source };
        let first = text.find(['*', '?', '[']).unwrap_or(text.len());
        let (root, rest) = match text[..first].rfind('/') {
            Some(0) => ("/", &text[1..]),
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (".", text),
        };
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let all = Pattern::new(&parts.join("/")).map_err(failed)?;
        let levels = parts.iter().take_while(|part| **part != "**").map(|part| Pattern::new(part));
        let levels = levels.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let whole = (levels.len() < parts.len()).then_some(all);
        Ok((PathBuf::from(root), Self { levels, whole, here: !text[..first].contains('/') }))
    }

    /// Returns whether something so deep below the root may match, or contain what matches.
    pub(super) fn admits(&self, depth: usize, name: &str) -> bool {
        self.level(depth).is_none_or(|level| level.matches(name))
    }

    /// Returns whether the glob spells out what hides a name: `.*`, `_SUCCESS`.
    pub(super) fn names_hidden(&self, depth: usize, name: &str) -> bool {
        self.level(depth).is_some_and(|level| level.as_str().chars().next() == name.chars().next())
    }

    /// Returns whether the glob spells out the ending of a name: `*.tmp`.
    pub(super) fn names_ending(&self, depth: usize, name: &str) -> bool {
        let ending = |text: &str| text.rsplit_once('.').map(|(_, ending)| ending.to_owned());
        self.level(depth).is_some_and(|level| {
            let of_glob = ending(level.as_str());
            of_glob.is_some() && of_glob == ending(name)
        })
    }

    /// Returns whether a path below the root, or a folder it is in, matches.
    pub(super) fn matches(&self, below: &Path) -> bool {
        let Some(whole) = &self.whole else {
            return below.components().count() >= self.levels.len();
        };
        let mut options = MatchOptions::new();
        options.require_literal_separator = true;
        let mut folders = below.ancestors().filter(|path| !path.as_os_str().is_empty());
        folders.any(|path| whole.matches_path_with(path, options))
    }

    fn level(&self, depth: usize) -> Option<&Pattern> {
        self.levels.get(depth.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(glob: &str, below: &str) -> bool {
        let (_, glob) = Glob::parse(glob).unwrap();
        let mut names = below.split('/').enumerate();
        names.all(|(at, name)| glob.admits(at + 1, name)) && glob.matches(Path::new(below))
    }

    #[test]
    fn globs_start_at_their_plain_part() {
        let root = |text| {
            let (root, glob) = Glob::parse(text).unwrap();
            (root.to_string_lossy().into_owned(), glob.here)
        };
        assert_eq!(root("*.log"), (".".to_owned(), true));
        assert_eq!(root("./*.log"), (".".to_owned(), false));
        assert_eq!(root("/*.log"), ("/".to_owned(), false));
        assert_eq!(root("/var/log/a*/b"), ("/var/log".to_owned(), false));
        assert_eq!(root("logs/**/x"), ("logs".to_owned(), false));
    }

    #[test]
    fn globs_match_files_and_all_below_a_folder() {
        let cases = [
            ("*.log", "a.log", true),
            ("*.log", "b/a.log", false),
            ("*/", "b/c/a.log", true),
            ("*", "a.log", true),
            ("b*/c", "b1/c/x", true),
            ("b*/c", "b1", false),
            ("b*/c", "b1/d", false),
            ("b*/**/*.gz", "b1/c/d/x.gz", true),
            ("b*/**/*.gz", "c/x.gz", false),
            ("**/*.gz", "x.gz", true),
            ("**/*.gz", "x.log", false),
            ("**", "a/b/c", true),
            ("**/2026/03", "a/2026/03/10/x", true),
        ];
        for (glob, below, want) in cases {
            assert_eq!(matched(glob, below), want, "{glob} {below}");
        }
    }
}
