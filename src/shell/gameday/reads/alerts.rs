//! What the alert sources tell the gates of a day.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::value::RawValue;

use crate::{
    api::{Duration, ExperimentSpec, game_day::GoNoGo, run::Warning},
    config::Endpoint,
    core::{
        alerts::{self, AlertReport},
        gameday::day::{Firing, Found},
        plan::Plan,
    },
    detectors::{self, Inquiry, Poll, SOURCES, Source},
    shell::{context::Context, sources, warnings},
};

/// How far back alerts are asked for: at the last evaluation of its rule an alert that is on has a sample.
const BACK: Duration = Duration::minutes(2);

/// The alerts of the namespace, and of none, that fire now and are not silenced; nobody is asked where the plan asks for none.
pub async fn firing(context: &Context, namespace: &str, asked: &GoNoGo) -> Firing {
    if asked.no_firing.is_empty() {
        return Firing::Known(Vec::new());
    }
    let sources = detectors::configured(&context.config);
    if sources.is_empty() {
        let keys = SOURCES.iter().map(|source| format!("{}.url", source.channel.name));
        return Firing::NoSource(keys.collect::<Vec<_>>().join(" or "));
    }
    let labels = context.config.alert_labels();
    let inquiry = Inquiry {
        back: BACK,
        label: labels.namespace.to_owned(),
        namespaces: [namespace.to_owned()].into(),
    };
    let ask = sources.iter().map(|(source, endpoint)| ask(context, source, endpoint, &inquiry));
    let mut reports = Vec::new();
    for ((source, _), told) in sources.iter().zip(join_all(ask).await) {
        match told {
            Ok(told) => reports.extend(told),
            Err(error) => {
                return Firing::Unknown(warnings::unreachable(source, &error).to_string());
            }
        }
    }
    Firing::Known(alerts::firing(&reports))
}

/// What one source says of the alerts that are on.
async fn ask(
    context: &Context,
    source: &'static Source,
    endpoint: &Endpoint,
    inquiry: &Inquiry,
) -> Result<Vec<AlertReport>, String> {
    let rules = context.checks.rules(&*context.net, source, endpoint).await?;
    let now = context.wall.now();
    let poll = Poll { now, since: now.minus(BACK), previous: None };
    let asked = inquiry.clone();
    let read = move |answer: &RawValue| {
        let alerts = (source.read)(answer, &asked, &rules)?;
        Ok(alerts.iter().filter_map(|alert| alert.report(&poll)).collect())
    };
    sources::ask(&*context.net, endpoint, (source.alerts)(inquiry), read).await
}

/// What is wrong with the alerts that each valid experiment expects, by its name: no rule can fire one, or a source
/// cannot be asked.
pub async fn expected(
    context: &Context,
    namespace: &str,
    experiments: &BTreeMap<String, Found<ExperimentSpec>>,
) -> BTreeMap<String, Vec<Warning>> {
    let valid = experiments.iter().filter_map(|(name, found)| match found {
        Found::There(spec) => Some((name, Plan::parse(spec).ok()?)),
        Found::Missing | Found::Unreadable(_) => None,
    });
    let judged = valid.map(async |(name, plan)| {
        (name.clone(), warnings::of_alerts(context, namespace, &plan).await)
    });
    join_all(judged).await.into_iter().collect()
}

/// How many percent of the error budget of the namespace are left, where the plan asks for that.
pub async fn error_budget(
    context: &Context,
    namespace: &str,
    asked: &GoNoGo,
) -> Option<Result<f64, String>> {
    asked.error_budget_above?;
    let Some(budget) = &context.config.error_budget else {
        let why = "the operator has no query for the error budget: configure errorBudget.query, or remove \
                   spec.goNoGo.errorBudgetAbove";
        return Some(Err(why.to_owned()));
    };
    let sources = detectors::configured(&context.config);
    let mut values = sources.iter().filter_map(|(source, at)| Some((source, at, source.value?)));
    let Some((source, endpoint, value)) = values.next() else {
        return Some(Err("no source that could tell the error budget is configured".to_owned()));
    };
    let query = (value.ask)(&budget.query.replace("$namespace", namespace));
    let read = move |answer: &RawValue| (value.read)(answer).map(|value| vec![value]);
    let told = sources::ask(&*context.net, endpoint, query, read).await;
    Some(match told.as_deref() {
        Ok([left, ..]) => Ok(*left),
        Ok([]) => Err("errorBudget.query has no value".to_owned()),
        Err(error) => Err(warnings::unreachable(source, error).to_string()),
    })
}
