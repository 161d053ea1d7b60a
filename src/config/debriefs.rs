//! By which hours and which proof debriefs are held, and for which teams otherwise.

use serde::Deserialize;

use super::{Chat, ClosedDays};
use crate::api::{
    Duration, ExperimentRun,
    debrief::Policy,
    game_day::{Blackout, Weekday},
};

/// What holds for every debrief that opens from now on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Debriefs {
    /// For every team; default Monday to Friday from 09:00 to 18:00 in UTC, two passes a day apart.
    pub policy: PolicyKeys,
    /// Teams for which something else holds, by the `owner` of their experiments.
    pub owners: Vec<Team>,
}

/// A team for which something else holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Team {
    /// The owner, as experiments name it.
    pub owner: String,
    /// The namespaces in which that name is this team's.
    pub namespaces: Vec<String>,
    /// What holds otherwise; a key that is left out is as for every team.
    #[serde(default)]
    pub policy: PolicyKeys,
    /// Where this team is told of its debriefs; default where everybody is told of game days.
    #[serde(default)]
    pub chat: Option<Chat>,
}

/// The keys of a policy; one that is left out is as before.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyKeys {
    /// The time zone of the hours, by its IANA name.
    pub time_zone: Option<String>,
    /// The days on which people work.
    pub days: Option<Vec<Weekday>>,
    /// The hours at which people work, such as `09:00-18:00`.
    pub hours: Option<String>,
    /// Days on which nobody works.
    pub closed: Option<Vec<ClosedDays>>,
    /// The meeting is at the earliest so long after the resolution.
    pub meeting_after: Option<Duration>,
    /// And at the latest so long after it.
    pub meeting_within: Option<Duration>,
    /// How many runs in a row must answer a question with Yes, from 1 to 20.
    pub passes: Option<i32>,
    /// How long one of them is after the one before.
    pub spacing: Option<Duration>,
    /// How many of them must be unannounced.
    pub unannounced: Option<i32>,
}

impl Debriefs {
    /// The policy of a debrief that this run opens.
    #[must_use]
    pub fn policy(&self, run: &ExperimentRun) -> Policy {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        let owner = run.effective_spec(None).map(|spec| spec.owner.as_str()).unwrap_or_default();
        self.of(owner, namespace)
    }

    /// The policy of that owner in that namespace.
    fn of(&self, owner: &str, namespace: &str) -> Policy {
        match self.team(owner, namespace) {
            Some(team) => team.policy.over(self.common()),
            None => self.common(),
        }
    }

    /// The team of that name, where the namespace may use it.
    #[must_use]
    pub fn team(&self, owner: &str, namespace: &str) -> Option<&Team> {
        let is_ours = |team: &&Team| {
            team.owner == owner && team.namespaces.iter().any(|named| named == namespace)
        };
        self.owners.iter().find(is_ours)
    }

    /// Every policy that a debrief may get, with the key that says it.
    pub fn policies(&self) -> impl Iterator<Item = (String, Policy)> {
        let teams = self.owners.iter().enumerate().map(|(index, team)| {
            (format!("debriefs.owners[{index}].policy"), team.policy.over(self.common()))
        });
        std::iter::once(("debriefs.policy".to_owned(), self.common())).chain(teams)
    }

    /// The policy of whoever has no other.
    fn common(&self) -> Policy {
        self.policy.over(Policy::default())
    }
}

impl PolicyKeys {
    fn over(&self, base: Policy) -> Policy {
        let keys = self.clone();
        Policy {
            time_zone: keys.time_zone.unwrap_or(base.time_zone),
            days: keys.days.unwrap_or(base.days),
            hours: keys.hours.unwrap_or(base.hours),
            closed: keys
                .closed
                .map_or(base.closed, |days| days.iter().map(ClosedDays::shown).collect()),
            meeting_after: keys.meeting_after.unwrap_or(base.meeting_after),
            meeting_within: keys.meeting_within.unwrap_or(base.meeting_within),
            passes: keys.passes.unwrap_or(base.passes),
            spacing: keys.spacing.unwrap_or(base.spacing),
            unannounced: keys.unannounced.unwrap_or(base.unannounced),
        }
    }
}

impl ClosedDays {
    /// As they stand in a resource.
    #[must_use]
    pub fn shown(&self) -> Blackout {
        Blackout {
            from: self.from.to_string(),
            to: self.to.to_string(),
            reason: self.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_has_its_own_policy_in_its_own_namespaces_alone() {
        let text =
            "policy: {passes: 3, closed: [{from: 2026-12-24, to: 2026-12-26, reason: holidays}]}
owners: [{owner: checkout, namespaces: [shop], policy: {timeZone: Europe/Berlin, passes: 4}}]";
        let debriefs: Debriefs = serde_yaml::from_str(text).unwrap();
        let of = |owner: &str, namespace: &str| {
            let policy = debriefs.of(owner, namespace);
            (policy.time_zone, policy.passes, policy.closed.len())
        };
        assert_eq!(of("checkout", "shop"), ("Europe/Berlin".to_owned(), 4, 1));
        assert_eq!(of("checkout", "other"), ("UTC".to_owned(), 3, 1));
        assert_eq!(of("search", "shop"), ("UTC".to_owned(), 3, 1));
        let keys: Vec<_> = debriefs.policies().map(|(key, _)| key).collect();
        assert_eq!(keys, ["debriefs.policy", "debriefs.owners[0].policy"]);
        let error = serde_yaml::from_str::<Debriefs>("policy: {pases: 3}").unwrap_err().to_string();
        assert!(error.contains("pases"), "{error}");
    }
}
