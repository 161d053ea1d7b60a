//! Everything that can happen next in a state.

use std::fmt;

use super::{
    objects::{self, LATE},
    people::Person,
    product::Product,
    state::{Controller, Doing, Message, Sender, Spent, State},
    table::{Id, Table},
    variant::Variant,
};

/// How often things may happen, and how many steps the plan has.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub steps: usize,
    /// Changes that an operator hears of later than they are, and pauses between a read, or an answer, and what is
    /// done about it.
    pub late: u8,
    /// Crashes, and writes that are given up while they are on their way.
    pub losses: u8,
    /// Writes that arrive twice.
    pub repeats: u8,
    /// What people do.
    pub people: u8,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, late, losses, repeats, people } = self;
        let steps = if *steps == 1 { "1 step " } else { "2 steps" };
        write!(
            f,
            "{steps}, <={late} late, <={losses} lost, <={repeats} twice, <={people} by people"
        )
    }
}

/// Something that happens, and who does not hear of it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    what: What,
    late: Option<(usize, Stream)>,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Look(Sender),
    Hear(usize, Stream),
    Crash(usize),
    GiveUp(Message),
    Arrive(Message),
    ArriveAndStay(Message),
    Lose(Message),
    Run(&'static str),
    Person(Person),
    Time,
}

/// What a watch brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Plan,
    Day,
    Lever,
}

/// The model: the product in its surroundings.
pub struct Model {
    pub product: Product,
    pub bounds: Bounds,
    /// What a watch has brought last, and what it has still to bring.
    pub queues: Table<Vec<Option<Id>>>,
}

impl Model {
    pub fn new(variant: Variant, bounds: Bounds) -> Self {
        Self { product: Product::new(variant), bounds, queues: Table::new() }
    }

    pub fn beginning(&mut self) -> State {
        State::new(self.product.plans.id(objects::plan(self.bounds.steps)))
    }

    /// Every act that is possible, and the state after it.
    pub fn successors(&mut self, state: &State, found: &mut Vec<(Act, State)>) {
        found.clear();
        if state.past.broken.is_some() {
            return;
        }
        let mut add = |what, next: State| {
            if next != *state {
                found.push((Act { what, late: None }, next));
            }
        };
        for place in 0..2 {
            self.operator(state, place, &mut add);
        }
        let mut last = None;
        for message in state.messages() {
            if last.replace(message) != Some(message) {
                self.network(state, message, &mut add);
            }
        }
        self.surroundings(state, &mut add);
        for index in 0..found.len() {
            let (act, next) = found[index];
            self.late(state, act, next, found);
        }
    }

    fn operator(&mut self, state: &State, place: usize, add: &mut impl FnMut(What, State)) {
        for controller in [Controller::Plans, Controller::Days] {
            let sender = Sender { place: u8::from(place == 1), controller };
            let mut next = *state;
            self.step(&mut next, sender);
            self.go_on(state, next, (sender, What::Look(sender)), add);
        }
        for stream in [Stream::Plan, Stream::Day, Stream::Lever] {
            let mut next = *state;
            self.hear(&mut next, place, stream);
            add(What::Hear(place, stream), next);
        }
        if state.spent.losses < self.bounds.losses {
            let mut next = *state;
            crash(&mut next, place);
            if next != *state {
                next.spent.losses += 1;
                add(What::Crash(place), next);
            }
        }
    }

    fn network(&mut self, state: &State, message: Message, add: &mut impl FnMut(What, State)) {
        let mut arrived = *state;
        let answer = self.arrives(&mut arrived, message.write);
        arrived.take(message);
        let mut next = arrived;
        self.answer(&mut next, message, Some(answer));
        match message.from {
            Some(sender) => self.go_on(state, next, (sender, What::Arrive(message)), add),
            None => add(What::Arrive(message), next),
        }
        if state.spent.repeats < self.bounds.repeats {
            next.send(Message { from: None, ..message });
            next.spent.repeats += 1;
            match message.from {
                Some(sender) => {
                    self.go_on(state, next, (sender, What::ArriveAndStay(message)), add)
                }
                None => add(What::ArriveAndStay(message), next),
            }
        }
        // One that nobody waits for may as well be on its way for ever.
        if message.from.is_none() {
            return;
        }
        let mut next = *state;
        next.take(message);
        self.answer(&mut next, message, None);
        add(What::Lose(message), next);
        if state.spent.losses < self.bounds.losses {
            next.send(Message { from: None, ..message });
            next.spent.losses += 1;
            add(What::GiveUp(message), next);
        }
    }

    /// A controller goes on at once with what it has read or heard, or later.
    fn go_on(
        &mut self,
        state: &State,
        reached: State,
        (sender, what): (Sender, What),
        add: &mut impl FnMut(What, State),
    ) {
        let is_between =
            |state: &State| !matches!(state.task(sender).stage, Doing::Waiting | Doing::Nothing);
        if !is_between(&reached) {
            add(what, reached);
            return;
        }
        let mut next = reached;
        self.look(&mut next, sender);
        add(what, next);
        if reached.spent.late < self.bounds.late && reached != *state {
            let spent = Spent { late: reached.spent.late + 1, ..reached.spent };
            add(what, State { spent, ..reached });
        }
    }

    fn surroundings(&mut self, state: &State, add: &mut impl FnMut(What, State)) {
        // By then every request is answered, or is not waited for any longer.
        let is_waited_for = state.messages().any(|message| message.from.is_some());
        if state.time < LATE && !is_waited_for {
            let mut next = *state;
            next.pass_time();
            add(What::Time, next);
        }
        for place in 0..state.runs.len() {
            let mut next = *state;
            if let Some(told) = self.run_goes_on(&mut next, place) {
                add(What::Run(told), next);
            }
        }
        if state.spent.people < self.bounds.people {
            for person in Person::ALL {
                let mut next = *state;
                if self.people(&mut next, person) {
                    next.spent.people += 1;
                    add(What::Person(person), next);
                }
            }
        }
    }

    /// The plan is that now, and whoever is behind will hear of it in its turn.
    pub fn set_plan(&mut self, state: &mut State, plan: Option<Id>) {
        if state.plan == plan {
            return;
        }
        for operator in &mut state.operators {
            operator.late_plan = operator.late_plan.map(|queue| self.behind(queue, plan));
        }
        state.plan = plan;
    }

    /// The same of the day.
    pub fn set_day(&mut self, state: &mut State, day: Option<Id>) {
        if state.day == day {
            return;
        }
        for operator in &mut state.operators {
            operator.late_day = operator.late_day.map(|queue| self.behind(queue, day));
        }
        state.day = day;
    }

    fn behind(&mut self, queue: Id, version: Option<Id>) -> Id {
        let mut versions = self.queues.get(queue).clone();
        versions.push(version);
        self.queues.id(versions)
    }

    /// The same act, of which one operator does not hear at once.
    fn late(&mut self, old: &State, act: Act, new: State, found: &mut Vec<(Act, State)>) {
        if new.spent.late >= self.bounds.late {
            return;
        }
        for place in 0..2 {
            let follows = new.operators[place];
            let (mut plan, mut day, mut lever) = (follows, follows, follows);
            let (plan_is_new, day_is_new) = (old.plan != new.plan, old.day != new.day);
            if plan_is_new && follows.late_plan.is_none() {
                plan.late_plan = Some(self.queues.id(vec![old.plan, new.plan]));
            }
            if day_is_new && follows.late_day.is_none() {
                day.late_day = Some(self.queues.id(vec![old.day, new.day]));
            }
            lever.late_lever |= old.lever != new.lever;
            for (stream, late) in [(Stream::Plan, plan), (Stream::Day, day), (Stream::Lever, lever)]
            {
                if late != follows {
                    let mut next = new;
                    next.operators[place] = late;
                    next.spent.late += 1;
                    found.push((Act { late: Some((place, stream)), ..act }, next));
                }
            }
        }
    }

    /// The watch of an operator that is behind brings the next version.
    fn hear(&mut self, state: &mut State, place: usize, stream: Stream) {
        let mut next = |queue: Option<Id>| {
            let versions = self.queues.get(queue?)[1..].to_vec();
            (versions.len() > 1).then(|| self.queues.id(versions))
        };
        let operator = &mut state.operators[place];
        match stream {
            Stream::Plan => operator.late_plan = next(operator.late_plan),
            Stream::Day => operator.late_day = next(operator.late_day),
            Stream::Lever => operator.late_lever = false,
        }
    }

    /// An act in words, and what an operator sends then.
    pub fn tell(&self, state: &State, act: Act, next: &State) -> String {
        let is_new = |message: &Message| state.messages().all(|known| known != *message);
        let sent = next.messages().filter(is_new).find(|message| message.from.is_some());
        let sends = sent.map(|message| self.product.writes.get(message.write).name());
        let sends = sends.map_or(String::new(), |name| format!(" -> sends {name}"));
        let late = act.late.map_or(String::new(), |(place, stream)| {
            format!("; {} will hear of the {stream:?} later", who(place))
        });
        format!("{}{sends}{late}", self.tell_what(act.what))
    }

    fn tell_what(&self, what: What) -> String {
        let told = |message: Message| {
            let from = message.from.map_or("nobody any more", |from| who(from.place.into()));
            format!("from {from}: {}", self.product.writes.get(message.write).name())
        };
        match what {
            What::Look(Sender { place, controller: Controller::Plans }) => {
                format!("{} looks at the plan", who(place.into()))
            }
            What::Look(Sender { place, controller: Controller::Days }) => {
                format!("{} looks at the day", who(place.into()))
            }
            What::Hear(place, stream) => format!("{} hears of the {stream:?}", who(place)),
            What::Crash(place) => format!("{} crashes", who(place)),
            What::GiveUp(message) => format!("is not waited for any longer, {}", told(message)),
            What::Arrive(message) => format!("arrives, {}", told(message)),
            What::ArriveAndStay(message) => {
                format!("arrives and will once more, {}", told(message))
            }
            What::Lose(message) => format!("is lost, {}", told(message)),
            What::Run(told) => told.to_owned(),
            What::Person(person) => format!("somebody: {person:?}"),
            What::Time => "time passes".to_owned(),
        }
    }
}

fn who(place: usize) -> &'static str {
    ["operator A", "operator B"][place]
}

/// Nothing is left of what the operator knew, but what it has sent; it begins with lists that are the present.
fn crash(state: &mut State, place: usize) {
    state.orphan(|sender| usize::from(sender.place) == place);
    state.operators[place] = super::state::Operator::default();
}
