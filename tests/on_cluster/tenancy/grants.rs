//! What a namespace's owner grants and takes back, and what a run says where a grant is missing.

use firedrill::{
    api::{
        ExperimentRun, names,
        run::{FactName, Reason, Verdict},
    },
    cli::{enable, grants::Grants},
};
use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{Role, RoleBinding},
};
use kube::{ResourceExt, api::DeleteParams};
use serde_json::json;

use super::{Tally, as_runner, bind, granted, identity::Identity, resource, user};
use crate::support::{Ground, Operator, Web, audit::Audit, eventually, spec, verdict};

#[tokio::test]
async fn an_owner_enables_his_namespace_and_disable_ends_what_is_live() {
    let _operator = Operator::start("{}");
    let ground =
        Ground::with_labels("owned", &Web { warm_up: 20, ..Web::default() }, json!({})).await;
    let owner = Identity::person("owner").await;
    bind(&ground, "owner", "admin", &user("owner")).await;
    bind(&ground, "owner", "firedrill-run", &user("owner")).await;
    granted(&owner, &ground, "patch", "experiments").await;
    granted(&owner, &ground, "create", "experimentruns").await;
    let namespace = ground.namespace.as_str();
    let (code, said) = owner.firedrill(&["enable", namespace]);
    assert!(code == Some(2) && said.contains("repeat with --yes"), "{said}");
    // He owns everything in the namespace, but not the namespace: what is missing is named.
    let (code, said) = owner.firedrill(&["enable", namespace, "--yes"]);
    let named =
        said.contains(&format!("kubectl label namespace {namespace} firedrill.dev/enabled=true"));
    assert!(
        code == Some(4) && named && said.contains("cannot patch resource \"namespaces\""),
        "{said}"
    );
    enable::opt(&ground.client, namespace, Some("true")).await.unwrap();

    let audit = Audit::begin();
    let run = resource("ExperimentRun", "mine", json!({"experiment": "mine", "template": spec()}));
    let answer = owner
        .create(&format!("apis/firedrill.dev/v1alpha1/namespaces/{namespace}/experimentruns"), &run)
        .await;
    assert!(answer.is_done(), "{answer:?}");
    let run = ground.api::<ExperimentRun>().get("mine").await.unwrap();
    ground.seen(&run, FactName::Injected).await;
    let evictions =
        audit.writes(|write| write.namespace == namespace && write.harms_pods() && write.is_done());
    let by_runner = evictions.iter().all(|write| {
        write.as_whom == names::account_user(namespace, names::RUNNER)
            && write.user.ends_with(names::OPERATOR)
    });
    assert!(!evictions.is_empty() && by_runner, "{evictions:?}");

    let (code, said) = owner.firedrill(&["disable", namespace, "--yes"]);
    assert!(code == Some(4) && said.contains("experimentrun/mine is over"), "{said}");
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Stopped)));
    for absent in [
        ground.api::<ServiceAccount>().get_opt(names::RUNNER).await.unwrap().is_none(),
        ground.api::<Role>().get_opt(names::RUNNER).await.unwrap().is_none(),
        ground.api::<Role>().get_opt(names::IMPERSONATOR).await.unwrap().is_none(),
        ground.api::<RoleBinding>().get_opt(names::RUNNER).await.unwrap().is_none(),
        ground.api::<RoleBinding>().get_opt(names::IMPERSONATOR).await.unwrap().is_none(),
    ] {
        assert!(absent, "a grant is left");
    }
}

#[tokio::test]
async fn a_missing_grant_is_named_with_its_remedy() {
    let _operator = Operator::start("{}");
    let ground = Ground::new("denied").await;
    let remedy = format!("firedrill enable {}", ground.namespace);
    let admin = Identity {
        kubeconfig: std::env::var("FIREDRILL_TEST_CLUSTER").unwrap().into(),
        ..Identity::own(names::OPERATOR).await
    };
    let (_, said) = admin.firedrill(&["doctor", "-n", &ground.namespace]);
    assert!(said.contains("lets the operator inject as firedrill-runner"), "{said}");
    let mut tally = Tally::default();
    for binding in [names::RUNNER, names::IMPERSONATOR] {
        ground.api::<RoleBinding>().delete(binding, &DeleteParams::default()).await.unwrap();
        if binding == names::IMPERSONATOR {
            Grants::of(&ground.namespace, "elsewhere").apply(&ground.client).await.unwrap();
            forgotten(&ground).await;
        }
        let run = ground.run(json!({})).await;
        let run = ground.finished(&run).await;
        let summary = run.status.clone().unwrap().summary.unwrap_or_default();
        let ended = verdict(&run) == (Some(Verdict::Error), Some(Reason::InjectionDenied));
        let said = summary.contains(&format!("RoleBinding {binding}")) && summary.contains(&remedy);
        tally.expect(ended && said, || format!("{binding}: {:?}: {summary}", verdict(&run)));
        let (code, said) = admin.firedrill(&["doctor", "-n", &ground.namespace]);
        let told = code == Some(4) && said.contains(&remedy);
        tally.expect(told, || format!("doctor without {binding}: {said}"));
    }
    tally.conclude("missing grants named, by the run and by doctor");
}

/// Waits until the API server has forgotten that the operator could act as the runner: it remembers
/// each call that it granted for some seconds.
async fn forgotten(ground: &Ground) {
    let operator = Identity::own(names::OPERATOR).await;
    for pod in ground.pods().await {
        eventually("the operator may no longer act as the runner", 30, async || {
            let answer = as_runner(&operator, ground, &pod.name_any()).await;
            answer.words.contains("cannot impersonate").then_some(())
        })
        .await;
    }
}
