//! The words of announcements: instants and not "now", as each may arrive late or twice.

use jiff::Zoned;

use crate::{
    api::{
        Duration, ExperimentSpec, GameDayRunStatus, GameDaySpec, Moment,
        game_day::Step,
        game_day_run::{Announcement, DayFactName, Notice, StepResult},
    },
    core::{
        gameday::{
            day::{
                observed::{Observed, START_WITHIN, needs},
                seen::words,
            },
            schedule::Schedule,
        },
        span::crop,
        words::{count, harmless},
    },
    faults::{self, Harm, taking::Amount},
};

/// How long a text is at most; what a chat takes is not less.
const TEXT: usize = 2000;

/// The text of an announcement.
pub(super) fn text(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    one: &Announcement,
) -> String {
    let told = Told { observed, status, spec: spec(observed, status) };
    let lines = match one.what {
        Notice::Before => told.before(),
        Notice::Go => told.go(),
        Notice::NoGo => vec![format!("{}: {}.", told.subject(), told.summary())],
        Notice::Injection => told.step(one),
        Notice::End => told.end(),
        Notice::Cancelled => told.cancelled(),
    };
    let lines = lines.iter().map(|line| harmless(line)).collect::<Vec<_>>();
    crop(lines.join("\n"), TEXT)
}

/// What an experiment breaks, in a few words.
#[must_use]
pub fn breaks(spec: &ExperimentSpec) -> String {
    let (fault, target) = (faults::behaviour(&spec.fault), &spec.target);
    let words = match (fault.means.taking(), fault.harm) {
        (Some(taking), _) => {
            let pods = match taking.amount {
                Amount::Count(pods) => count(pods, "pod"),
                Amount::Percent(percent) => format!("{percent} % of the pods"),
            };
            let again = taking.every.map(|every| format!(", again every {every}"));
            format!("{target} loses {pods}{}", again.unwrap_or_default())
        }
        (None, Harm::Target(what)) => format!("{what} of {target}"),
        (None, Harm::Dependency { name, kind: Some(kind) }) => {
            format!("{target} loses {kind} {name}")
        }
        (None, Harm::Dependency { name, kind: None }) => format!("{target} loses {name}"),
        (None, Harm::Pods) => format!("{} of {target}", fault.means.verb()),
    };
    self::words(&words)
}

/// What runs, where that is known: as it was at the go, else as the plan is now.
fn spec<'a>(observed: &Observed<'a>, status: &'a GameDayRunStatus) -> Option<&'a GameDaySpec> {
    let frozen = status.plan.as_ref().map(|plan| &plan.spec);
    frozen.or_else(|| observed.plan.map(|plan| &plan.spec))
}

fn utc(at: Moment) -> String {
    at.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

struct Told<'a> {
    observed: &'a Observed<'a>,
    status: &'a GameDayRunStatus,
    spec: Option<&'a GameDaySpec>,
}

impl Told<'_> {
    fn namespace(&self) -> &str {
        self.observed.day.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn subject(&self) -> String {
        let (day, plan) = (self.observed.name(), &self.observed.day.spec.game_day);
        format!("Game day {day} of plan {plan} in namespace {}", self.namespace())
    }

    fn summary(&self) -> &str {
        self.status.summary.as_deref().unwrap_or("it is over").trim_end_matches('.')
    }

    fn stop(&self) -> String {
        let (day, namespace) = (self.observed.name(), self.namespace());
        format!("Stop it: firedrill gameday abort {day} -n {namespace} --reason WHY")
    }

    /// By the plan's clock and by UTC.
    fn when(&self, at: Moment) -> String {
        let schedule = self.spec.and_then(|spec| Schedule::parse(spec).ok());
        let local = |schedule: Schedule| -> Zoned { schedule.local(at) };
        let local = schedule.map(local).filter(|local| local.offset() != jiff::tz::Offset::UTC);
        let local = local.map(|local| local.strftime("%a %Y-%m-%d %H:%M %Z, ").to_string());
        format!("{}{}", local.unwrap_or_default(), utc(at))
    }

    /// The steps of which people may know before.
    fn steps(&self) -> Option<String> {
        let steps = self.spec?.steps.iter().filter(|step| !step.unannounced);
        let steps = steps.map(|step| format!("{} ({})", step.name, &*step.experiment));
        let steps = steps.collect::<Vec<_>>().join(", ");
        (!steps.is_empty()).then(|| format!("Steps: {steps}."))
    }

    fn before(&self) -> Vec<String> {
        let spec = &self.observed.day.spec;
        let begins = self.observed.day.begins().unwrap_or(self.observed.now);
        let by = spec.started_by.as_ref().map(|by| format!(", started by {by}"));
        let by = by.unwrap_or_default();
        let dry =
            if spec.dry_run { " Its gates alone are looked at: nothing is broken." } else { "" };
        let first = format!("{} begins at {}{by}.{dry}", self.subject(), self.when(begins));
        let owner = self.spec.and_then(|spec| spec.roles.as_ref()?.owner.as_ref());
        let owner = owner.map(|owner| format!("Owner: {owner}."));
        [Some(first), self.steps(), owner, Some(self.stop())].into_iter().flatten().collect()
    }

    fn go(&self) -> Vec<String> {
        let ends = self.must_be_over().map(|at| format!(" Its last fault is over by {}.", utc(at)));
        let first =
            format!("{} is a go: every gate is open.{}", self.subject(), ends.unwrap_or_default());
        [Some(first), self.steps(), Some(self.stop())].into_iter().flatten().collect()
    }

    fn cancelled(&self) -> Vec<String> {
        let at = self
            .observed
            .day
            .begins()
            .map(|at| format!(", which was to begin at {},", self.when(at)));
        let at = at.unwrap_or_default();
        vec![format!(
            "{}{at} is cancelled: {}. Nothing was broken.",
            self.subject(),
            self.summary()
        )]
    }

    fn end(&self) -> Vec<String> {
        let (day, namespace) = (self.observed.name(), self.namespace());
        let outcome = self.status.outcome.map(|outcome| outcome.to_string()).unwrap_or_default();
        vec![
            format!("{} is over, {outcome}: {}.", self.subject(), self.summary()),
            format!("Its report: firedrill gameday report {day} -n {namespace}"),
        ]
    }

    fn must_be_over(&self) -> Option<Moment> {
        let go = self.status.fact(DayFactName::Go)?;
        Some(go.at + self.status.plan.as_ref()?.spec.end_by)
    }

    fn step(&self, one: &Announcement) -> Vec<String> {
        let planned =
            self.spec.and_then(|spec| spec.steps.iter().find(|step| step.name == one.step));
        let result = self.status.steps.iter().find(|step| step.name == one.step);
        match (planned, result) {
            (Some(planned), Some(result)) if planned.unannounced => {
                self.told_after(planned, result)
            }
            (Some(planned), _) => self.injection(planned, one.at),
            (None, _) => vec![format!("{}: step {} begins.", self.subject(), one.step)],
        }
    }

    /// Which step breaks what.
    fn what(&self, step: &Step) -> String {
        let planned = self.status.plan.as_ref().and_then(|plan| plan.experiment_of(step));
        let breaks =
            planned.map(|planned| planned.breaks.as_str()).filter(|words| !words.is_empty());
        let breaks = breaks.map(|words| format!(": {words}")).unwrap_or_default();
        format!("step {}, experiment {}{breaks}", step.name, &*step.experiment)
    }

    fn injection(&self, step: &Step, at: Moment) -> Vec<String> {
        let plan = self.status.plan.as_ref();
        let lasts = plan.map_or_else(Duration::default, |plan| needs(plan, step));
        let over = at + START_WITHIN + lasts;
        let over = self.must_be_over().map_or(over, |end| over.min(end));
        vec![
            format!("{}: {}.", self.subject(), self.what(step)),
            format!("It may break from {} on, and is over by {}.", utc(at), utc(over)),
            self.stop(),
        ]
    }

    fn told_after(&self, step: &Step, result: &StepResult) -> Vec<String> {
        let between = result.started_at.zip(result.over_at);
        let between = between.map(|(from, to)| format!(", from {} to {}", utc(from), utc(to)));
        let between = between.unwrap_or_default();
        let summary = result.summary.as_ref().or(result.skipped.as_ref());
        let summary = summary.map(|words| format!(". {words}")).unwrap_or_default();
        vec![format!("{}: unannounced {}{between}{summary}", self.subject(), self.what(step))]
    }
}
