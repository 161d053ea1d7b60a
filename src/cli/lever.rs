//! `firedrill halt` and `firedrill resume`: the safety lever.

use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
};
use crate::{
    api::{SafetyLever, names},
    shell::call::call,
};

/// Arguments of `firedrill halt`.
#[derive(Debug, clap::Args)]
pub struct HaltArgs {
    /// Why, for those who meet it.
    #[arg(long)]
    pub reason: Option<String>,
    /// Only this namespace; may be repeated; default everywhere.
    #[arg(long = "only", value_name = "NAMESPACE")]
    pub only: Vec<String>,
}

/// Arguments of `firedrill resume`.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {}

/// Engages the lever.
///
/// # Errors
/// When the lever cannot be written.
pub async fn halt(flags: &Flags, args: &HaltArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let by = cluster.who().await?;
    let spec = json!({"engaged": true, "reason": args.reason, "by": by, "scope": {"namespaces": args.only}});
    write(&cluster, spec).await?;
    let place =
        if args.only.is_empty() { "every namespace".to_owned() } else { args.only.join(", ") };
    println!(
        "the safety lever is engaged by {by} for {place}: runs are stopped and reverted, new ones refused"
    );
    println!("release it with: firedrill resume");
    Ok(Exit::Met)
}

/// Releases the lever.
///
/// # Errors
/// When the lever cannot be written.
pub async fn resume(flags: &Flags, _: &ResumeArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let by = cluster.who().await?;
    write(&cluster, json!({"engaged": false, "reason": null, "by": by, "scope": null})).await?;
    println!("the safety lever is released by {by}: new runs may start");
    Ok(Exit::Met)
}

/// Changes the lever, or makes it where there is none yet.
async fn write(cluster: &Cluster, spec: Value) -> Result<(), Failure> {
    let levers: Api<SafetyLever> = Api::all(cluster.writes.clone());
    let patch = Patch::Merge(json!({"spec": spec}));
    match call("set the lever", levers.patch(names::LEVER, &PatchParams::default(), &patch)).await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(404) => {
            let lever = json!({"metadata": {"name": names::LEVER}, "spec": spec});
            let lever = serde_json::from_value(lever).map_err(|error| {
                Failure::invalid(format!("the lever cannot be written: {error}"))
            })?;
            call("create the lever", levers.create(&PostParams::default(), &lever)).await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
