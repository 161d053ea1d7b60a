//! `firedrill gameday approve`: somebody's word for exactly what a day would run.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::days;
use crate::{
    api::{
        Experiment, GameDay, GameDayRun,
        game_day_run::{Approval, DayPlan},
        names,
    },
    cli::{
        confirm::confirm,
        connect::{Cluster, Flags},
        exit::{Exit, Failure},
        view::{aligned, clean},
    },
    core::gameday::day::gates::day_plan,
    faults,
    shell::call::call,
};

/// How often an approval is written anew where somebody else has written the day meanwhile.
const TRIES: u32 = 8;

/// Arguments of `firedrill gameday approve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the day.
    day: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Shows what a day would run, asks, and writes that down as approved by the user.
///
/// # Errors
/// When there is nothing to approve, the answer is no, or the user may not.
pub async fn approve(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let day = days::read(&cluster, &args.day).await?;
    if day.has_begun() || day.is_over() {
        let state = if day.is_over() { "is over" } else { "has begun" };
        return Err(Failure::invalid(format!(
            "game day {} {state}, so nothing is left to approve; approve the next one",
            args.day
        )));
    }
    let plan = days::plan(&cluster, &day.spec.game_day).await?;
    let experiments = experiments_of(&cluster, &plan).await?;
    let spec_of = |name: &str| Some(&experiments.get(name)?.spec);
    let planned = day_plan(&plan, spec_of)
        .ok_or_else(|| Failure::invalid("an Experiment of the plan was not read"))?;
    let by = cluster.who().await?;
    if day.spec.started_by.as_deref() == Some(by.as_str()) {
        return Err(Failure::invalid(format!(
            "you, {by}, have started game day {}, so somebody else must approve it",
            args.day
        )));
    }
    let approval = Approval { by, plan_hash: planned.hash.clone() };
    println!("{}", page(&day, &plan, &planned, &experiments));
    if day.spec.approvals.contains(&approval) {
        println!("You, {}, have approved this already.", clean(&approval.by));
        return Ok(Exit::Met);
    }
    let place = format!("namespace {} of context {}", cluster.namespace, cluster.context);
    confirm(
        &format!("Approve this in {place} as {}?", clean(&approval.by)),
        &format!("an approval lets this be broken in {place}"),
        args.yes,
    )?;
    write(&cluster, day, approval).await?;
    println!(
        "game day {} is approved by you for plan {}; any change of the plan or of an experiment voids that",
        args.day, planned.hash
    );
    Ok(Exit::Met)
}

async fn experiments_of(
    cluster: &Cluster,
    plan: &GameDay,
) -> Result<BTreeMap<String, Experiment>, Failure> {
    let place = &cluster.namespace;
    let found: Api<Experiment> = Api::namespaced(cluster.client.clone(), place);
    let mut names: Vec<&str> = plan.spec.steps.iter().map(|step| &*step.experiment).collect();
    names.sort_unstable();
    names.dedup();
    let read = names.into_iter().map(async |name| {
        match call("read the Experiment", found.get_opt(name)).await? {
            Some(experiment) => Ok((name.to_owned(), experiment)),
            None => Err(Failure::invalid(format!(
                "there is no Experiment {name} in namespace {place}, so nobody knows what would be approved; \
                 create it first"
            ))),
        }
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

/// Adds the approval on a version that was read: somebody else's must not be lost. The operator writes into a day that
/// waits, and others approve it, so that version may be an old one; what is approved is named by its hash all the same.
async fn write(cluster: &Cluster, mut day: GameDayRun, approval: Approval) -> Result<(), Failure> {
    let days: Api<GameDayRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let name = day.name_any();
    let params = PatchParams {
        field_manager: Some(names::CLI_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    for _ in 0..TRIES {
        let mut approvals = day.spec.approvals.clone();
        approvals.push(approval.clone());
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": day.resource_version(), "uid": day.uid()},
            "spec": {"approvals": approvals},
        }));
        match call("write the approval", days.patch_metadata(&name, &params, &patch)).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(409) => {
                let now = days::read(cluster, &name).await?;
                if now.uid() != day.uid() {
                    return Err(Failure::invalid(format!(
                        "game day {name} is another one by now; look at it and repeat"
                    )));
                }
                day = now;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::new(
        Exit::Infrastructure,
        format!("game day {name} has changed {TRIES} times meanwhile; repeat"),
    ))
}

/// What would be approved, as people read it.
fn page(
    day: &GameDayRun,
    plan: &GameDay,
    planned: &DayPlan,
    experiments: &BTreeMap<String, Experiment>,
) -> String {
    let begins = day.begins().map(|at| at.timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string());
    let mut rows = vec![["STEP", "EXPERIMENT", "BREAKS", "AT MOST", "VERSION"].map(str::to_owned)];
    for step in &plan.spec.steps {
        let breaks = experiments.get(&*step.experiment).map(|experiment| {
            let spec = &experiment.spec;
            let verb = faults::behaviour(&spec.fault).means.verb();
            format!("{} of {} ({verb})", spec.fault.name(), spec.target)
        });
        let known = planned.experiment_of(step);
        rows.push([
            step.name.clone(),
            step.experiment.to_string(),
            breaks.unwrap_or_default(),
            known.map(|known| known.duration.to_string()).unwrap_or_default(),
            known.map(|known| known.hash.clone()).unwrap_or_default(),
        ]);
    }
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let asked = plan.spec.go_no_go.as_ref().map_or(0, |asked| asked.approvals);
    let given = day.spec.approvals.iter().filter(|approval| approval.plan_hash == planned.hash);
    let given: Vec<String> = given.map(|approval| clean(&approval.by)).collect();
    let given = if given.is_empty() { "none yet".to_owned() } else { given.join(", ") };
    format!(
        "game day {} of plan {}, generation {}, begins {}\n\n{}\nplan {}: {asked} approvals needed, given by: {given}",
        clean(&day.name_any()),
        clean(&plan.name_any()),
        planned.generation,
        begins.unwrap_or_default(),
        aligned(&rows),
        planned.hash,
    )
}
