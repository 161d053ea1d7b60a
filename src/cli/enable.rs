//! `firedrill enable`: what a namespace's owner grants, so that experiments can run there.

use std::path::PathBuf;

use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    confirm::confirm,
    connect::Flags,
    exit::{Exit, Failure},
    grants::Grants,
    protected,
};
use crate::{
    api::names::{self, ENABLED, IMPERSONATOR, RUNNER, STARTER, STARTER_IMPERSONATOR},
    config::Config,
    faults::rights::RIGHTS,
    shell::call::{Error, call},
};

/// Arguments of `firedrill enable`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The namespace.
    #[arg(value_name = "NAMESPACE")]
    name: String,
    /// Also let game days and proof runs of debriefs start by themselves there; only who may start runs can grant that.
    /// Taken back by `kubectl delete rolebinding firedrill-starter`, or by `firedrill disable`.
    #[arg(long)]
    scheduled: bool,
    /// Only print what would be created.
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// The operator's configuration: its protected namespaces count in place of kube-*.
    #[arg(long, env = "FIREDRILL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorFlags,
}

/// Which operator is meant.
#[derive(Debug, clap::Args)]
pub struct OperatorFlags {
    /// The namespace that the operator is installed in.
    #[arg(long, value_name = "NAME", default_value = names::OPERATOR_NAMESPACE)]
    pub operator_namespace: String,
}

/// How to print.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// As manifests for kubectl.
    Yaml,
}

/// Shows what it will create, asks, and creates it; nothing in a namespace that is protected.
///
/// # Errors
/// When the namespace is protected, the answer is no, or the user may not.
pub async fn enable(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let operator_namespace = &args.operator.operator_namespace;
    let config = args.config.as_deref().map(Config::read).transpose();
    let config = config.map_err(|error| Failure::invalid(error.to_string()))?.unwrap_or_default();
    refuse(protected::by_name(&args.name, &config, operator_namespace))?;
    if let Some(Output::Yaml) = args.output {
        print!("{}", manifests(args)?);
        return Ok(Exit::Met);
    }
    let cluster = flags.connect().await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let namespace = call("read the namespace", namespaces.get_metadata(&args.name)).await?;
    refuse(protected::by_label(&args.name, namespace.labels()))?;
    let place = format!("namespace {} of context {}", args.name, cluster.context);
    println!("{}", shown(args));
    confirm(
        &format!("Create this in {place}?"),
        &format!("this lets experiments break things in {place}"),
        args.yes,
    )?;
    for grants in grants(args) {
        grants.apply(&cluster.writes).await?;
    }
    opt(&cluster.writes, &args.name, Some("true"))
        .await
        .map_err(|error| unlabelled(error, &args.name))?;
    println!("{place} is enabled; take it back with: firedrill disable {}", args.name);
    Ok(Exit::Met)
}

/// What is granted.
fn grants(args: &Args) -> impl Iterator<Item = Grants> {
    let operator_namespace = &args.operator.operator_namespace;
    let scheduled = args.scheduled.then(|| Grants::scheduled(&args.name, operator_namespace));
    std::iter::once(Grants::of(&args.name, operator_namespace)).chain(scheduled)
}

/// A protected namespace gets no grants: a guard refuses every run there anyway.
fn refuse(protected: Option<String>) -> Result<(), Failure> {
    let refused = |why| Failure::new(Exit::Undecided, format!("nothing was granted: {why}"));
    protected.map_or(Ok(()), |why| Err(refused(why)))
}

/// Opts a namespace in, or with `None` out.
///
/// # Errors
/// When the user may not, or there is no such namespace.
pub async fn opt(client: &Client, namespace: &str, value: Option<&str>) -> Result<(), Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let patch = Patch::Merge(json!({"metadata": {"labels": {ENABLED: value}}}));
    let params = PatchParams::default();
    call("label the namespace", namespaces.patch_metadata(namespace, &params, &patch))
        .await
        .map(drop)
}

/// Owners often may do everything in their namespace but label it.
fn unlabelled(error: Error, namespace: &str) -> Failure {
    let refused = error.code() == Some(403);
    let failure = Failure::from(error);
    if refused {
        Failure::new(
            Exit::Infrastructure,
            format!(
                "{failure}. The rest is granted; let somebody who may patch namespaces run: \
                 kubectl label namespace {namespace} {ENABLED}=true"
            ),
        )
    } else {
        failure
    }
}

/// What will be created, for people.
fn shown(args: &Args) -> String {
    let (namespace, operator_namespace) = (&args.name, &args.operator.operator_namespace);
    let rights = RIGHTS.map(|right| format!("{} {}", right.verbs.join(", "), right.resource));
    let operator = format!("{operator_namespace}/{}", names::OPERATOR);
    let mut lines = vec![
        format!("namespace/{namespace}: the label {ENABLED}=true"),
        format!("serviceaccount/{RUNNER}: as whom faults are injected"),
        format!("role/{RUNNER}: {}", rights.join("; ")),
        format!("rolebinding/{RUNNER}: gives it to serviceaccount/{RUNNER}"),
        format!("role/{IMPERSONATOR}: to act as serviceaccount/{RUNNER}, for these calls"),
        format!("rolebinding/{IMPERSONATOR}: gives it to the operator, {operator}"),
    ];
    if args.scheduled {
        lines.extend([
            format!("serviceaccount/{STARTER}: as whom game days and their runs are created"),
            format!("role/{STARTER}: create experimentruns, gamedayruns"),
            format!("rolebinding/{STARTER}: gives it to serviceaccount/{STARTER}"),
            format!(
                "role/{STARTER_IMPERSONATOR}: to act as serviceaccount/{STARTER}, for these calls"
            ),
            format!("rolebinding/{STARTER_IMPERSONATOR}: gives it to the operator, {operator}"),
        ]);
    }
    let scheduled = if args.scheduled { " --scheduled" } else { "" };
    lines.push(format!("Exactly: firedrill enable {namespace}{scheduled} -o yaml"));
    lines.join("\n")
}

/// The same as manifests, fit for `kubectl apply`.
fn manifests(args: &Args) -> Result<String, Failure> {
    let namespace = &args.name;
    let labelled = Namespace {
        metadata: ObjectMeta {
            name: Some(namespace.to_owned()),
            labels: Some([(ENABLED.to_owned(), "true".to_owned())].into()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let mut objects = vec![value(&labelled)?];
    for grants in grants(args) {
        objects.push(value(&grants.account)?);
        for object in &grants.roles {
            objects.push(value(object)?);
        }
        for object in &grants.bindings {
            objects.push(value(object)?);
        }
    }
    objects.iter().map(document).collect()
}

fn value(object: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(object).map_err(|error| unprintable(&error))
}

fn document(object: &Value) -> Result<String, Failure> {
    let text = serde_saphyr::to_string(object).map_err(|error| unprintable(&error))?;
    Ok(format!("---\n{text}"))
}

fn unprintable(error: &dyn std::error::Error) -> Failure {
    Failure::invalid(format!("the grants cannot be printed: {error}"))
}
