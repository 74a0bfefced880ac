//! Who is let in: one-time tokens, a token for scripts, sessions.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::serve::Error;

/// The least length of a token that the user chose.
const TOKEN_LENGTH_MIN: usize = 32;

/// The most sessions; the oldest ends when there are more.
const SESSIONS_MAX: usize = 256;

/// How long a session lasts.
const SESSION_DURATION: Duration = Duration::from_secs(12 * 3600);

/// The result of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Let in: the value of the cookie.
    Accepted {
        /// The value of the cookie.
        session: String,
        /// The next one-time token, if this one was used up.
        next: Option<String>,
    },
    /// The token is wrong, or was used before.
    Refused,
}

/// Tokens and sessions. Only hashes are stored, so that comparing them tells nothing of a token.
pub struct Access {
    /// The token of `--token-file`: for scripts, and for any number of logins.
    fixed: Option<[u8; 32]>,
    state: Mutex<AccessState>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct AccessState {
    once: Option<[u8; 32]>,
    /// The oldest first.
    sessions: VecDeque<([u8; 32], Instant)>,
}

impl Access {
    /// Creates the access of a server: with a token of the user, or else with one-time tokens, the first of which is
    /// returned.
    ///
    /// # Errors
    ///
    /// [`Error::Random`] when the system has no random numbers.
    pub fn new(fixed: Option<&str>) -> Result<(Self, Option<String>), Error> {
        let access = Self { fixed: fixed.map(hash), state: Mutex::default() };
        let once = match fixed {
            Some(_) => None,
            None => Some(access.renew()?),
        };
        Ok((access, once))
    }

    /// Reads the token of a file. White space around it does not count.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the token is so short that it can be guessed.
    pub fn read_token(path: &Path) -> Result<String, Error> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path);
        let text =
            text.map_err(|source| Error::File { what: "token file", path: name.clone(), source })?;
        let token = text.trim().to_owned();
        if token.chars().count() < TOKEN_LENGTH_MIN {
            let length = token.chars().count();
            return Err(Error::WeakToken { path: name, length, least: TOKEN_LENGTH_MIN });
        }
        Ok(token)
    }

    /// Puts a new one-time token in place of the last.
    fn renew(&self) -> Result<String, Error> {
        let token = random()?;
        self.state().once = Some(hash(&token));
        Ok(token)
    }

    /// Exchanges a token for a session. A one-time token is used up by it.
    ///
    /// # Errors
    ///
    /// [`Error::Random`].
    pub fn login(&self, token: &str) -> Result<Login, Error> {
        let hashed = hash(token.trim());
        let is_fixed = self.fixed.is_some_and(|fixed| fixed == hashed);
        let is_once = !is_fixed && {
            let mut state = self.state();
            let fits = state.once.is_some_and(|once| once == hashed);
            if fits {
                state.once = None;
            }
            fits
        };
        if !is_fixed && !is_once {
            return Ok(Login::Refused);
        }
        let session = random()?;
        let mut state = self.state();
        state.sessions.push_back((hash(&session), Instant::now()));
        while state.sessions.len() > SESSIONS_MAX {
            state.sessions.pop_front();
        }
        drop(state);
        let next = if is_once { Some(self.renew()?) } else { None };
        Ok(Login::Accepted { session, next })
    }

    /// Ends a session.
    pub fn logout(&self, session: &str) {
        let hashed = hash(session);
        self.state().sessions.retain(|(known, _)| *known != hashed);
    }

    /// Returns whether a cookie is of a session.
    pub fn has_session(&self, session: &str) -> bool {
        let hashed = hash(session);
        let mut state = self.state();
        state.sessions.retain(|(_, begun)| begun.elapsed() < SESSION_DURATION);
        state.sessions.iter().any(|(known, _)| *known == hashed)
    }

    /// Returns whether a token of a script is that of `--token-file`.
    pub fn has_token(&self, token: &str) -> bool {
        self.fixed.is_some_and(|fixed| fixed == hash(token.trim()))
    }

    /// Returns whether the user has a token to type in.
    pub fn has_fixed_token(&self) -> bool {
        self.fixed.is_some()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, AccessState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// 256 random bits in hex.
pub(super) fn random() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(login: Login) -> (String, Option<String>) {
        match login {
            Login::Accepted { session, next } => (session, next),
            Login::Refused => panic!("refused"),
        }
    }

    #[test]
    fn a_one_time_token_opens_one_session_and_is_followed_by_another() {
        let (access, once) = Access::new(None).unwrap();
        let once = once.unwrap();
        assert_eq!(access.login("wrong").unwrap(), Login::Refused);
        let (cookie, next) = session(access.login(&once).unwrap());
        assert!(access.has_session(&cookie) && !access.has_session(&once));
        assert_eq!(access.login(&once).unwrap(), Login::Refused);
        assert!(!access.has_token(&once) && !access.has_token(&cookie));
        session(access.login(&next.unwrap()).unwrap());
        access.logout(&cookie);
        assert!(!access.has_session(&cookie));
    }

    #[test]
    fn a_token_of_the_user_serves_scripts_and_any_number_of_logins() {
        let token = "0123456789abcdef0123456789abcdef";
        let (access, once) = Access::new(Some(token)).unwrap();
        assert_eq!(once, None);
        assert!(access.has_token(token) && !access.has_token("") && !access.has_token("0123"));
        for _ in 0..SESSIONS_MAX + 1 {
            session(access.login(token).unwrap());
        }
        assert_eq!(access.state().sessions.len(), SESSIONS_MAX);
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "letmein\n").unwrap();
        let error = Access::read_token(file.path()).unwrap_err();
        assert!(error.to_string().contains("has 7 characters, and at least 32"), "{error}");
        assert!(error.hint().unwrap().contains("openssl rand"));
    }
}
