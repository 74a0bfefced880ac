//! Trail objects in S3: CloudTrail's events of any age.

use chrono::{DateTime, Days, Utc};

use crate::aws;
use crate::aws::s3::{Location, S3Client};
use crate::inventory::collect::pass::CollectionPass;
use crate::inventory::files;

/// The most bytes of one trail object, as stored. CloudTrail begins a new one long before.
const OBJECT_BYTES_MAX: usize = 64 << 20;

/// An object contains events of some minutes before the time in its name, and is delivered later still.
const SLACK_SECS: i64 = 30 * 60;

/// The location of the trail objects of an account.
pub(super) struct TrailLocation<'a> {
    pub(super) store: &'a S3Client,
    /// Bucket and prefix as the trail itself has them.
    pub(super) location: &'a Location,
    pub(super) account_id: &'a str,
}

/// Reads the trail objects of a time, one by one. Returns whether all could be read.
pub(super) async fn collect(
    pass: &mut CollectionPass<'_>,
    place: &TrailLocation<'_>,
    since: i64,
    until: i64,
) -> Result<bool, aws::Error> {
    let lost = "interfaces deleted by now are known only from other sources";
    let folder = folder(place).await;
    let Some(folder) = pass.or_warn(folder, "--trail", lost)? else { return Ok(false) };
    let days = (since - SLACK_SECS, until + SLACK_SECS);
    let (Some(first), Some(last)) = (time(days.0), time(days.1.min(pass.now))) else {
        return Ok(false);
    };
    let mut day = first.date_naive();
    let mut all = true;
    while day <= last.date_naive() {
        let prefix = format!("{folder}{}/{}/", pass.api.region(), day.format("%Y/%m/%d"));
        let account_id = place.account_id;
        // Names contain the minute: `…_CloudTrail_eu-west-1_20260310T0005Z_….json.gz`.
        let start = format!(
            "{prefix}{account_id}_CloudTrail_{}_{}",
            pass.api.region(),
            first.format("%Y%m%dT%H%M")
        );
        all &= read_day(pass, place, prefix, &start).await?;
        let Some(next) = day.checked_add_days(Days::new(1)) else { break };
        day = next;
    }
    Ok(all)
}

async fn read_day(
    pass: &mut CollectionPass<'_>,
    place: &TrailLocation<'_>,
    prefix: String,
    start: &str,
) -> Result<bool, aws::Error> {
    let prefix = Location::new(&place.location.bucket, prefix);
    let (mut token, mut all) = (None::<String>, true);
    loop {
        let page = place.store.list(&prefix, false, Some(start), token.as_deref()).await;
        let lost = format!("the events under {prefix} are not known");
        let Some(page) = pass.or_warn(page, "--trail", &lost)? else { return Ok(false) };
        for object in page.objects.iter().filter(|object| object.key.ends_with(".json.gz")) {
            let location = Location::new(&prefix.bucket, &object.key);
            let bytes = place.store.get(&location, OBJECT_BYTES_MAX).await;
            let lost = format!("the events of {location} are not known");
            match pass.or_warn(bytes, "--trail", &lost)? {
                Some(bytes) => {
                    let before = pass.reader.complaints.len();
                    files::take_object(&bytes, true, &mut pass.reader);
                    for complaint in &mut pass.reader.complaints[before..] {
                        *complaint = format!("{location}: {complaint}");
                    }
                }
                None => all = false,
            }
        }
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(all),
        }
    }
}

/// Finds the folder of the account's regions: an organisation's trail has one more level.
async fn folder(place: &TrailLocation<'_>) -> Result<String, aws::Error> {
    let mut key = place.location.key.trim_matches('/').to_owned();
    if !key.is_empty() {
        key.push('/');
    }
    if !key.ends_with("AWSLogs/") {
        key.push_str("AWSLogs/");
    }
    let parent = Location::new(&place.location.bucket, &key);
    let folders = place.store.list(&parent, true, None, None).await?.prefixes;
    let own = format!("{key}{}/", place.account_id);
    let organisation = folders.iter().find(|folder| folder.starts_with(&format!("{key}o-")));
    let base = match organisation {
        Some(folder) if !folders.contains(&own) => format!("{folder}{}/", place.account_id),
        _ => own,
    };
    Ok(format!("{base}CloudTrail/"))
}

fn time(at: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at, 0)
}
