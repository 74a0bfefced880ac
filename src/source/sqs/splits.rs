//! Makes splits of what messages tell of, and knows which message told of which.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::aws::sqs::Message;
use crate::source::sqs::notification::{Content, Created, Events};
use crate::source::{Listing, Split};
use crate::time::Window;

/// A message of ours.
#[derive(Debug)]
pub(super) struct QueueMessage {
    pub(super) message_id: String,
    pub(super) handle: String,
    pub(super) receives: u64,
    /// Its objects: those in the window are read. None: it told that notifications were set up.
    pub(super) splits: Vec<String>,
    /// Whether all that its objects hold lies in the window.
    pub(super) whole: bool,
    /// Whether any of them is read.
    pub(super) read: bool,
}

/// Messages, told apart.
#[derive(Debug, Default)]
pub(super) struct SplitMap {
    /// Those that are ours, by their ids.
    pub(super) letters: Vec<QueueMessage>,
    /// Their objects.
    pub(super) listing: Listing,
    /// Events of created objects that cannot be understood, as splits of the listing: why they cannot be, by id.
    pub(super) unclear: BTreeMap<String, String>,
    /// How many are not ours, by what they are.
    pub(super) others: BTreeMap<String, u64>,
    /// Those of which nothing is read.
    pub(super) release: Vec<Message>,
}

impl SplitMap {
    /// Sorts what was received, by the ids of the messages.
    pub(super) fn new(received: BTreeMap<String, (Message, Content)>, window: &Window) -> Self {
        let mut sorted = Self::default();
        let mut splits: BTreeMap<String, Split> = BTreeMap::new();
        let mut pruned = BTreeSet::new();
        for (message_id, (message, content)) in received {
            let events = match content {
                Content::Other(reason) => {
                    *sorted.others.entry(reason).or_default() += 1;
                    sorted.release.push(message);
                    continue;
                }
                Content::Test => Events::default(),
                Content::Created(events) => events,
            };
            let mut found: Vec<Split> = events.created.into_iter().map(split).collect();
            for (at, reason) in (1..).zip(events.unclear) {
                // As an object that cannot be read: it is named, and its message stays.
                let id = event_id(at, &message_id);
                found.push(Split::new(id.clone(), None));
                sorted.unclear.insert(id, reason);
            }
            let letter = QueueMessage {
                message_id,
                handle: message.handle.clone(),
                receives: message.receives,
                splits: found.iter().map(|split| split.id.clone()).collect(),
                whole: found.iter().all(|split| split.name.lies_within(window)),
                read: found.iter().any(|split| split.name.may_hold(window)),
            };
            if !letter.read && !letter.splits.is_empty() {
                sorted.release.push(message);
            }
            sorted.letters.push(letter);
            for split in found {
                if split.name.may_hold(window) {
                    add(&mut splits, split);
                } else {
                    pruned.insert(split.id);
                }
            }
        }
        sorted.listing.splits = splits.into_values().collect();
        sorted.listing.pruned_files = pruned.len() as u64;
        sorted
    }
}

/// How the id of an event that is not understood begins.
const EVENT: &str = "event ";

/// Names an event that is not understood, as a split.
fn event_id(at: usize, message_id: &str) -> String {
    format!("{EVENT}{at} that is not understood of message {message_id}")
}

/// Tells whether a split is no object but an event of a queue that is not understood.
pub fn is_event(id: &str) -> bool {
    let number = id.strip_prefix(EVENT).and_then(|rest| rest.split(' ').next());
    number.is_some_and(|number| id.starts_with(&event_id(number.parse().unwrap_or(0), "")))
}

fn split(created: Created) -> Split {
    let etag = created.etag.map(|etag| format!("\"{etag}\""));
    Split { etag, ..Split::new(created.at.to_string(), created.size_bytes) }
}

fn add(splits: &mut BTreeMap<String, Split>, split: Split) {
    match splits.entry(split.id.clone()) {
        Entry::Vacant(entry) => drop(entry.insert(split)),
        // Two versions of one object: what is there now is the newer.
        Entry::Occupied(mut entry) if entry.get().etag != split.etag => {
            (entry.get_mut().etag, entry.get_mut().size_bytes) = (None, None);
        }
        Entry::Occupied(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::s3::Location;

    fn created(key: &str, etag: &str) -> Created {
        Created { at: Location::new("b", key), size_bytes: Some(7), etag: Some(etag.into()) }
    }

    fn content(created: Vec<Created>) -> Content {
        Content::Created(Events { created, unclear: Vec::new() })
    }

    fn sort(contents: Vec<Content>, window: &Window) -> SplitMap {
        let message = |(at, content): (usize, Content)| {
            let id = format!("m{at}");
            let handle = format!("h{at}");
            (id.clone(), (Message { id, handle, body: String::new(), receives: 1 }, content))
        };
        SplitMap::new(contents.into_iter().enumerate().map(message).collect(), window)
    }

    #[test]
    fn an_object_is_one_split_whoever_tells_of_it() {
        let (a, b, newer) = (created("a", "1"), created("b", "1"), created("b", "2"));
        let contents = vec![
            content(vec![a.clone(), b.clone(), a.clone()]),
            content(vec![a]),
            content(vec![newer]),
            content(vec![b]),
        ];
        let sorted = sort(contents, &Window::default());
        let splits: Vec<(&str, Option<&str>, Option<u64>)> = sorted
            .listing
            .splits
            .iter()
            .map(|split| (split.id.as_str(), split.etag.as_deref(), split.size_bytes))
            .collect();
        assert_eq!(splits, [("s3://b/a", Some("\"1\""), Some(7)), ("s3://b/b", None, None)]);
        assert_eq!(sorted.letters.len(), 4);
        assert!(sorted.letters.iter().all(|letter| letter.whole && letter.read));
        assert!(sorted.release.is_empty());
    }

    #[test]
    fn an_event_that_is_not_understood_is_a_split_of_its_message() {
        let events = Events { created: vec![created("a", "1")], unclear: vec!["no key".into()] };
        let sorted = sort(vec![Content::Created(events)], &Window::default());
        let id = "event 1 that is not understood of message m0";
        assert!(is_event(id) && !is_event("event 1") && !is_event("s3://b/event 1"));
        assert_eq!(sorted.letters[0].splits, ["s3://b/a", id]);
        assert_eq!(sorted.unclear, BTreeMap::from([(id.to_owned(), "no key".to_owned())]));
        assert_eq!(sorted.listing.splits.len(), 2);
    }

    #[test]
    fn what_is_not_read_is_given_back() {
        let file = |time: &str| {
            let name = format!("123456789012_vpcflowlogs_us-east-1_fl-1_20260310T{time}Z_f.log.gz");
            created(&name, "1")
        };
        let contents = vec![
            Content::Other("not JSON".into()),
            Content::Test,
            content(vec![file("0100")]),
            content(vec![file("0100"), file("1030")]),
            content(vec![file("1030")]),
            content(vec![created("unnamed", "1")]),
            Content::Other("not JSON".into()),
        ];
        // 10:00 to 11:00.
        let window = Window::new(Some(1_773_136_800), Some(1_773_140_400));
        let sorted = sort(contents, &window);
        let released: Vec<&str> = sorted.release.iter().map(|m| m.id.as_str()).collect();
        assert_eq!(released, ["m0", "m2", "m6"]);
        assert_eq!(sorted.others, BTreeMap::from([("not JSON".to_owned(), 2)]));
        let letters: Vec<(&str, bool, bool)> =
            sorted.letters.iter().map(|l| (l.message_id.as_str(), l.whole, l.read)).collect();
        let want = [
            ("m1", true, false),
            ("m2", false, false),
            ("m3", false, true),
            ("m4", true, true),
            ("m5", false, true),
        ];
        assert_eq!(letters, want);
        assert_eq!((sorted.listing.splits.len(), sorted.listing.pruned_files), (2, 1));
    }
}
