//! Lives through one world, with real operators in it.

use std::sync::{Arc, Mutex};

use firedrill::{
    config::{Caps, Config, Endpoint},
    shell::{
        clock::Wall,
        operator::{self, Options},
    },
};

use super::{
    call::Caller,
    monitoring::Network,
    network::client,
    plant::Plant,
    tally::Tally,
    world::{Shared, World, lock},
};

/// Lives through the world of that seed: what came up and a number that stands for everything that
/// happened in it, or the promise that did not hold.
pub fn live(seed: u64, plant: Option<Plant>) -> Result<(Tally, u64), String> {
    // The watches' pauses after an error are the one chance that the seed does not rule otherwise.
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap();
    let world = runtime.block_on(async {
        let world = Arc::new(Mutex::new(World::new(seed, plant)));
        while let Some(next) = step(&world) {
            let changed = lock(&world).agenda.changed.clone();
            tokio::select! {
                biased;
                () = changed.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
        world
    });
    drop(runtime);
    let world = Arc::into_inner(world).ok_or("somebody outlived the world")?;
    world.into_inner().unwrap().conclude()
}

/// Lets happen what is due; gives the instant of what comes next, unless the world is at its end.
fn step(world: &Shared) -> Option<tokio::time::Instant> {
    let mut held = lock(world);
    let next = held.pass();
    let births = std::mem::take(&mut held.births);
    for caller in births {
        let stopped = held.start(caller);
        tokio::spawn(operate(world.clone(), caller, stopped));
    }
    next.filter(|_| !held.is_at_end())
}

/// One life of an operator: the production shell.
async fn operate(world: Shared, caller: Caller, stopped: tokio::sync::oneshot::Receiver<()>) {
    let clients = (client(&world, caller), client(&world, caller));
    let net = Arc::new(Network { world: world.clone(), caller });
    let (clock, limit) = {
        let world = lock(&world);
        let crowd = world.crowd.as_ref().filter(|_| world.plant != Some(Plant::NoCap));
        (world.clock, crowd.and_then(|crowd| i32::try_from(crowd.limit).ok()))
    };
    let wall = Wall::of(move || clock.now());
    let shutdown = async { drop(stopped.await) };
    let operator = operator::run_with(clients, net, options(limit), wall, shutdown);
    let ended = tokio::spawn(operator).await;
    lock(&world).ended(caller, &format!("{ended:?}"));
}

fn options(limit: Option<i32>) -> Options {
    let prometheus = Endpoint {
        url: "http://prometheus".to_owned(),
        ca_file: None,
        token_file: None,
        timeout: firedrill::api::Duration::seconds(3),
    };
    let caps = Caps::default();
    let caps = Caps { concurrency: limit.unwrap_or(caps.concurrency), ..caps };
    Options {
        cluster: kube::Config::new(http::Uri::from_static("http://api-server")),
        config: Config { prometheus: Some(prometheus), caps, ..Config::default() },
        only: None,
        impersonates: true,
        own_namespace: Some("firedrill-system".to_owned()),
        ready_port: None,
        calendar_ahead: firedrill::api::Duration::ZERO,
    }
}
