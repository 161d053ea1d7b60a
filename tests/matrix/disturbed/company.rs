//! A namespace of a case's own, its operators, and the proxy between them and the API server.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, task::JoinSet};

use super::Setup;
use crate::{
    ground::Ground,
    judge::audit::{self, Event},
    lab::Lab,
    operator::Operator,
    patience,
    proxy::{
        Fired, Proxy,
        rule::{Action, Rule},
        write::Told,
    },
};

/// What is late comes within this.
pub const QUIET: Duration = Duration::from_secs(1);
/// How long an operator that is alone stays paused.
const PAUSED: Duration = Duration::from_secs(5);

/// Those of a case that is under way.
pub struct Company<'a> {
    lab: &'a Lab,
    pub ground: Ground,
    pub proxy: Arc<Proxy>,
    pub operators: Vec<Arc<Operator>>,
    log_start: u64,
    serving: JoinSet<()>,
}

impl<'a> Company<'a> {
    /// Everybody looks, and from now on writes are counted.
    pub async fn open(lab: &'a Lab, ground: Ground, setup: &Setup) -> Self {
        let log_start = audit::end(&lab.audit_log);
        let upstream = lab.upstream.clone();
        let proxy = Proxy::new(upstream, &ground.namespace, setup.rule.clone(), None);
        let (operators, serving) = start(lab, &proxy, &setup.name, setup.operators).await;
        let company = Self { lab, ground, proxy, operators, log_start, serving };
        let ready = async || company.all_look() && company.ground.is_judged().await;
        assert!(patience::until(30, ready).await, "the operators do not look");
        company.proxy.begin();
        company
    }

    fn all_look(&self) -> bool {
        self.operators.iter().all(|operator| operator.is_looking())
    }

    /// Does what the rule says, where there is one: whether its moment came, and how long it took from then, or else
    /// from now, until the case was over.
    pub async fn disturb(
        &self,
        rule: Option<&Rule>,
        limit: u64,
        is_over: impl AsyncFn() -> bool,
    ) -> (bool, Option<Duration>) {
        let over_after =
            async |from: Instant| patience::until(limit, &is_over).await.then(|| from.elapsed());
        let Some(rule) = rule else {
            return (true, over_after(Instant::now()).await);
        };
        let fired = || *self.proxy.fired.borrow();
        let done =
            async || fired().is_some() || (is_over().await && self.proxy.is_quiet_for(QUIET));
        patience::until(limit, done).await;
        let from = Instant::now();
        let Some(Fired { operator, .. }) = fired() else {
            return (false, over_after(from).await);
        };
        let operator = &self.operators[operator];
        if rule.action != Action::Hold {
            operator.restart();
            return (true, over_after(from).await);
        }
        let is_alone = self.operators.len() == 1;
        let over = if is_alone {
            tokio::time::sleep(PAUSED).await;
            None
        } else {
            over_after(from).await
        };
        operator.resume();
        self.proxy.release();
        (true, if is_alone { over_after(from).await } else { over })
    }

    /// Waits until nobody writes any more; what the audit log has of the case then.
    pub async fn quiet(&self) -> Vec<Event> {
        let quiet = async || self.all_look() && self.proxy.is_quiet_for(QUIET);
        patience::until(10, quiet).await;
        audited(self.lab, &self.proxy, &self.ground.namespace, self.log_start).await
    }

    /// What is wrong with the operators themselves.
    pub fn ails(&self) -> Vec<String> {
        self.operators.iter().filter_map(|operator| operator.ails()).collect()
    }

    /// Removes everything.
    pub async fn remove(self) {
        // A connection that is served holds its operator.
        drop((self.serving, self.operators));
        self.ground.remove().await;
    }
}

/// Starts so many operators behind that proxy, each with files of that name; they are served as long as the tasks live.
pub async fn start(
    lab: &Lab,
    proxy: &Arc<Proxy>,
    name: &str,
    count: usize,
) -> (Vec<Arc<Operator>>, JoinSet<()>) {
    let (mut operators, mut serving) = (Vec::new(), JoinSet::new());
    for number in 0..count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = lab.files(&format!("{name}-{number}"), port);
        let operator = Arc::new(Operator::start(number, files));
        serving.spawn(proxy.clone().serve(operator.clone(), listener));
        operators.push(operator);
    }
    (operators, serving)
}

/// What the audit log has of a namespace from there on, once it has every write that the proxy saw answered.
pub async fn audited(lab: &Lab, proxy: &Proxy, namespace: &str, start: u64) -> Vec<Event> {
    let ids: HashSet<String> =
        proxy.forwarded().into_iter().map(|forwarded| forwarded.audit_id).collect();
    let read = || audit::read(&lab.audit_log, start, namespace, &ids);
    let whole = async || {
        let found: HashSet<String> = read().iter().map(|event| event.id().to_owned()).collect();
        ids.is_subset(&found)
    };
    assert!(patience::until(10, whole).await, "the audit log lacks a write that was answered");
    read()
}

/// The operators' writes among these of the audit log, as the proxy told them apart.
pub fn writes<'a>(proxy: &Proxy, events: impl Iterator<Item = &'a Event>) -> Vec<Told> {
    let forwarded = proxy.forwarded();
    let told = |event: &Event| {
        forwarded.iter().find(|one| one.audit_id == event.id()).map(|one| one.told.clone())
    };
    events.filter_map(told).collect()
}
