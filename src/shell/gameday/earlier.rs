//! Live reads of the runs in the namespace before that of a day.

use std::{collections::BTreeMap, ops::ControlFlow};

use futures::future::join_all;
use kube::{Api, api::ListParams};

use crate::{
    api::{ExperimentRun, ExperimentSpec, GameDay, names},
    core::gameday::day::{Earlier, Found, Predecessor},
    shell::{
        context::Context,
        guarded::Guarded,
        reader::{Part, Reader},
    },
};

/// How many runs of an experiment are read: so many that nobody keeps more, and so few that a day is not held up by
/// whoever fills another namespace with runs.
const RUNS_MAX: usize = 500;

/// Reads what the predecessor of the namespace shows, where one is configured and the plan asks for it.
pub(super) async fn predecessor(
    context: &Context,
    namespace: &str,
    plan: &Found<GameDay>,
    experiments: &BTreeMap<String, Found<ExperimentSpec>>,
) -> Option<Predecessor> {
    let Found::There(plan) = plan else { return None };
    let asked = plan.spec.go_no_go.as_ref()?.passed_before.as_ref()?;
    let since = context.wall.now().minus(asked.within);
    let namespace = context.config.predecessors.get(namespace)?;
    let reader = Reader::new(context.reads.clone());
    let there = experiments.iter().filter_map(|(name, found)| match found {
        Found::There(spec) => Some((name, Earlier::of(name, spec))),
        Found::Missing | Found::Unreadable(_) => None,
    });
    let runs = join_all(there.map(async |(name, mut earlier)| {
        let mut left = RUNS_MAX;
        let take = |run: Guarded<ExperimentRun>| {
            if let Ok(run) = &run.0 {
                earlier.add(run);
            }
            left -= 1;
            if left == 0 || earlier.has_passed_since(since) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let over = ListParams::default()
            .labels(&format!("{}={name}", names::EXPERIMENT))
            .fields("status.completionTime!=");
        let url = Api::<ExperimentRun>::namespaced(context.reads.clone(), namespace);
        let url = url.resource_url();
        let what = "list the runs of the namespace before this one";
        let listed = reader.list_until(what, url, (Part::Typed, over), take).await;
        let told = match listed {
            Ok(_) if left == 0 && !earlier.has_passed_since(since) => {
                Err(format!("there are {RUNS_MAX} or more; delete some"))
            }
            Ok(_) => Ok(earlier),
            Err(error) => Err(error.words()),
        };
        (name.clone(), told)
    }));
    let runs = runs.await.into_iter().collect();
    Some(Predecessor { namespace: namespace.clone(), runs })
}
