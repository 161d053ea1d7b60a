//! What is to be done about a debrief on a working morning, and what a team is told of all of its debriefs then.
//!
//! Of all debriefs of a team that have something due, the first one by namespace and name carries the reminder of the day:
//! it is written down there before it leaves. Whoever has heard of a reminder of that day sends none.

use super::{
    phrase::{capitalized, opened_as, second},
    proof, stage,
};
use crate::{
    api::{
        Debrief, DebriefSpec, DebriefStatus, Duration, Moment,
        debrief::{ActionItem, DebriefMessage, Horizon, ItemState, Notice, Stage},
    },
    core::{calendar::Calendar, span::crop, words::harmless},
};

/// How long a text is at most; what a chat takes is not less.
const TEXT: usize = 2000;
/// So many debriefs are named in one reminder.
const NAMED: usize = 15;
/// The checkpoint is so long after the meeting, and again after each that was held.
const CHECKPOINT: Duration = Duration::minutes(14 * 24 * 60);
/// An item is told of so long before it is due.
const AHEAD: Duration = Duration::minutes(2 * 24 * 60);
/// The checkpoint is told of in the morning of its day.
const TODAY: Duration = Duration::minutes(12 * 60);
/// The review of an accepted risk is told of so long before.
const REVIEW_AHEAD: Duration = Duration::minutes(7 * 24 * 60);

/// What one debrief has to do with the reminder of its team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its namespace and name.
    pub name: (String, String),
    /// What is due, in a few words each.
    pub due: Vec<String>,
    /// The day of the reminder that it carries.
    pub reminded: Option<String>,
}

impl Peer {
    /// What this debrief has to do with it at that instant.
    #[must_use]
    pub fn of(debrief: &Debrief, now: Moment) -> Self {
        let mut messages = debrief.status.iter().flat_map(|status| &status.messages);
        let reminder = messages.find(|message| message.what == Notice::Reminder);
        Self {
            name: name_of(debrief),
            due: debrief.status.as_ref().map_or_else(Vec::new, |status| {
                if is_news(status, now) { Vec::new() } else { due(&debrief.spec, status, now) }
            }),
            reminded: reminder.and_then(|reminder| reminder.day.clone()),
        }
    }
}

/// Its namespace and name.
fn name_of(debrief: &Debrief) -> (String, String) {
    let metadata = &debrief.metadata;
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// Whether people were told on this day that it has opened, and by when to meet.
fn is_news(status: &DebriefStatus, now: Moment) -> bool {
    let opened = status.messages.iter().find(|message| message.what == Notice::Opened);
    opened.is_none_or(|opened| now < opened.tried + TODAY)
}

/// The team that answers for a debrief: the owner of what missed, else that of its first item.
#[must_use]
pub fn team(debrief: &Debrief) -> &str {
    let spec = &debrief.spec;
    let owner = spec.evidence.as_ref().map(|evidence| evidence.owner.as_str());
    owner
        .or_else(|| spec.action_items.first().map(|item| item.owner_team.as_str()))
        .unwrap_or_default()
}

/// What is to be done about a debrief, in a few words each.
fn due(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> Vec<String> {
    let stage = stage::of(spec, status, now);
    let mut told = Vec::new();
    match stage {
        Stage::AwaitingResolution => {
            told.push("say when the service was back: firedrill debrief resolved".to_owned());
        }
        Stage::AwaitingDebrief => told.extend(meeting(spec, status, now)),
        Stage::Verifying => {
            let lacks = status.questions.iter().filter(|question| !proof::is_proven(question));
            let waits =
                lacks.clone().any(|question| question.not_before.is_some_and(|at| at > now));
            if !waits {
                told.extend(
                    lacks.map(|question| {
                        format!("prove {}: {}", question.objective, question.lacks)
                    }),
                );
            }
        }
        Stage::Acting | Stage::ClosedUnverified => {}
        Stage::Closed | Stage::Dismissed => return told,
    }
    told.extend(checkpoint(spec, now));
    told.extend(spec.action_items.iter().filter_map(|item| late(spec, item, now)));
    let review = spec.accepted_risk.as_ref().map(|risk| risk.review_at);
    told.extend(
        review
            .filter(|at| *at <= now + REVIEW_AHEAD)
            .map(|at| format!("review the accepted risk by {}", second(at))),
    );
    told
}

fn meeting(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> Option<String> {
    if spec.held_at().is_some_and(|held| held <= now) {
        let lacks = stage::lacking(spec, status, now);
        return Some(format!("the meeting lacks {}", lacks.join("; ")));
    }
    let window = status.window.as_ref()?;
    let scheduled = spec.meeting.as_ref().and_then(|meeting| meeting.scheduled_at);
    let (from, to) = scheduled.map_or((window.not_before, window.not_after), |at| (at, at));
    let day_before = from.minus(Duration::minutes(24 * 60));
    if now > to {
        Some(format!("the meeting is overdue since {}", second(to)))
    } else if now >= day_before {
        Some(match scheduled {
            Some(at) => format!("the meeting is at {}", second(at)),
            None => format!("meet between {} and {}", second(from), second(to)),
        })
    } else {
        None
    }
}

/// The checkpoint, as long as something immediate is to be done.
fn checkpoint(spec: &DebriefSpec, now: Moment) -> Option<String> {
    let held = spec.held_at()?;
    let is_open =
        |item: &ActionItem| item.state == ItemState::Open && item.horizon == Horizon::Immediate;
    if !spec.action_items.iter().any(is_open) {
        return None;
    }
    let checkpoints = spec.checkpoints.iter().map(|checkpoint| checkpoint.held_at);
    let last = checkpoints.filter(|at| *at <= now).max().unwrap_or(held).max(held);
    let due = last + CHECKPOINT;
    (now + TODAY >= due)
        .then(|| format!("hold a checkpoint (due {}): immediate items are open", second(due)))
}

/// An item that is due soon, or was.
fn late(spec: &DebriefSpec, item: &ActionItem, now: Moment) -> Option<String> {
    let due = stage::due_of(spec, item).filter(|_| item.state == ItemState::Open)?;
    let (id, title) = (&item.id, &item.title);
    if due <= now {
        Some(format!("item {id} ({title}) is overdue since {}", second(due)))
    } else if due <= now + AHEAD {
        Some(format!("item {id} ({title}) is due at {}", second(due)))
    } else {
        None
    }
}

/// The day of the reminder that this debrief is to carry now, for the team whose debriefs these are; absent where another
/// one does, nothing is due or nobody works now.
#[must_use]
pub fn to_remind(debrief: &Debrief, peers: &[Peer], now: Moment) -> Option<String> {
    let day = Calendar::of(&debrief.spec.policy).ok()?.working_day(now)?.to_string();
    let is_told = |peer: &Peer| peer.reminded.as_deref() >= Some(day.as_str());
    let first = peers.iter().filter(|peer| !peer.due.is_empty()).min_by_key(|peer| &peer.name)?;
    (first.name == name_of(debrief) && !peers.iter().any(is_told)).then_some(day)
}

/// Whether the reminder of that day is left to another debrief of the team. It is asked when this one has claimed it, of
/// those that are open no earlier than that claim (`live`): of two that were claimed at once, the later one has the earlier
/// one among them, whatever each operator had `heard` before. One that is open no more may have carried it.
#[must_use]
pub fn is_left_to_another(debrief: &Debrief, day: &str, heard: &[Peer], live: &[Peer]) -> bool {
    let own = name_of(debrief);
    let carries = |peer: &Peer| peer.name != own && peer.reminded.as_deref() >= Some(day);
    let is_open = |peer: &Peer| peer.name == own || live.iter().any(|live| live.name == peer.name);
    live.iter().any(carries) || !heard.iter().all(is_open)
}

/// The words of a message.
#[must_use]
pub fn text(debrief: &Debrief, message: &DebriefMessage, peers: &[Peer]) -> String {
    let name = debrief.metadata.name.as_deref().unwrap_or_default();
    let namespace = debrief.metadata.namespace.as_deref().unwrap_or_default();
    let status = debrief.status.clone().unwrap_or_default();
    let title = &debrief.spec.title;
    let show = format!("firedrill debrief show {name} -n {namespace}");
    let lines = match message.what {
        Notice::Opened => {
            let meeting = match &status.window {
                Some(window) => format!(
                    "Meet between {} and {}.",
                    second(window.not_before),
                    second(window.not_after)
                ),
                None => "The service is not back as far as is known.".to_owned(),
            };
            let missed = status.missed.unwrap_or_default();
            let about = opened_as(debrief.spec.source.kind)
                .map_or_else(|| format!("{missed} missed"), str::to_owned);
            vec![
                format!(
                    "Debrief {name} in namespace {namespace} opened for {}: {title}",
                    team(debrief)
                ),
                format!("{} ({about}). {meeting}", debrief.spec.severity),
                show,
            ]
        }
        Notice::Ended => {
            let how =
                status.stage.map_or_else(String::new, |stage| capitalized(&stage.to_string()));
            vec![format!("Debrief {name} in namespace {namespace} is over ({how}): {title}"), show]
        }
        Notice::Reminder => reminder(debrief, peers),
    };
    let lines = lines.iter().map(|line| harmless(line)).collect::<Vec<_>>();
    crop(lines.join("\n"), TEXT)
}

fn reminder(debrief: &Debrief, peers: &[Peer]) -> Vec<String> {
    let mut due: Vec<&Peer> = peers.iter().filter(|peer| !peer.due.is_empty()).collect();
    due.sort_by_key(|peer| &peer.name);
    let mut lines = vec![format!("Debriefs of {}, to be done:", team(debrief))];
    for Peer { name: (namespace, name), due, .. } in due.iter().take(NAMED) {
        lines.push(format!("- {name} in {namespace}: {}", due.join("; ")));
    }
    let more = due.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more: firedrill debrief list -A"));
    }
    lines
}
