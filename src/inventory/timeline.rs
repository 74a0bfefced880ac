//! Sightings of one interface to the intervals of its life.
//!
//! An interface id is never used again, so an interface has one life. It begins and ends where the best
//! source states; inside it a new interval begins where its addresses or security groups changed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::inventory::fact::{Details, Event, Fact, Facts, Sighting, Source};
use crate::inventory::interface_owner;
use crate::inventory::interface_owner::Owners;
use crate::inventory::model::Eni;

/// An account and a region.
type SubnetAndVpc<'a> = (Option<&'a str>, Option<&'a str>);

/// When whole listings of interfaces were taken, and of which VPCs.
///
/// A listing may be filtered, so it is complete only for a VPC of which it lists at least one interface.
#[derive(Debug, Default)]
pub(super) struct Listings {
    /// Times of whole listings of a VPC.
    whole: BTreeMap<String, BTreeSet<i64>>,
    /// Time of a page to the time of the listing it is part of.
    times: BTreeMap<(Option<String>, Option<String>, i64), i64>,
}

impl Listings {
    /// Puts pages together: a page with a next token, and the next of that account and region.
    pub(super) fn new(facts: &Facts) -> Self {
        let mut pages: BTreeMap<SubnetAndVpc<'_>, BTreeMap<i64, (bool, BTreeSet<&str>)>> =
            BTreeMap::new();
        for fact in facts {
            if let Fact::Page { account_id, region, at, more, vpc_ids } = fact {
                let place = pages.entry((account_id.as_deref(), region.as_deref())).or_default();
                // Pages of one second: the last one among them ends the listing.
                let (goes_on, covered) = place.entry(*at).or_insert((true, BTreeSet::new()));
                *goes_on &= more;
                covered.extend(vpc_ids.iter().map(String::as_str));
            }
        }
        let mut listings = Self::default();
        for ((account_id, region), pages) in pages {
            let (mut times, mut vpc_ids) = (Vec::new(), BTreeSet::new());
            for (at, (more, mut covered)) in pages {
                times.push(at);
                vpc_ids.append(&mut covered);
                if more {
                    continue;
                }
                for vpc_id in std::mem::take(&mut vpc_ids) {
                    listings.whole.entry(vpc_id.to_owned()).or_default().insert(at);
                }
                for time in times.drain(..) {
                    let place = (account_id.map(str::to_owned), region.map(str::to_owned), time);
                    listings.times.insert(place, at);
                }
            }
        }
        listings
    }

    fn time(&self, sighting: &Sighting) -> Option<i64> {
        let at = sighting.at?;
        if sighting.source != Source::Snapshot {
            return Some(at);
        }
        let details = &sighting.details;
        let place = (details.account_id.clone(), details.region.clone(), at);
        Some(self.times.get(&place).copied().unwrap_or(at))
    }

    fn first_after(&self, vpc_id: Option<&str>, at: i64) -> Option<i64> {
        self.whole.get(vpc_id?)?.range((Bound::Excluded(at), Bound::Unbounded)).next().copied()
    }

    fn last_before(&self, vpc_id: Option<&str>, at: i64) -> Option<i64> {
        self.whole.get(vpc_id?)?.range(..at).next_back().copied()
    }
}

/// What may change in the life of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    addresses: Vec<String>,
    public_ip: Option<String>,
    security_group_ids: BTreeSet<String>,
}

/// Creates the rows of one interface, without its job.
pub(super) fn intervals(
    id: &str,
    sightings: &[&Sighting],
    listings: &Listings,
    owners: &Owners,
) -> Vec<Eni> {
    let details = merged(sightings);
    let belongs_to = owners.belongs_to(id, &details);
    let (created_at, how) = created(sightings, &details, belongs_to.is_none());
    let (valid_from, valid_to) = life(sightings, &details, created_at, listings);
    let source = sightings.iter().map(|s| s.source).min().unwrap_or(Source::Mapping);
    let row = Eni {
        interface_id: id.to_owned(),
        created_at,
        belongs_to,
        instance_id: interface_owner::own_instance(&details),
        account_id: details.account_id,
        region: details.region,
        vpc_id: details.vpc_id,
        subnet_id: details.subnet_id,
        interface_type: details.interface_type,
        description: details.description,
        creator_role_arn: details.creator_arn,
        made_by: details.sagemaker.map(|_| "sagemaker".to_owned()),
        made_by_from: details.sagemaker.map(|maker| maker.name().to_owned()),
        source: source.name().to_owned(),
        reason: how.to_owned(),
        ..Eni::default()
    };
    let changes = changes(sightings, listings);
    let mut rows: Vec<Eni> = Vec::new();
    for (at, state) in changes {
        let from = if rows.is_empty() { valid_from } else { valid_from.max(Some(at)) };
        if valid_to.is_some_and(|to| from.is_some_and(|from| from >= to)) && !rows.is_empty() {
            break;
        }
        // Two changes in one second, or before the creation: the later one is valid.
        match rows.last_mut() {
            Some(last) if last.valid_from == from => drop(rows.pop()),
            Some(last) => last.valid_to = from,
            None => {}
        }
        rows.push(Eni {
            valid_from: from,
            valid_to,
            addresses: state.addresses,
            public_ip: state.public_ip,
            security_group_ids: state.security_group_ids.into_iter().collect(),
            ..row.clone()
        });
    }
    rows
}

/// Merges what does not change: the best source that knows, its latest sighting first.
fn merged(sightings: &[&Sighting]) -> Details {
    let mut order: Vec<&Sighting> = sightings.to_vec();
    order.sort_by_key(|sighting| (sighting.source, Reverse(*sighting)));
    fn first<'a, T: Clone + 'a>(
        order: &[&'a Sighting],
        field: impl Fn(&'a Details) -> &'a Option<T>,
    ) -> Option<T> {
        order.iter().find_map(|sighting| field(&sighting.details).clone())
    }
    Details {
        account_id: first(&order, |d| &d.account_id),
        region: first(&order, |d| &d.region),
        vpc_id: first(&order, |d| &d.vpc_id),
        subnet_id: first(&order, |d| &d.subnet_id),
        interface_type: first(&order, |d| &d.interface_type),
        description: first(&order, |d| &d.description),
        requester_id: first(&order, |d| &d.requester_id),
        instance_id: first(&order, |d| &d.instance_id),
        instance_owner_id: first(&order, |d| &d.instance_owner_id),
        attached_at: sightings.iter().filter_map(|s| s.details.attached_at).min(),
        created_at: first(&order, |d| &d.created_at),
        creator_arn: first(&order, |d| &d.creator_arn),
        sagemaker: sightings.iter().filter_map(|s| s.details.sagemaker).min(),
        ..Details::default()
    }
}

/// Returns when it was created, and how that is known. An attachment counts as the creation only where
/// `short_lived`: an interface of a gateway or an own instance may be attached again and again.
fn created(
    sightings: &[&Sighting],
    details: &Details,
    short_lived: bool,
) -> (Option<i64>, &'static str) {
    let earliest = |event| sightings.iter().filter(|s| s.event == event).filter_map(|s| s.at).min();
    if let Some(at) = earliest(Event::Created) {
        return (Some(at), "created according to CloudTrail");
    }
    if details.created_at.is_some() {
        return (details.created_at, "created according to AWS Config");
    }
    let attached = earliest(Event::Granted).into_iter().chain(details.attached_at).min();
    match attached.filter(|_| short_lived) {
        // An interface is created at or shortly before it is granted, attached or seen.
        Some(at) => {
            let at = earliest(Event::Seen).map_or(at, |seen| seen.min(at));
            (Some(at), "creation time taken from its attachment")
        }
        None => (None, "creation time not known"),
    }
}

/// Returns from when to when the interface was there.
fn life(
    sightings: &[&Sighting],
    details: &Details,
    created_at: Option<i64>,
    listings: &Listings,
) -> (Option<i64>, Option<i64>) {
    let vpc_id = details.vpc_id.as_deref();
    let deleted = |source| {
        let deletions = sightings.iter().filter(|s| s.event == Event::Deleted);
        deletions.filter(|s| s.source == source).filter_map(|s| s.at).min()
    };
    let alive = || sightings.iter().filter(|sighting| sighting.event != Event::Deleted);
    let seen = || alive().filter_map(|s| Some((listings.time(s)?, s.source == Source::Snapshot)));
    let from = created_at.or_else(|| {
        let (first, _) = seen().min()?;
        listings.last_before(vpc_id, first)
    });
    let gone = || {
        let (last, listed) = seen().max()?;
        let missed = listings.first_after(vpc_id, last)?;
        // Known only from events, it existed for an unknown while before the listing that lacks it.
        Some(if listed { last } else { missed })
    };
    let to = deleted(Source::CloudTrail).or_else(|| deleted(Source::Config)).or_else(gone);
    // No interval is empty: a life within one second lasts that second.
    (from, to.map(|to| from.map_or(to, |from| to.max(from.saturating_add(1)))))
}

/// Returns the states of its life in order; the first one is valid from its beginning. Never empty.
fn changes(sightings: &[&Sighting], listings: &Listings) -> Vec<(i64, State)> {
    let mut timed: Vec<(i64, &Sighting)> =
        sightings.iter().filter_map(|s| Some((listings.time(s)?, *s))).collect();
    timed.sort_by_key(|(at, sighting)| (*at, sighting.event, Reverse(sighting.source), *sighting));
    let mut states: Vec<(i64, State)> = Vec::new();
    // A creation has the requested values; the first full view completes it rather than changes it.
    let mut asked_only = true;
    for (at, sighting) in timed {
        let before = states.last().map(|(_, state)| state.clone()).unwrap_or_default();
        let state = next(&before, sighting);
        if state != before {
            if asked_only && sighting.event == Event::Seen {
                states.clear();
            }
            states.push((at, state));
        }
        asked_only &= !matches!(sighting.event, Event::Seen | Event::Assigned | Event::Unassigned);
    }
    // Sightings without a time cannot be placed: their values are valid all the time.
    let mut untimed = State::default();
    for sighting in sightings.iter().filter(|s| s.at.is_none()) {
        let more = &sighting.details;
        untimed.public_ip = untimed.public_ip.or_else(|| more.public_ip.clone());
        untimed.security_group_ids.extend(more.security_group_ids.iter().cloned());
        add_addresses(&mut untimed.addresses, &more.addresses);
    }
    let placed: Vec<String> = states.iter().flat_map(|(_, s)| s.addresses.clone()).collect();
    untimed.addresses.retain(|address| !placed.contains(address));
    if states.is_empty() {
        return vec![(i64::MIN, untimed)];
    }
    for (_, state) in &mut states {
        add_addresses(&mut state.addresses, &untimed.addresses);
        if state.security_group_ids.is_empty() {
            state.security_group_ids.clone_from(&untimed.security_group_ids);
        }
        state.public_ip = state.public_ip.take().or_else(|| untimed.public_ip.clone());
    }
    states
}

/// Returns the state after a sighting; missing values stay.
fn next(before: &State, sighting: &Sighting) -> State {
    let mut state = before.clone();
    let seen_details = &sighting.details;
    match sighting.event {
        Event::Assigned => add_addresses(&mut state.addresses, &seen_details.addresses),
        Event::Unassigned => state
            .addresses
            .retain(|current_addresses| !seen_details.addresses.contains(current_addresses)),
        Event::Created | Event::Seen | Event::Granted => {
            if !seen_details.security_group_ids.is_empty() {
                state.security_group_ids.clone_from(&seen_details.security_group_ids);
            }
            if !seen_details.addresses.is_empty() {
                state.addresses.clone_from(&seen_details.addresses);
                state.public_ip.clone_from(&seen_details.public_ip);
            }
        }
        Event::Deleted => {}
    }
    state
}

fn add_addresses(current_addresses: &mut Vec<String>, more: &[String]) {
    for address in more {
        if !current_addresses.contains(address) {
            current_addresses.push(address.clone());
        }
    }
}
