//! What every fault that changes fields keeps to, sent as the product sends it, to objects that start
//! no pods: armed twice equals once, reverted twice equals once, a revert without a fault is harmless,
//! and what is late is refused. And what every kill keeps to, on a pod that does not run.
//!
//! Where no reaper runs: it would end a fault whose run does not exist, which is what this sends.

use std::collections::BTreeMap;

use firedrill::{
    api::{Moment, experiment::Target, fault::Fault, mark::Mark, names, run::Victim},
    faults::{
        self, Call, Kind, Means, Object, Outcome, Taking, arming, call::Change, isolation, record,
        taking,
    },
    shell::{objects, perform},
};
use k8s_openapi::api::{core::v1::Pod, networking::v1::NetworkPolicy};
use serde_json::{Value, json};

use crate::{
    faults::{
        client::Host,
        stage::{self, create},
        variants::{self, Variant},
    },
    support::Ground,
};
use futures::future::join_all;

const RUN: &str = "0d1c77ae-0000-4000-8000-000000000001";

/// One fault and the object that it changes.
struct Contract<'a> {
    ground: &'a Ground,
    kind: Kind,
    name: String,
    fault: Fault,
}

impl Contract<'_> {
    async fn read(&self) -> Object {
        let found =
            objects::read(&self.ground.client, self.kind, &self.ground.namespace, &self.name);
        found.await.unwrap().unwrap()
    }

    async fn sends(&self, object: &Object, patch: Vec<Value>) -> bool {
        let change = Change::of(object, patch);
        objects::patch(&self.ground.client, &self.ground.namespace, &change, names::FIELD_MANAGER)
            .await
            .is_ok()
    }

    /// Says what is not kept.
    async fn holds(&self) -> Result<(), String> {
        let change = faults::behaviour(&self.fault).means.arming().unwrap();
        let now = Moment::new(jiff::Timestamp::now());
        let before = self.read().await;
        let fields = change.fields(&before, RUN)?;
        let first = Mark::armed(RUN, 1);
        let disarm = arming::disarm(&before, &first, &fields, now);
        require(self.sends(&before, disarm).await, "a revert without a fault is accepted")?;
        let revoked = self.read().await;
        require(essence(&revoked) == essence(&before), "a revert without a fault is harmless")?;
        require(revoked.mark() == Some(first.revocation()), "it leaves a revocation")?;

        let mark = Mark::armed(RUN, 2);
        let arm = arming::arm(&revoked, revoked.label(), &mark, now, &fields)
            .map_err(|drift| format!("it cannot be armed: {drift:?}"))?;
        require(self.sends(&revoked, arm.clone()).await, "it is armed")?;
        let armed = self.read().await;
        require(arming::holds_any(&armed, &fields), "the fault is there")?;
        require(!self.sends(&armed, arm.clone()).await, "armed again it is refused")?;
        require(essence(&self.read().await) == essence(&armed), "armed twice equals once")?;
        require(record::read(&armed).fields == fields, "the target says what was changed")?;

        let disarm = arming::disarm(&armed, &mark, &fields, now);
        require(self.sends(&armed, disarm.clone()).await, "it is reverted")?;
        let clean = self.read().await;
        require(essence(&clean) == essence(&before), "the object is as it was")?;
        require(arming::is_clean(&clean, &fields), "nothing of the fault is left")?;
        require(!self.sends(&armed, disarm).await, "the same revert again is refused")?;
        let again = arming::disarm(&clean, &mark, &fields, now);
        require(self.sends(&clean, again).await, "a revert of what is reverted is accepted")?;
        require(essence(&self.read().await) == essence(&clean), "reverted twice equals once")?;
        require(!self.sends(&revoked, arm).await, "what arms it late is refused")?;
        require(essence(&self.read().await) == essence(&before), "it is as it was at the end")
    }
}

fn require(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}

/// What people wrote of an object, with what is of a fault.
fn essence(object: &Object) -> Value {
    let of_fault = object.annotations().filter(|name| names::is_of_fault(name));
    let annotations: Vec<_> = of_fault.map(|name| (name, object.annotation(name))).collect();
    json!({"spec": object.value["spec"], "annotations": annotations})
}

/// Every variant on one kind of target; what is not kept, by name.
async fn keep(target: &str) -> (usize, Vec<String>) {
    let host = Host::range("203.0.113.7", 80);
    let ground = stage::unstarted("contract", target, &host).await;
    let all = variants::faults(target).into_iter();
    let all: Vec<Variant> = all.flat_map(|fault| variants::of(&fault, "203.0.113.7/32")).collect();
    let mut broken = Vec::new();
    for variant in &all {
        if let Err(problem) = one(&ground, target, variant).await {
            broken.push(format!("{} on {target}: {problem}", variant.name));
        }
    }
    (all.len(), broken)
}

async fn one(ground: &Ground, target: &str, variant: &Variant) -> Result<(), String> {
    let fault: Fault = serde_json::from_value(variant.fault.clone()).unwrap();
    let target: Target = serde_json::from_value(json!({target: "web"})).unwrap();
    let armed = match faults::behaviour(&fault).means {
        Means::Take(taking) => return taking_holds(ground, taking).await,
        Means::Arm(arming) => arming,
    };
    let (kind, name) = armed.object(&target);
    if kind == Kind::NetworkPolicy
        && objects::read(&ground.client, kind, &ground.namespace, &name).await.unwrap().is_none()
    {
        let blocked = isolation::Blocked::Range("203.0.113.7/32".to_owned());
        let spec =
            isolation::armed(&json!({"matchLabels": {"app": "web"}}), &ground.namespace, &blocked);
        let policy = isolation::policy(&name, &BTreeMap::new(), RUN, spec);
        create::<NetworkPolicy>(ground, policy).await;
    }
    Contract { ground, kind, name, fault }.holds().await
}

/// Says what a fault that takes pods does not keep.
async fn taking_holds(ground: &Ground, takes: Taking) -> Result<(), String> {
    let sends = async |calls: Vec<Call>| {
        let outcomes = calls.iter().map(|call| {
            perform::one(&ground.client, &ground.namespace, call, names::FIELD_MANAGER)
        });
        join_all(outcomes).await.iter().all(|outcome| *outcome == Outcome::Accepted)
    };
    let late = victim(ground).await;
    let mark = Mark::armed(RUN, 1).revocation().to_string();
    require(sends(taking::revoke(&[&late], &mark)).await, "a revocation is accepted")?;
    require(!sends(takes.inject(&[&late])).await, "what kills it late is refused")?;
    let first = present(ground).await.ok_or("not so: what is revoked is still there")?;
    require(first.uid == late.uid, "what is revoked is the same")?;

    require(sends(takes.inject(&[&first])).await, "it is killed")?;
    require(present(ground).await.is_none(), "it is gone")?;
    require(!sends(takes.inject(&[&first])).await, "killed again it is refused")?;
    let namesake = victim(ground).await;
    require(!sends(takes.inject(&[&first])).await, "its namesake is not killed")?;
    require(!sends(taking::revoke(&[&first], &mark)).await, "its namesake is not marked")?;
    let left = present(ground).await.ok_or("not so: its namesake is still there")?;
    require(left == namesake, "its namesake is untouched")?;
    require(sends(takes.inject(&[&left])).await, "the namesake can be killed as itself")
}

/// A new pod that no node is good enough for.
async fn victim(ground: &Ground) -> Victim {
    let spec = json!({"schedulerName": "none", "containers": [{"name": "c", "image": "registry.local/busybox:1"}]});
    create::<Pod>(ground, json!({"metadata": {"name": "victim"}, "spec": spec})).await;
    present(ground).await.unwrap()
}

async fn present(ground: &Ground) -> Option<Victim> {
    let pod = ground.api::<Pod>().get_opt("victim").await.unwrap()?;
    let victim = json!({"kind": "Pod", "name": "victim", "uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version, "round": 1});
    Some(serde_json::from_value(victim).unwrap())
}

#[tokio::test]
async fn every_fault_keeps_its_contract() {
    let kinds = variants::targets();
    let kept = join_all(kinds.iter().map(|target| keep(target))).await;
    let count: usize = kept.iter().map(|(count, _)| count).sum();
    let broken: Vec<&String> = kept.iter().flat_map(|(_, broken)| broken).collect();
    println!("contracts: {}/{count} kept", count - broken.len());
    assert!(broken.is_empty(), "{broken:#?}");
}
