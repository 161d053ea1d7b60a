//! One world: what is in it, and how its time passes.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use firedrill::{
    api::{
        Moment,
        run::{FactName, Reason, Verdict},
    },
    shell::clock::Clock,
};
use http::StatusCode;
use rand::{RngExt, rngs::ChaCha8Rng};
use serde_json::Value;
use tokio::{sync::oneshot, time::Instant};

use super::{
    agenda::Agenda,
    call::Caller,
    cluster::Nature,
    crowd::Crowd,
    dice::Dice,
    judge::{self, Judge},
    people::{self, Act},
    plant::Plant,
    server::finalizers,
    store::{Key, Object, Store},
    tally::Tally,
    watch::Watch,
};

/// Disturbances end after so many milliseconds; then everything must settle.
const ROUGH: u64 = 40_000;
/// So many milliseconds a world may last.
const LAST: u64 = 200_000;
/// So many a world may last that has a day, whose gates and steps wait for minutes, or a crowd, of which few at a time may.
const LONG: u64 = 1_000_000;
/// So many milliseconds it goes on when everything is over, and nothing may change.
const EPILOGUE: u64 = 3000;
/// Unix time at which every world begins.
const BEGINNING: f64 = 1_800_000_000.0;

/// Everything outside of the operators.
pub struct World {
    pub dice: Dice,
    pub plant: Option<Plant>,
    pub agenda: Agenda,
    pub store: Store,
    pub watches: BTreeMap<u64, Watch>,
    /// How many watches were ever opened.
    pub opened: u64,
    pub judge: Judge,
    pub tally: Tally,
    pub nature: Nature,
    pub experiment: Value,
    /// Whether the runs execute the Experiment, and not a template of their own.
    pub from_experiment: bool,
    pub pods_born: usize,
    /// When the service went up or down.
    pub service: Vec<(u64, bool)>,
    pub runs: Vec<Key>,
    /// How many runs people have still to begin.
    pub runs_awaited: usize,
    pub crowd: Option<Crowd>,
    /// When the plan fires, where there is one.
    pub fires: Option<u64>,
    /// The facts that people wait for.
    pub aims: Vec<(Value, Act, u64)>,
    pub rough_until: u64,
    /// Writes that have not arrived yet.
    pub on_the_way: u32,
    /// What a plant has read, or was told, that is read from then on.
    pub remembered: BTreeMap<Key, (StatusCode, Bytes)>,
    /// Processes that are about to start.
    pub births: Vec<Caller>,
    seats: Vec<Seat>,
    /// How likely a disturbance is.
    pub trouble: f64,
    began: Instant,
    pub clock: Clock,
    ends: Option<u64>,
    trace: u64,
}

/// Where an operator runs, again and again.
#[derive(Default)]
struct Seat {
    life: u32,
    stop: Option<oneshot::Sender<()>>,
}

/// The world as everybody in it holds it.
pub type Shared = Arc<Mutex<World>>;

pub fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub fn new(seed: u64, plant: Option<Plant>) -> Self {
        let dice = Dice::new(seed);
        let mut random = dice.about("nature");
        let nature = Nature::of(&mut random);
        let mut world = Self {
            dice,
            plant,
            agenda: Agenda::default(),
            store: Store::default(),
            watches: BTreeMap::new(),
            opened: 0,
            judge: Judge::default(),
            tally: Tally::default(),
            experiment: people::experiment(dice.about("experiment"), &nature),
            nature,
            from_experiment: random.random_bool(0.3),
            pods_born: 0,
            service: Vec::new(),
            runs: Vec::new(),
            runs_awaited: 0,
            crowd: None,
            fires: None,
            aims: Vec::new(),
            rough_until: ROUGH,
            on_the_way: 0,
            remembered: BTreeMap::new(),
            births: Vec::new(),
            seats: Vec::new(),
            trouble: [0.0, 0.02, 0.06, 0.15][random.random_range(0..4)],
            began: Instant::now(),
            clock: Clock::starting_at(beginning()),
            ends: None,
            trace: 0,
        };
        world.furnish();
        world.invite();
        world.gather();
        world.open_seats(&mut random);
        let is_long = world.fires.is_some() || world.crowd.is_some();
        let last = if is_long { LONG } else { LAST };
        world.agenda.add(last, 0, |world| {
            let what = format!("{} did not end", world.unfinished().unwrap_or("the world"));
            world.judge.complain(what);
        });
        world
    }

    fn open_seats(&mut self, random: &mut ChaCha8Rng) {
        let seats = if random.random_bool(0.3) { 2 } else { 1 };
        if seats == 2 {
            self.tally.count("two operators");
        }
        for seat in 0..seats {
            self.seats.push(Seat::default());
            self.births.push(Caller { seat, life: 0 });
            if self.trouble > 0.0 && random.random_bool(0.3) {
                self.after(random.random_range(1..ROUGH), 0, move |world| world.crash(seat));
            }
        }
    }

    pub fn operators(&self) -> usize {
        self.seats.len()
    }

    pub fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn instant(&self, millis: u64) -> Instant {
        self.began + Duration::from_millis(millis)
    }

    /// The present second, as Kubernetes writes it.
    pub fn second(&self) -> String {
        self.clock.now().timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    pub fn after(&mut self, wait: u64, rank: u64, task: impl FnOnce(&mut Self) + Send + 'static) {
        self.agenda.add(self.millis() + wait, rank, task);
    }

    /// Whether a disturbance of this share of the world's trouble happens to `about`.
    pub fn goes_wrong(&self, share: f64, about: impl Hash) -> bool {
        self.millis() < self.rough_until && self.dice.chance(self.trouble * share, about)
    }

    /// Everything that is due happens; gives the instant of what comes next.
    pub fn pass(&mut self) -> Option<Instant> {
        while let Some(task) = self.agenda.due(self.millis()) {
            task(self);
        }
        if self.ends.is_none() && self.on_the_way == 0 && self.unfinished().is_none() {
            self.ends = Some(self.millis() + EPILOGUE);
            self.crash(0);
            self.after(EPILOGUE, 0, |world| {
                if let Some(name) = world.unfinished() {
                    let what = format!("{name} began after the end");
                    world.judge.complain(what);
                }
            });
        }
        self.agenda.next().map(|next| self.instant(next))
    }

    /// Whether there is nothing more to see.
    pub fn is_at_end(&self) -> bool {
        self.judge.broken.is_some() || self.ends.is_some_and(|ends| self.millis() >= ends)
    }

    /// The name of something that is not over, if anything is not.
    fn unfinished(&self) -> Option<&str> {
        let is_over = |run: &&Key| {
            self.store.get(run).is_none_or(|run| {
                judge::has(run, FactName::Completed) && finalizers(run).is_empty()
            })
        };
        if self.runs_awaited > 0 {
            return Some("a run that is still to begin");
        }
        let run = self.runs.iter().find(|run| !is_over(run));
        run.map(|run| run.name.as_str()).or_else(|| self.unfinished_day())
    }

    /// A process dies where it stands and is started again a little later.
    pub fn crash(&mut self, seat: usize) {
        let wait = 100 + self.dice.number(("down", seat, self.millis())) % 5000;
        let next = &mut self.seats[seat];
        if next.stop.take().is_none() {
            return;
        }
        next.life += 1;
        let caller = Caller { seat, life: next.life };
        self.tally.count("crash");
        let wait = if self.ends.is_some() { 100 } else { wait };
        self.after(wait, caller.seat as u64, move |world| world.births.push(caller));
    }

    /// A process starts; it lives until what it is given resolves.
    pub fn start(&mut self, caller: Caller) -> oneshot::Receiver<()> {
        let (stop, stopped) = oneshot::channel();
        self.seats[caller.seat] = Seat { life: caller.life, stop: Some(stop) };
        stopped
    }

    pub fn is_alive(&self, caller: Caller) -> bool {
        let seat = &self.seats[caller.seat];
        seat.life == caller.life && seat.stop.is_some()
    }

    /// A process ended; unless it was made to, it gave up.
    pub fn ended(&mut self, caller: Caller, how: &str) {
        if self.is_alive(caller) {
            self.judge.complain(format!("an operator gave up: {how}"));
        }
    }

    /// Changes an object, if it is there.
    pub fn change(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        if let Some(mut object) = self.store.get(key).cloned() {
            change(&mut object);
            self.commit(key, object);
        }
    }

    /// Keeps an object and tells of it, unless it is the same.
    pub fn commit(&mut self, key: &Key, next: Value) -> Object {
        let old = self.store.object(key).cloned();
        if let Some(old) = old.as_ref().filter(|old| *old.value == next) {
            return old.clone();
        }
        let kept = self.store.put(key, next);
        self.announce(key);
        if key.resource == Key::DAYS {
            self.judge.days.seen(&kept.value, self.millis());
        }
        if [Key::RUNS, Key::DAYS].contains(&key.resource.as_str()) {
            let old = old.map(|old| old.value).unwrap_or_default();
            self.provoke(&old, &kept.value);
        }
        kept
    }

    pub fn remove(&mut self, key: &Key) {
        if self.store.remove(key).is_some() {
            self.announce(key);
        }
    }

    /// Remembers in which order what happened.
    pub fn trace(&mut self, what: impl Hash) {
        let mut hasher = DefaultHasher::new();
        (self.trace, self.millis(), what).hash(&mut hasher);
        self.trace = hasher.finish();
    }

    /// The last judgement: the verdicts, and a number that stands for everything that happened.
    pub fn conclude(mut self) -> Result<(Tally, u64), String> {
        self.count_days();
        self.judge_crowd();
        let (mut missed, mut told_nothing, mut silent) = (BTreeSet::new(), BTreeSet::new(), 0);
        let stored = self.runs.iter().filter_map(|run| self.store.get(run));
        let runs = stored.chain(self.judge.departed(Key::RUNS)).map(judge::read_run);
        let runs: Vec<_> = runs.collect();
        for status in runs.into_iter().map(|run| run.status.unwrap_or_default()) {
            // A run that was deleted before anybody looked has no status, and nothing was broken.
            let verdict = status.verdict.unwrap_or(Verdict::Aborted);
            self.tally.count(format!("verdict {verdict}"));
            let struck = status.fact(FactName::Injected).is_some();
            let is_near =
                struck && (verdict, status.reason) == (Verdict::Aborted, Some(Reason::Guard));
            let is_silent = struck && verdict == Verdict::Inconclusive;
            silent += usize::from(is_silent);
            let name = status.debrief.clone();
            if is_near {
                self.tally.count("near miss");
            }
            if is_near || matches!(verdict, Verdict::ObjectiveMissed | Verdict::NotRecovered) {
                missed.insert(status.debrief.unwrap_or_else(|| "none".to_owned()));
            } else if is_silent {
                self.tally.count(if name.is_some() {
                    "told nothing, debriefed"
                } else {
                    "told nothing"
                });
                told_nothing.extend(name);
            } else if let Some(name) = name {
                self.judge.complain(format!("{verdict} has the debrief {name}"));
            }
        }
        if silent < 3 && !told_nothing.is_subset(&missed) {
            self.judge.complain(format!(
                "{told_nothing:?} were opened by {silent} runs that tell nothing"
            ));
        }
        missed.extend(told_nothing);
        if self.judge.broken.is_none() {
            self.judge.count_debriefs(&missed);
        }
        match self.judge.broken {
            Some(broken) => Err(broken),
            None => Ok((self.tally, self.trace)),
        }
    }
}

fn beginning() -> Moment {
    Moment::from_unix_seconds(BEGINNING).unwrap()
}

/// The instant of that millisecond.
pub fn moment(millis: u64) -> Moment {
    beginning() + firedrill::api::Duration::millis(millis)
}

/// The same in seconds since 1970.
pub fn unix(millis: u64) -> f64 {
    BEGINNING + Duration::from_millis(millis).as_secs_f64()
}
