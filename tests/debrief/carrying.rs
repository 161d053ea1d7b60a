//! Two debriefs of one team and two operators whose watches are behind by anything: in every order of what they do, the team
//! hears one reminder on a morning, and once more only where the answer to it was lost.

use std::collections::{HashMap, HashSet};

use firedrill::{
    api::{Debrief, DebriefStatus, Duration, Moment, debrief::Notice},
    debrief::{
        decide::{Decision, Delivery, Told},
        remind::{Peer, is_left_to_another},
    },
};

use super::{
    reminding::{Team, choose, named},
    runs::moment,
};

/// The versions of both debriefs, each an index into those that were ever written.
type Both = [usize; 2];

/// Which of them is looked at, what matters of both, and how many retries later it is.
type Seen = (usize, [String; 2], u64);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// It looks at what it has heard of.
    Looks,
    /// It has claimed the reminder on this debrief, in that version, and asks next who else has.
    Claimed(usize, usize),
    /// It is about to send.
    Sends(usize, usize),
    /// It is about to write down what became of it: on that version, whether it was sent.
    Writes(usize, usize, bool),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// How many retries later it is.
    later: u64,
    latest: Both,
    /// What each operator has heard of, and what it does.
    operators: [(Both, Phase); 2],
    sent: usize,
    /// How often an operator crashed that had sent it and not written that down.
    unanswered: usize,
    crashes: usize,
    /// Whether people have said something by which nothing of the first one is due any more, or by which something is.
    has_changed: bool,
}

/// Every status that was ever written, by debrief.
struct World {
    start: Moment,
    versions: [Vec<Debrief>; 2],
    /// What was decided.
    decided: HashMap<Seen, Option<(DebriefStatus, bool)>>,
    /// Whether nobody asks who else has claimed it.
    trusts_its_watch: bool,
}

/// The most crashes, and the most times that a pause between two tries goes by.
const CRASHES: usize = 1;
const LATER: u64 = 1;

impl World {
    fn new(trusts_its_watch: bool, first_is_due: bool) -> Self {
        let start = moment("2026-11-25T09:00:00Z");
        // Everything was told but the reminder.
        let mut team = Team::new(vec![named("a"), named("b")]);
        team.look(moment("2026-11-24T11:00:00Z"));
        if !first_is_due {
            move_meeting(&mut team.debriefs[0]);
        }
        let versions = [0, 1].map(|one| vec![team.debriefs[one].clone()]);
        Self { start, versions, decided: HashMap::new(), trusts_its_watch }
    }

    fn now(&self, state: &State) -> Moment {
        self.start + Duration::seconds(60).times(i32::try_from(state.later).unwrap())
    }

    fn peers(&self, of: Both, now: Moment) -> Vec<Peer> {
        (0..2).map(|one| Peer::of(&self.versions[one][of[one]], now)).collect()
    }

    /// Writes the status on that version, unless another one was written meanwhile.
    fn write(&mut self, state: &mut State, one: usize, on: usize, status: DebriefStatus) -> bool {
        if state.latest[one] != on {
            return false;
        }
        let written = Debrief { status: Some(status), ..self.versions[one][on].clone() };
        // A version that was written again after another one is yet another one, for whoever has read the first.
        self.versions[one].push(written);
        state.latest[one] = self.versions[one].len() - 1;
        true
    }

    /// Everything that may happen next.
    fn steps(&mut self, state: &State) -> Vec<State> {
        let mut next = Vec::new();
        if state.later < LATER {
            // Whoever has not sent by now sends it no more; what was sent and is not written down by now is tried again.
            let mut later = State { later: state.later + 1, ..state.clone() };
            for (_, phase) in &mut later.operators {
                match phase {
                    Phase::Claimed(..) | Phase::Sends(..) => *phase = Phase::Looks,
                    Phase::Writes(_, _, true) => later.unanswered += 1,
                    _ => {}
                }
            }
            next.push(later);
        }
        if !state.has_changed {
            let mut changed = State { has_changed: true, ..state.clone() };
            let mut first = self.versions[0][state.latest[0]].clone();
            move_meeting(&mut first);
            changed.latest[0] = self.versions[0].len();
            self.versions[0].push(first);
            next.push(changed);
        }
        for operator in 0..2 {
            let (heard, phase) = state.operators[operator].clone();
            for one in 0..2 {
                let mut told = state.clone();
                told.operators[operator].0[one] = state.latest[one];
                next.push(told);
            }
            if phase != Phase::Looks && state.crashes < CRASHES {
                let mut crashed = State { crashes: state.crashes + 1, ..state.clone() };
                crashed.operators[operator] = (state.latest, Phase::Looks);
                crashed.unanswered += usize::from(matches!(phase, Phase::Writes(_, _, true)));
                next.push(crashed);
            }
            match phase {
                Phase::Looks => {
                    next.extend((0..2).filter_map(|one| self.look(state, operator, one)));
                }
                Phase::Claimed(one, on) => next.push(self.ask(state, operator, (one, on), heard)),
                Phase::Sends(one, on) => {
                    let mut sent = State { sent: state.sent + 1, ..state.clone() };
                    sent.operators[operator].1 = Phase::Writes(one, on, true);
                    next.push(sent);
                }
                Phase::Writes(one, on, sent) => {
                    next.push(self.record(state, operator, (one, on, sent)));
                }
            }
        }
        next
    }

    /// The operator looks at one of them, as it has heard of it.
    fn look(&mut self, state: &State, operator: usize, one: usize) -> Option<State> {
        let (now, heard) = (self.now(state), state.operators[operator].0);
        if state.latest[one] != heard[one] {
            return None;
        }
        let key = (one, [0, 1].map(|one| self.shown(one, heard[one])), state.later);
        let decided = self.decided.get(&key).cloned().unwrap_or_else(|| {
            let peers = self.peers(heard, now);
            match choose(&self.versions[one][heard[one]], &|| peers.clone(), None, now) {
                Decision::Record(status) => Some((*status, false)),
                Decision::Tell { claim, what: Notice::Reminder, .. } => Some((*claim, true)),
                _ => None,
            }
        });
        self.decided.insert(key, decided.clone());
        let (status, claims) = decided?;
        let mut next = state.clone();
        if !self.write(&mut next, one, heard[one], status) {
            return None;
        }
        let written = next.latest[one];
        let (heard, phase) = &mut next.operators[operator];
        heard[one] = written;
        if claims {
            *phase = Phase::Claimed(one, written);
        }
        Some(next)
    }

    fn ask(&self, state: &State, operator: usize, (one, on): (usize, usize), heard: Both) -> State {
        let now = self.now(state);
        let own = &self.versions[one][on];
        let day = "2026-11-25";
        let (heard_of, live) = (self.peers(heard, now), self.peers(state.latest, now));
        let left = !self.trusts_its_watch && is_left_to_another(own, day, &heard_of, &live);
        let mut asked = state.clone();
        asked.operators[operator].1 =
            if left { Phase::Writes(one, on, false) } else { Phase::Sends(one, on) };
        asked
    }

    fn record(
        &mut self,
        state: &State,
        operator: usize,
        (one, on, sent): (usize, usize, bool),
    ) -> State {
        let now = self.now(state);
        let delivery = if sent { Delivery::Delivered } else { Delivery::LeftToAnother };
        let told = Told { what: Notice::Reminder, at: now, delivery };
        let peers = self.peers(state.latest, now);
        let debrief = self.versions[one][on].clone();
        let mut recorded = state.clone();
        match choose(&debrief, &|| peers.clone(), Some(&told), now) {
            Decision::Record(status) => {
                recorded.operators[operator].1 = if self.write(&mut recorded, one, on, *status) {
                    recorded.operators[operator].0[one] = recorded.latest[one];
                    Phase::Looks
                } else if sent {
                    // It reads it anew, and still knows what became of it.
                    Phase::Writes(one, state.latest[one], sent)
                } else {
                    Phase::Looks
                };
            }
            _ => recorded.operators[operator].1 = Phase::Looks,
        }
        recorded
    }

    /// What matters of one version.
    fn shown(&self, one: usize, version: usize) -> String {
        let debrief = &self.versions[one][version];
        let status = debrief.status.as_ref().unwrap();
        let reminder = status.messages.iter().find(|message| message.what == Notice::Reminder);
        let reminder =
            reminder.map(|message| (message.tries, message.tried, message.delivered.is_some()));
        format!("{reminder:?}{}{:?}", debrief.spec.meeting.is_some(), status.due)
    }

    /// The same state with versions that are alike shown alike.
    fn canonical(&self, state: &State) -> String {
        let shown =
            |one: usize, version: usize| (state.latest[one] == version, self.shown(one, version));
        let operators = state.operators.iter().map(|(heard, phase)| {
            let phase = match phase {
                Phase::Looks => "looks".to_owned(),
                Phase::Claimed(one, on) => format!("claimed {one} {:?}", shown(*one, *on)),
                Phase::Sends(one, on) => format!("sends {one} {:?}", shown(*one, *on)),
                Phase::Writes(one, on, sent) => {
                    format!("writes {one} {:?} {sent}", shown(*one, *on))
                }
            };
            (shown(0, heard[0]), shown(1, heard[1]), phase)
        });
        let operators = operators.collect::<Vec<_>>();
        let latest = [shown(0, state.latest[0]), shown(1, state.latest[1])];
        let counts = (state.later, state.sent, state.unanswered, state.crashes, state.has_changed);
        format!("{latest:?} {operators:?} {counts:?}")
    }

    /// Whether one healthy operator that has heard of everything comes to an end with the reminder sent.
    fn comes_to_it(&mut self, state: &State) -> bool {
        let known = [0, 1].map(|one| self.versions[one].len());
        let comes = self.goes_on(state);
        (0..2).for_each(|one| self.versions[one].truncate(known[one]));
        comes
    }

    fn goes_on(&mut self, state: &State) -> bool {
        let mut state = State { later: LATER + 1, ..state.clone() };
        state.operators = [(state.latest, Phase::Looks), (state.latest, Phase::Looks)];
        for _ in 0..20 {
            if state.sent > 0 {
                return true;
            }
            let heard = state.operators[0].clone();
            let next = match heard.1 {
                Phase::Looks => (0..2).find_map(|one| self.look(&state, 0, one)),
                Phase::Claimed(one, on) => Some(self.ask(&state, 0, (one, on), heard.0)),
                Phase::Sends(..) => return true,
                Phase::Writes(one, on, sent) => Some(self.record(&state, 0, (one, on, sent))),
            };
            // A claim of another one that crashed is tried again when its pause is over.
            state = next.unwrap_or_else(|| State { later: state.later + 1, ..state });
            state.operators[0].0 = state.latest;
        }
        false
    }
}

/// Puts the meeting off until the day after tomorrow, or lets it be due.
fn move_meeting(debrief: &mut Debrief) {
    let put_off = serde_json::json!({"scheduledAt": "2026-11-27T10:00:00Z"});
    debrief.spec.meeting = match debrief.spec.meeting {
        Some(_) => None,
        None => serde_json::from_value(put_off).unwrap(),
    };
}

/// The first state in which the team heard it too often or would never hear it, and how many there were.
fn explored(trusts_its_watch: bool, first_is_due: bool) -> (Option<State>, usize) {
    let mut world = World::new(trusts_its_watch, first_is_due);
    let start = State {
        later: 0,
        latest: [0, 0],
        operators: [([0, 0], Phase::Looks), ([0, 0], Phase::Looks)],
        sent: 0,
        unanswered: 0,
        crashes: 0,
        has_changed: false,
    };
    let (mut seen, mut open) = (HashSet::new(), vec![start]);
    while let Some(state) = open.pop() {
        if !seen.insert(world.canonical(&state)) {
            continue;
        }
        if state.sent > 1 + state.unanswered || !world.comes_to_it(&state) {
            return (Some(state), seen.len());
        }
        open.extend(world.steps(&state));
    }
    (None, seen.len())
}

#[test]
fn of_two_operators_that_have_heard_different_things_one_tells_the_team() {
    for first_is_due in [true, false] {
        let (wrong, states) = explored(false, first_is_due);
        assert_eq!(wrong, None);
        println!("{states} states");
    }
}

#[test]
fn whoever_trusts_its_watch_tells_the_team_twice() {
    let (wrong, _) = explored(true, false);
    assert!(wrong.is_some_and(|state| state.sent > 1 + state.unanswered));
}
