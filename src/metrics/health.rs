//! Health of the service, from the time of the last pass that succeeded.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a probe asks for.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    succeeded: Option<Instant>,
    within: Duration,
    stopping: bool,
}

impl Health {
    /// Makes it: no pass has succeeded yet. `within`: how old the last success may grow.
    pub fn new(within: Duration) -> Self {
        Self { state: Mutex::new(State { succeeded: None, within, stopping: false }) }
    }

    /// Notes that a pass has succeeded just now.
    pub fn succeeded(&self) {
        self.change(|state| state.succeeded = Some(Instant::now()));
    }

    /// Sets how old the last success may grow.
    pub fn set_within(&self, within: Duration) {
        self.change(|state| state.within = within);
    }

    /// Notes that the service ends.
    pub fn stopping(&self) {
        self.change(|state| state.stopping = true);
    }

    /// Returns whether the service is ready, and why it is or is not.
    ///
    /// # Errors
    ///
    /// Why it is not: no pass has succeeded, the last success is too old, or the service ends.
    pub fn ready(&self) -> Result<String, String> {
        self.ready_at(Instant::now())
    }

    fn ready_at(&self, now: Instant) -> Result<String, String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopping {
            return Err("not ready: the service is stopping".to_owned());
        }
        let Some(succeeded) = state.succeeded else {
            return Err("not ready: no pass has succeeded yet".to_owned());
        };
        let (age, limit) = (now.saturating_duration_since(succeeded), state.within.as_secs());
        let ago = format!("the last pass that succeeded ended {} s ago", age.as_secs());
        if age > state.within {
            return Err(format!("not ready: {ago}, more than {limit} s"));
        }
        Ok(format!("ready: {ago}"))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_begins_with_a_success_and_grows_old() {
        let health = Health::new(Duration::from_secs(60));
        assert_eq!(health.ready().unwrap_err(), "not ready: no pass has succeeded yet");
        health.succeeded();
        let succeeded = health.state.lock().unwrap().succeeded.unwrap();
        let after = |seconds| succeeded + Duration::from_secs(seconds);
        assert!(health.ready_at(after(60)).is_ok());
        let why = "not ready: the last pass that succeeded ended 61 s ago, more than 60 s";
        assert_eq!(health.ready_at(after(61)).unwrap_err(), why);
        health.set_within(Duration::from_secs(90));
        assert!(health.ready_at(after(61)).is_ok());
        health.stopping();
        assert_eq!(health.ready().unwrap_err(), "not ready: the service is stopping");
    }
}
