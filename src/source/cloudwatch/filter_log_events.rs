//! Events of a slice, by FilterLogEvents: a page at a time, each event once.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use crate::aws;
use crate::aws::rate_limit::Limiter;
use crate::source::cloudwatch::slices::Slice;
use crate::source::cloudwatch::{Event, GroupReader};

/// How long behind the newest event an id is kept, in milliseconds: pages come in the order of time.
const KEPT_MS: i64 = 60_000;

/// How many ids are kept at most: those of some pages.
const IDS_MAX: usize = 100_000;

/// The way through the pages of a slice.
pub(super) struct FilterPages {
    reading: Arc<GroupReader>,
    limiter: Arc<Limiter>,
    slice: Slice,
    next: Option<String>,
    /// Hashes of the tokens so far: a token that comes back would lead round in a circle.
    tokens: HashSet<u64>,
    seen: RecentIds,
    ended: bool,
}

impl FilterPages {
    pub(super) fn new(reading: Arc<GroupReader>, limiter: Arc<Limiter>, slice: Slice) -> Self {
        let (tokens, seen) = (HashSet::new(), RecentIds::default());
        Self { reading, limiter, slice, next: None, tokens, seen, ended: false }
    }

    /// Returns the events of the next page, which may be none. NULL after the last page.
    ///
    /// # Errors
    ///
    /// What AWS says, and when it gives a token twice.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<Event>>, aws::Error> {
        if self.ended {
            return Ok(None);
        }
        self.limiter.wait().await;
        let group = &self.reading.group;
        let name = group.arn.is_none().then(|| group.name.clone());
        let call = self.reading.client.filter_log_events();
        let call = call
            .set_log_group_name(name)
            .set_log_group_identifier(group.arn.as_ref().map(|arn| arn.text.clone()))
            .set_log_stream_name_prefix(group.streams.clone())
            .start_time(self.slice.from.saturating_mul(1000))
            // Its end is included.
            .end_time(self.slice.to.saturating_mul(1000).saturating_sub(1))
            .set_next_token(self.next.take());
        let page = call.send().await.map_err(|error| aws::Error::of(&error))?;
        // An empty page is no end: only a page without a token is.
        match page.next_token {
            None => self.ended = true,
            Some(token) => {
                if !self.tokens.insert(hash(&token)) {
                    let message = "FilterLogEvents gave the same token for the next page twice";
                    return Err(aws::Error::new(aws::Kind::Other, message));
                }
                self.next = Some(token);
            }
        }
        let mut events = Vec::new();
        for event in page.events.unwrap_or_default() {
            let time_ms = event.timestamp.unwrap_or(self.slice.from.saturating_mul(1000));
            let is_new = |id: &String| self.seen.add(time_ms, id);
            if self.slice.holds(time_ms) && event.event_id.as_ref().is_none_or(is_new) {
                events.push(Event {
                    log_stream_name: event.log_stream_name,
                    event_id: event.event_id,
                    message: event.message.unwrap_or_default(),
                });
            }
        }
        Ok(Some(events))
    }
}

/// Ids of the newest events.
#[derive(Default)]
struct RecentIds {
    ids: HashSet<Arc<str>>,
    order: VecDeque<(i64, Arc<str>)>,
    newest_ms: i64,
}

impl RecentIds {
    /// Tells whether an event was not seen before, and remembers it.
    fn add(&mut self, time_ms: i64, id: &str) -> bool {
        if self.ids.contains(id) {
            return false;
        }
        self.newest_ms = self.newest_ms.max(time_ms);
        let id: Arc<str> = id.into();
        self.ids.insert(Arc::clone(&id));
        self.order.push_back((time_ms, id));
        let old = self.newest_ms.saturating_sub(KEPT_MS);
        while let Some((time_ms, id)) = self.order.front()
            && (*time_ms < old || self.order.len() > IDS_MAX)
        {
            self.ids.remove(id);
            self.order.pop_front();
        }
        true
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_once_and_ids_are_forgotten_behind_the_moving_time() {
        let mut seen = RecentIds::default();
        assert!(seen.add(1000, "a") && seen.add(1000, "b") && !seen.add(1000, "a"));
        assert!(seen.add(1001 + KEPT_MS, "c"));
        assert_eq!((seen.ids.len(), seen.order.len()), (1, 1));
        for n in 0..IDS_MAX + 10 {
            assert!(seen.add(2 * KEPT_MS, &n.to_string()));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (IDS_MAX, IDS_MAX));
    }
}
