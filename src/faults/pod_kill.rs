//! `podKill`: chosen pods of the target are evicted or deleted.

use super::{
    behaviour::{Behaviour, Harm, Means, Sign},
    taking::{Amount, Taking},
};
use crate::api::fault::PodKill;

pub(super) fn behaviour(kill: &PodKill) -> Behaviour<'_> {
    let amount = match (kill.count, kill.percent) {
        (None, Some(percent)) => Amount::Percent(percent),
        (count, _) => Amount::Count(count.unwrap_or(0)),
    };
    Behaviour {
        means: Means::Take(Taking {
            amount,
            order: kill.order,
            method: kill.method,
            grace_period: kill.grace_period,
            every: kill.every,
        }),
        harm: Harm::Pods,
        sign: Some(Sign::PodEnding),
    }
}
