//! Which folders and objects of a bucket are selected, by their names alone.

use crate::source::ObjectName;
use crate::source::file::is_hidden;
use crate::source::object_name::ObjectSeries;
use crate::time::Window;

/// Comes after every name that begins with what is before it.
const LAST: char = char::MAX;

/// A folder that lasts longer than this (a day, a month, a year) may have folders of hours in it.
const HOUR_SECS: i64 = 3600;

/// What is selected below a prefix.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What the user named, up to and with the last `/`: names before it are not judged.
    root: String,
    window: Window,
}

/// Why a folder or an object is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pruned {
    /// It is outside of the window.
    OutsideWindow,
    /// It is hidden, a marker, or belongs to another service of AWS.
    Skipped,
    /// It marks a folder, and is empty.
    Folder,
}

/// How to find what is below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Folder by folder: AWS has it divided into accounts, regions and times.
    Descend,
    /// Folder by folder as long as there are few: AWS's folders may come further below.
    Search,
    /// All keys in their order.
    Flat,
}

impl Plan {
    pub(super) fn new(prefix: &str, window: &Window) -> Self {
        let root = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
        Self { root: root.to_owned(), window: *window }
    }

    /// Returns why nothing in a folder is selected. The folders around it are taken as selected.
    pub(super) fn folder(&self, folder: &str) -> Option<Pruned> {
        let below = folder.strip_prefix(&self.root).filter(|below| !below.is_empty())?;
        let name = below.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if is_hidden(name) || is_of_other_service(folder) {
            return Some(Pruned::Skipped);
        }
        (!ObjectName::parse(folder).may_hold(&self.window)).then_some(Pruned::OutsideWindow)
    }

    /// Returns why nothing in the outermost unselected folder around a key is selected, and which folder it is.
    pub(super) fn folders<'a>(&self, key: &'a str) -> Option<(&'a str, Pruned)> {
        let ends = key.match_indices('/').map(|(at, _)| &key[..=at]);
        ends.filter(|folder| folder.len() > self.root.len())
            .find_map(|folder| Some((folder, self.folder(folder)?)))
    }

    /// Returns why an object in a selected folder is not selected.
    pub(super) fn object(&self, key: &str) -> Option<Pruned> {
        let name = key.rsplit('/').next().unwrap_or_default();
        if name.is_empty() {
            return Some(Pruned::Folder);
        }
        if is_hidden(name) {
            return Some(Pruned::Skipped);
        }
        self.is_pruned(key).then_some(Pruned::OutsideWindow)
    }

    /// Returns whether an object's name puts it outside of the window.
    pub(super) fn is_pruned(&self, key: &str) -> bool {
        let name = key.rsplit('/').next().unwrap_or_default();
        let parsed_name = ObjectName::parse(key);
        // What a file is called besides does not change where it sorts.
        let stamped = ObjectSeries::parse(name).map(|series| series.ends());
        !ObjectName { ends: stamped.or(parsed_name.ends), ..parsed_name }.may_hold(&self.window)
    }

    /// Returns where listing can go on after a key that is not selected, past others like it.
    pub(super) fn jump(&self, key: &str) -> Option<String> {
        if let Some((folder, _)) = self.folders(key) {
            return Some(format!("{folder}{LAST}"));
        }
        let name = key.rsplit('/').next().unwrap_or_default();
        let series = ObjectSeries::parse(name)
            .filter(|_| self.object(key) == Some(Pruned::OutsideWindow))?;
        let folder = &key[..key.len() - name.len()];
        let first = ObjectSeries::first_time(&self.window);
        let first = first.map(|time| format!("{folder}{}{time}", series.prefix));
        // Before the window begins, or after it has ended.
        let first = first.filter(|first| first.as_str() > key);
        Some(first.unwrap_or_else(|| format!("{folder}{}{LAST}", series.prefix)))
    }

    /// Returns how to find what is below a selected folder, or below the beginning of names.
    pub(super) fn step(&self, prefix: &str) -> Step {
        let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
        if let Some(at) = parts.iter().position(|part| is_flow_logs(part)) {
            let bounded = self.window.since.is_some() || self.window.until.is_some();
            return match (parts.len() - at, ObjectName::parse(prefix).ends) {
                (1, _) => Step::Descend,
                (2, _) if bounded => Step::Descend,
                (_, Some((first, last))) if bounded && last - first > HOUR_SECS => Step::Descend,
                _ => Step::Flat,
            };
        }
        let aws = parts.iter().position(|part| *part == "AWSLogs");
        match (aws, parts.last()) {
            (Some(at), Some(last)) if at + 1 == parts.len() || is_account(last) => Step::Descend,
            _ => Step::Search,
        }
    }
}

fn is_flow_logs(part: &str) -> bool {
    part.strip_prefix("aws-service=").unwrap_or(part) == "vpcflowlogs"
}

fn is_account(part: &str) -> bool {
    let id = part.strip_prefix("aws-account-id=").unwrap_or(part);
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())
}

/// Returns whether a folder is of CloudTrail, of a load balancer …: `AWSLogs/[<organization>/]<account>/<service>/`.
fn is_of_other_service(folder: &str) -> bool {
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let [above @ .., account, service] = parts.as_slice() else { return false };
    is_account(account)
        && above.contains(&"AWSLogs")
        && !above.iter().any(|part| is_flow_logs(part))
        && !is_flow_logs(service)
}
