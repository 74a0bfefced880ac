//! Limits calls to the rate that a region allows.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Regions that allow 5 calls of FilterLogEvents in a second.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const SLOW_REGIONS: &[&str] =
    &["ap-northeast-3", "ap-southeast-3", "ca-west-1", "eu-central-1", "il-central-1"];

/// One for each operation and region: the limits are of the account, whatever is read in it.
static LIMITERS: LazyLock<Mutex<HashMap<String, Arc<Limiter>>>> = LazyLock::new(Mutex::default);

/// An operation whose rate AWS limits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    FilterLogEvents,
    StartQuery,
    GetQueryResults,
}

impl Operation {
    fn per_second(self, region: &str) -> u32 {
        match self {
            Self::FilterLogEvents if region == "us-east-1" => 25,
            Self::FilterLogEvents if SLOW_REGIONS.contains(&region) => 5,
            _ => 10,
        }
    }
}

/// Spaces calls out, however many tasks make them.
#[derive(Debug)]
pub(crate) struct Limiter {
    between: Duration,
    next: Mutex<Instant>,
}

impl Limiter {
    /// Returns the limiter of an operation in a region.
    pub(crate) fn of(operation: Operation, region: &str) -> Arc<Self> {
        let mut known = LIMITERS.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = known.entry(format!("{operation:?} {region}"));
        let new = || Arc::new(Self::new(operation.per_second(region)));
        Arc::clone(limiter.or_insert_with(new))
    }

    fn new(per_second: u32) -> Self {
        Self { between: Duration::from_secs(1) / per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of the next call.
    pub(crate) async fn wait(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + self.between;
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_side_by_side_keep_their_distance() {
        let limiter = Limiter::new(50);
        let begun = Instant::now();
        futures::future::join_all((0..11).map(|_| limiter.wait())).await;
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    }

    #[test]
    fn each_region_has_its_rate_and_one_limiter() {
        let rate = |region| Operation::FilterLogEvents.per_second(region);
        assert_eq!([rate("us-east-1"), rate("eu-central-1"), rate("eu-west-1")], [25, 5, 10]);
        let one = Limiter::of(Operation::StartQuery, "eu-west-1");
        assert!(Arc::ptr_eq(&one, &Limiter::of(Operation::StartQuery, "eu-west-1")));
        assert!(!Arc::ptr_eq(&one, &Limiter::of(Operation::StartQuery, "eu-west-2")));
    }
}
