//! The sessions of browsers that have logged in, in memory: a restart of the coordinator ends them.
//!
//! Limits: [`MAX_SESSIONS`] sessions, of which the one that was unused for the longest time is ended
//! first; a session ends [`IDLE`] after its last use and [`LIFETIME`] after its start; [`MAX_TRIES`]
//! failed logins of one address within [`TRIES_INTERVAL`]; [`MAX_CODES`] codes, each valid once
//! within [`CODE_LIFETIME`]. Promises: only digests of cookies and codes are kept; a form has a token
//! that only a page of its session contains.

use crate::domain::access::Principal;
use crate::domain::digest::sha256_hex;
use crate::sys::ids;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of sessions.
const MAX_SESSIONS: usize = 1_000;
/// Time after the last use at which a session ends.
const IDLE: Duration = Duration::from_hours(12);
/// Time after its start at which a session ends.
const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// Maximum number of failed logins of one address in one interval.
const MAX_TRIES: u32 = 10;
const TRIES_INTERVAL: Duration = Duration::from_mins(1);
/// Maximum number of addresses whose failed logins are counted.
const MAX_ADDRESSES: usize = 1_000;
/// Maximum number of codes that were not used yet.
const MAX_CODES: usize = 100;
/// Time for which a code is valid.
pub(crate) const CODE_LIFETIME: Duration = Duration::from_mins(1);

type Key = [u8; 32];

/// The sessions, the codes with which one begins, and the failed logins.
pub(crate) struct Sessions {
    /// Makes the tokens of forms. New in each process.
    secret: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<Key, Session>,
    codes: HashMap<Key, (Instant, Principal)>,
    failures: HashMap<IpAddr, (Instant, u32)>,
}

struct Session {
    begun: Instant,
    used: Instant,
    principal: Principal,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.used) >= IDLE || now.duration_since(self.begun) >= LIFETIME
    }
}

impl Sessions {
    pub fn new() -> Self {
        Self { secret: random(), state: Mutex::default() }
    }

    /// Begins a session, and returns the value of its cookie.
    pub fn begin(&self, principal: Principal, now: Instant) -> String {
        let cookie = random();
        let mut state = self.state();
        state.open.retain(|_, session| !session.is_over(now));
        make_room(&mut state.open, MAX_SESSIONS, |session| session.used);
        state.open.insert(digest(&cookie), Session { begun: now, used: now, principal });
        cookie
    }

    /// The principal of the session with this cookie.
    pub fn find(&self, cookie: &str, now: Instant) -> Option<Principal> {
        let mut state = self.state();
        let session = state.open.get_mut(&digest(cookie)).filter(|found| !found.is_over(now))?;
        session.used = now;
        Some(session.principal.clone())
    }

    /// Ends the session with this cookie.
    pub fn end(&self, cookie: &str) {
        self.state().open.remove(&digest(cookie));
    }

    /// The token of the forms of a session, or of the pages for everybody on this machine.
    pub fn form_token(&self, cookie: Option<&str>) -> String {
        sha256_hex(format!("{} {}", self.secret, cookie.unwrap_or("local")).as_bytes())
    }

    /// A code with which a browser can begin a session once.
    pub fn code(&self, principal: Principal, now: Instant) -> String {
        let code = random();
        let mut state = self.state();
        make_room(&mut state.codes, MAX_CODES, |(made, _)| *made);
        state.codes.insert(digest(&code), (now, principal));
        code
    }

    /// The principal that a valid code was made for.
    pub fn owner(&self, code: &str, now: Instant) -> Option<Principal> {
        let state = self.state();
        let (made, principal) = state.codes.get(&digest(code))?;
        (now.duration_since(*made) < CODE_LIFETIME).then(|| principal.clone())
    }

    /// The principal that a code was made for. The code is not valid afterwards.
    pub fn redeem(&self, code: &str, now: Instant) -> Option<Principal> {
        let (made, principal) = self.state().codes.remove(&digest(code))?;
        (now.duration_since(made) < CODE_LIFETIME).then_some(principal)
    }

    /// Whether an address may try to log in.
    pub fn may_try(&self, address: IpAddr, now: Instant) -> bool {
        let state = self.state();
        let failed = state.failures.get(&address);
        failed.is_none_or(|(begun, count)| {
            *count < MAX_TRIES || now.duration_since(*begun) >= TRIES_INTERVAL
        })
    }

    /// Counts a failed login.
    pub fn failed(&self, address: IpAddr, now: Instant) {
        let mut state = self.state();
        state.failures.retain(|_, (begun, _)| now.duration_since(*begun) < TRIES_INTERVAL);
        if !state.failures.contains_key(&address) {
            make_room(&mut state.failures, MAX_ADDRESSES, |(begun, _)| *begun);
        }
        state.failures.entry(address).or_insert((now, 0)).1 += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the oldest entry of a full table.
fn make_room<K: Hash + Eq + Clone, V>(
    table: &mut HashMap<K, V>,
    max: usize,
    age: impl Fn(&V) -> Instant,
) {
    if table.len() < max {
        return;
    }
    let oldest = table.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone());
    if let Some(key) = oldest {
        table.remove(&key);
    }
}

/// 244 random bits in 64 hexadecimal digits.
fn random() -> String {
    format!("{}{}", ids::new_id().simple(), ids::new_id().simple())
}

fn digest(text: &str) -> Key {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;

    fn anna() -> Principal {
        Principal::with_role("anna", &Role::ADMIN)
    }

    #[test]
    fn a_session_ends_after_idle_time_after_its_lifetime_and_on_request() {
        let (sessions, start) = (Sessions::new(), Instant::now());
        let cookie = sessions.begin(anna(), start);
        assert_eq!(sessions.find(&cookie, start), Some(anna()));
        assert_eq!(sessions.find("another", start), None);
        assert_eq!(sessions.find(&cookie, start + IDLE), None);
        let mut now = start;
        while now < start + LIFETIME {
            assert!(sessions.find(&cookie, now).is_some(), "a session in use");
            now += IDLE / 2;
        }
        assert_eq!(sessions.find(&cookie, start + LIFETIME), None);
        let other = sessions.begin(anna(), now);
        sessions.end(&other);
        assert_eq!(sessions.find(&other, now), None);
    }

    #[test]
    fn the_session_that_was_unused_for_the_longest_time_makes_room() {
        let (sessions, start) = (Sessions::new(), Instant::now());
        let first = sessions.begin(anna(), start);
        let second = sessions.begin(anna(), start);
        let later = start + Duration::from_secs(1);
        assert!(sessions.find(&first, later).is_some());
        for _ in 2..=MAX_SESSIONS {
            sessions.begin(anna(), later);
        }
        assert_eq!(sessions.find(&second, later), None);
        assert_eq!(sessions.state().open.len(), MAX_SESSIONS);
    }

    #[test]
    fn a_code_is_valid_once_and_for_a_minute() {
        let (sessions, start) = (Sessions::new(), Instant::now());
        let code = sessions.code(anna(), start);
        assert_eq!(sessions.redeem("another", start), None);
        assert_eq!(sessions.owner(&code, start), Some(anna()), "it is not spent");
        assert_eq!(sessions.owner(&code, start + CODE_LIFETIME), None);
        assert_eq!(sessions.redeem(&code, start), Some(anna()));
        assert_eq!(sessions.redeem(&code, start), None);
        let late = sessions.code(anna(), start);
        assert_eq!(sessions.redeem(&late, start + CODE_LIFETIME), None);
        for _ in 0..2 * MAX_CODES {
            sessions.code(anna(), start);
        }
        assert_eq!(sessions.state().codes.len(), MAX_CODES);
    }

    #[test]
    fn an_address_has_few_tries_and_others_have_their_own() {
        let (sessions, start) = (Sessions::new(), Instant::now());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..MAX_TRIES {
            assert!(sessions.may_try(one, start));
            sessions.failed(one, start);
        }
        assert!(!sessions.may_try(one, start) && sessions.may_try(other, start));
        assert!(sessions.may_try(one, start + TRIES_INTERVAL));
        for index in 0..2 * MAX_ADDRESSES as u32 {
            sessions.failed(IpAddr::from(index.to_be_bytes()), start);
        }
        assert!(sessions.state().failures.len() <= MAX_ADDRESSES);
    }

    #[test]
    fn the_token_of_a_form_belongs_to_one_session_of_one_process() {
        let (sessions, other) = (Sessions::new(), Sessions::new());
        let token = sessions.form_token(Some("a"));
        assert_eq!(token, sessions.form_token(Some("a")));
        assert_ne!(token, sessions.form_token(Some("b")));
        assert_ne!(token, sessions.form_token(None));
        assert_ne!(token, other.form_token(Some("a")));
    }
}
