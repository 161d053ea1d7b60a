//! Runs the operator: one controller over the runs, one over the experiments, the lever's watch and
//! the port. Correctness needs no leader; two operators are harmless.

use std::{path::PathBuf, sync::Arc};

use futures::StreamExt;
use kube::{
    Api, Client, Config as KubeConfig,
    runtime::watcher::{self, Event},
};
use tokio::sync::watch;

use super::{
    clients,
    clock::{Ahead, Wall},
    controller::informer,
    debrief, experiments, gameday, lease,
    net::{self, Net, Sockets},
    port::{self, BOUNDS, Token},
    ready,
    run::{
        self, alerts::Polls, events::Events, line::Line, registry::Registry, services::Services,
        starts::Starts,
    },
    sources::Checks,
    watched::watched,
};
use crate::{
    api::{Duration, SafetyLever, names},
    config::{Config, Endpoint},
    core::calendar::Calendar,
    detectors,
    shell::context::Context,
};

/// What an operator needs to run.
pub struct Options {
    /// How to reach the API server.
    pub cluster: KubeConfig,
    /// Its own configuration.
    pub config: Config,
    /// The one run that it looks after, by namespace and name; absent for an operator of all.
    pub only: Option<(String, String)>,
    /// Whether it injects as the runner of the target's namespace; else with its own rights.
    pub impersonates: bool,
    /// Its own namespace; absent outside a cluster.
    pub own_namespace: Option<String>,
    /// The port that is open once everything is listed that is watched; absent: none is.
    pub ready_port: Option<u16>,
    /// How far the clock by which debriefs and game days are held is ahead; only tests have another than none.
    pub calendar_ahead: Duration,
}

/// Why an operator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no way to the API server.
    #[error("cannot set up the connection to the API server: {0}")]
    Client(#[from] kube::Error),
    /// There is no way to the alert sources.
    #[error(transparent)]
    Net(#[from] net::SetupError),
    /// The port cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// The port by which it tells that it is ready cannot be listened on.
    #[error("cannot tell on port {0} that the operator is ready: {1}")]
    Ready(u16, std::io::Error),
    /// The configuration names hours that no calendar has.
    #[error("the configuration's {0}: {1}")]
    Hours(String, String),
    /// The port's token cannot be read.
    #[error("cannot read the port's token {0}: {1}")]
    Token(PathBuf, std::io::Error),
}

/// Runs until `shutdown` resolves; nothing is reverted then, the next process continues.
///
/// # Errors
/// When it cannot be started.
pub async fn run(
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let sources = detectors::configured(&options.config).into_iter();
    let sources: Vec<Endpoint> = sources.map(|(_, endpoint)| endpoint).collect();
    let net = Sockets::new(&sources)?;
    let clients = clients::pair(&options.cluster)?;
    run_with(clients, Arc::new(net), options, Wall::machine(), shutdown).await
}

/// Runs with these clients (reads, writes), this network and this wall clock; for simulations too.
///
/// # Errors
/// When it cannot be started.
pub async fn run_with(
    (reads, writes): (Client, Client),
    net: Arc<dyn Net>,
    options: Options,
    wall: Wall,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    check_hours(&options.config)?;
    let (runs, feed_of_runs) = informer();
    let (experiments, feed_of_experiments) = informer();
    let (plans, feed_of_plans) = informer();
    let (days, feed_of_days) = informer();
    let (debriefs, feed_of_debriefs) = informer();
    let (lever_sender, lever) = watch::channel(None);
    let context = Arc::new(Context {
        events: Events::new(writes.clone()),
        reads,
        writes,
        impersonates: options.impersonates,
        wall: wall.clone(),
        calendar: Ahead::of(wall.clone(), options.calendar_ahead),
        config: Arc::new(options.config.clone()),
        net,
        registry: Registry::default(),
        services: Services::default(),
        starts: Starts::default(),
        line: Line::new(wall.clock()),
        polls: Polls::default(),
        checks: Checks::default(),
        lever: lever.clone(),
        runs,
        hears_all_runs: options.only.is_none(),
        experiments,
        plans,
        days,
        debriefs,
        own_namespace: options.own_namespace.clone(),
    });
    let listening = listen(context.clone())?;
    let listed = listed(&context, lever.clone());
    let lever_of_days = lever.clone();
    let ended = tokio::select! {
        biased;
        () = shutdown => Ok(()),
        ended = listening => ended,
        () = watch_lever(context.reads.clone(), lever_sender) => Ok(()),
        () = run::control(context.clone(), feed_of_runs, options.only.as_ref(), lever) => Ok(()),
        () = unless_alone(&options, experiments::control(context.clone(), feed_of_experiments)) => Ok(()),
        () = unless_alone(&options, gameday::plans::control(context.clone(), feed_of_plans)) => Ok(()),
        () = unless_alone(&options, gameday::days::control(context.clone(), feed_of_days, lever_of_days)) => Ok(()),
        () = unless_alone(&options, debrief::control::control(context.clone(), feed_of_debriefs)) => Ok(()),
        ended = ready::notify(options.ready_port, listed) => ended.map_err(|error| StartError::Ready(options.ready_port.unwrap_or(0), error)),
        () = lease::renew(context.writes.clone(), wall, options.own_namespace.as_deref(), names::OPERATOR) => Ok(()),
    };
    context.registry.forget_all();
    ended
}

/// Whether every policy of debriefs names a time zone, hours and days that there are.
fn check_hours(config: &Config) -> Result<(), StartError> {
    for (key, policy) in config.debriefs.policies() {
        if let Err(problems) = Calendar::of(&policy) {
            let words = problems.iter().map(|problem| {
                let field = problem.path.trim_start_matches("spec.policy");
                format!("{}: {}", field.trim_start_matches('.'), problem.message)
            });
            return Err(StartError::Hours(key, words.collect::<Vec<_>>().join("; ")));
        }
    }
    Ok(())
}

/// Serves the port to those who show its token; without one configured nobody listens.
fn listen(
    context: Arc<Context>,
) -> Result<impl Future<Output = Result<(), StartError>>, StartError> {
    let config = context.config.webhook.clone();
    let token = config.as_ref().map(|config| {
        let unreadable = |error| StartError::Token(config.token_file.clone(), error);
        Token::in_file(&config.token_file).map_err(unreadable)
    });
    let port = config.map(|config| config.listen).zip(token.transpose()?);
    Ok(async move {
        let Some((address, token)) = port else {
            return std::future::pending().await;
        };
        let routes = run::notifications::routes(context.clone(), BOUNDS);
        let routes = routes.merge(port::metrics::routes(context));
        let ended = port::serve(address, token, routes, BOUNDS).await;
        ended.map_err(|error| StartError::Listen(address, error))
    })
}

/// Resolves when the lever was heard of and every run, Experiment, plan and day was listed.
async fn listed(context: &Context, mut lever: watch::Receiver<Option<SafetyLever>>) {
    let lever = async {
        if lever.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    futures::join!(
        lever,
        context.runs.listed(),
        context.experiments.listed(),
        context.plans.listed(),
        context.days.listed(),
        context.debriefs.listed()
    );
}

/// An operator of one run leaves everything else to others.
async fn unless_alone(options: &Options, control: impl Future<Output = ()>) {
    match options.only {
        Some(_) => std::future::pending().await,
        None => control.await,
    }
}

/// Watches the lever and passes on what it says.
async fn watch_lever(client: Client, heard: watch::Sender<Option<SafetyLever>>) {
    let levers: Api<SafetyLever> = Api::all(client);
    let mut events = watched(levers, watcher::Config::default());
    let mut listed = None;
    while let Some(event) = events.next().await {
        match event {
            Event::Init => listed = None,
            Event::InitApply(lever) => listed = Some(lever),
            Event::InitDone => drop(heard.send_replace(listed.take())),
            Event::Apply(lever) => drop(heard.send_replace(Some(lever))),
            Event::Delete(_) => drop(heard.send_replace(None)),
        }
    }
}
