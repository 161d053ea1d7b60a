//! How often the cluster is read before something is broken. What is too old to decide on as soon as it was
//! read is not read again at once: an API server that answers slowly would be asked ever more.

use super::{decide::Need, hash};
use crate::api::{Duration, Moment};

/// Seconds of the longest wait, before its spread; the first is one, each further twice as long.
const LONGEST: u64 = 8;

/// What was read for one run since something else was decided.
#[derive(Debug, Default)]
pub struct Pace {
    looked: Vec<Need>,
    waits: u32,
    not_before: Option<Moment>,
}

impl Pace {
    /// Whether that may be read now; else when, spread by the run's UID so that runs do not ask together.
    ///
    /// # Errors
    /// The moment from which on it may be read.
    pub fn look(&mut self, need: Need, now: Moment, uid: &str) -> Result<(), Moment> {
        if let Some(until) = self.not_before.filter(|until| now < *until) {
            return Err(until);
        }
        if self.not_before.take().is_some() || !self.looked.contains(&need) {
            self.looked.push(need);
            return Ok(());
        }
        let seconds = (1 << self.waits.min(6)).min(LONGEST);
        let spread = hash::of(&(uid, self.waits)).bytes().map(u64::from).sum::<u64>() % 100;
        let wait = Duration::millis(seconds * (500 + 10 * spread));
        self.waits += 1;
        self.looked.clear();
        let until = now + wait;
        self.not_before = Some(until);
        Err(until)
    }

    /// Something else than a look was decided, or the look failed, which is tried again by itself.
    pub fn goes_on(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::pods::tests::at;

    /// How long it waits when the same is wanted again as soon as it was read.
    fn wait(pace: &mut Pace, now: f64) -> f64 {
        assert_eq!(pace.look(Need::World, at(now), "u"), Ok(()));
        assert_eq!(pace.look(Need::Rivals, at(now), "u"), Ok(()));
        let until = pace.look(Need::World, at(now), "u").unwrap_err();
        assert_eq!(pace.look(Need::World, at(now), "u"), Err(until), "whoever asks meanwhile");
        Duration::between(at(now), until).std().as_secs_f64()
    }

    #[test]
    fn what_is_stale_on_arrival_is_read_ever_more_rarely_until_something_is_decided() {
        let mut pace = Pace::default();
        let mut now = 0.0;
        for seconds in [1.0, 2.0, 4.0, 8.0, 8.0] {
            let waited = wait(&mut pace, now);
            assert!((seconds * 0.5..seconds * 1.5).contains(&waited), "{waited} of {seconds}");
            now += waited;
        }
        pace.goes_on();
        assert!(wait(&mut pace, now) < 1.5);
    }
}
