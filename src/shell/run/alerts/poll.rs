//! Asks each alert source once a second, for all runs that listen, and nobody while none does. An answer is read once.

use std::sync::{Arc, Mutex, Weak};

use serde_json::value::RawValue;
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    api::Duration,
    config::Endpoint,
    core::alerts::rules::Rule,
    detectors::{Alert, Inquiry, Source},
    shell::{
        context::Context,
        run::registry::Lookout,
        shared::{Shared, lock},
        sources::{ask, beside},
    },
};

/// How often a source is asked; the stamps in its answers are exact, so this is for those who look on.
const EVERY: Duration = Duration::seconds(1);

/// Beyond so many alerts it takes less to hand the work over than to let probes wait for it.
const ALERTS_AT_ONCE: usize = 256;

/// The polls that are under way, by the channel of their source, and whose turn it is to read.
#[derive(Default)]
pub struct Polls {
    polls: Shared<SourcePoll>,
    turns: Shared<Turn>,
}

/// Runs of one namespace read long answers one after the other, so that none takes more than one processor from others.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// The poll of one source; it ends when nobody listens any more.
struct SourcePoll {
    listening: Arc<Mutex<Listening>>,
    replies: watch::Receiver<Option<Arc<Reply>>>,
    task: AbortHandle,
}

/// Who listens.
#[derive(Default)]
struct Listening {
    /// How many questions were put together for those who listened then.
    questions: u64,
    ears: Vec<Weak<Ear>>,
}

/// A run that listens.
struct Ear {
    lookout: Arc<Lookout>,
    /// The number of the first question that is asked for it too.
    first: u64,
}

/// What came of one question.
pub struct Reply {
    question: u64,
    /// When it was asked.
    pub asked: Instant,
    /// How far it looked back.
    pub back: Duration,
    /// The alerts that it tells of, or why there is no telling.
    pub told: Result<Arc<[Box<dyn Alert>]>, String>,
}

/// What a run has while it listens.
pub struct Listener {
    ear: Arc<Ear>,
    turn: Arc<Turn>,
    replies: watch::Receiver<Option<Arc<Reply>>>,
    /// Goes on for as long as somebody has it.
    _poll: Arc<SourcePoll>,
}

impl Polls {
    /// Lets a run listen to a source, which is asked at once where nobody listens yet.
    pub fn join(
        &self,
        context: &Arc<Context>,
        source: &'static Source,
        endpoint: Endpoint,
        lookout: &Arc<Lookout>,
    ) -> Listener {
        let start = || SourcePoll::start(context.clone(), source, endpoint);
        let poll = self.polls.of(source.channel.name, start);
        let (ear, turn) = (poll.let_in(lookout.clone()), self.turn(&lookout.run.0));
        Listener { ear, turn, replies: poll.replies.clone(), _poll: poll }
    }

    /// By what the runs of that namespace take turns.
    pub(super) fn turn(&self, namespace: &str) -> Arc<Turn> {
        self.turns.of(namespace, Turn::default)
    }
}

impl Listener {
    /// What came of the next question that was asked since it listens; the newest, where several have come.
    pub async fn next(&mut self) -> Option<Arc<Reply>> {
        loop {
            self.replies.changed().await.ok()?;
            let newest = self.replies.borrow_and_update().clone();
            if let Some(reply) = newest.filter(|reply| reply.question >= self.ear.first) {
                return Some(reply);
            }
        }
    }

    /// Reads so many alerts of an answer.
    ///
    /// # Errors
    /// When that panics.
    pub async fn read<T: Send + 'static>(
        &self,
        alerts: usize,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        if alerts <= ALERTS_AT_ONCE {
            return Ok(read());
        }
        let _turn = self.turn.lock().await;
        beside(read).await
    }
}

impl SourcePoll {
    fn start(context: Arc<Context>, source: &'static Source, endpoint: Endpoint) -> Self {
        let (sender, replies) = watch::channel(None);
        let listening = Arc::<Mutex<Listening>>::default();
        let asking = Asking { context, source, endpoint, listening: Arc::clone(&listening) };
        let task = tokio::spawn(asking.go_on(sender)).abort_handle();
        Self { listening, replies, task }
    }

    fn let_in(&self, lookout: Arc<Lookout>) -> Arc<Ear> {
        let mut listening = lock(&self.listening);
        listening.ears.retain(|ear| ear.strong_count() > 0);
        let ear = Arc::new(Ear { lookout, first: listening.questions + 1 });
        listening.ears.push(Arc::downgrade(&ear));
        ear
    }
}

impl Drop for SourcePoll {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What it takes to ask a source again and again.
struct Asking {
    context: Arc<Context>,
    source: &'static Source,
    endpoint: Endpoint,
    listening: Arc<Mutex<Listening>>,
}

impl Asking {
    async fn go_on(self, replies: watch::Sender<Option<Arc<Reply>>>) {
        let mut ticks = interval_at(Instant::now(), EVERY.std());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut rules = Rules::default();
        loop {
            ticks.tick().await;
            if rules.known.is_empty() {
                self.renew(&mut rules).await;
            }
            let known = rules.known.clone();
            futures::join!(self.poll(known, &replies), self.renew(&mut rules));
        }
    }

    async fn poll(&self, rules: Arc<Vec<Rule>>, replies: &watch::Sender<Option<Arc<Reply>>>) {
        let (asked, (question, ears)) = (Instant::now(), self.listening());
        let inquiry = self.inquiry(asked, &ears);
        let back = inquiry.back;
        let told = self.alerts(inquiry, rules).await;
        replies.send_replace(Some(Arc::new(Reply { question, asked, back, told })));
    }

    /// Asks for the rules, as long as there are none and whenever a run has come since.
    async fn renew(&self, rules: &mut Rules) {
        if self.source.rules.is_none() {
            return;
        }
        let newest = {
            let listening = lock(&self.listening);
            listening.ears.iter().filter_map(Weak::upgrade).map(|ear| ear.first).max()
        };
        if !rules.known.is_empty() && rules.asked_for >= newest {
            return;
        }
        rules.asked_for = newest;
        let net = &*self.context.net;
        if let Ok(told) = self.context.checks.rules(net, self.source, &self.endpoint).await {
            rules.known = told;
        }
    }

    /// The number of the next question, and for whom it is.
    fn listening(&self) -> (u64, Vec<Arc<Ear>>) {
        let mut listening = lock(&self.listening);
        listening.questions += 1;
        (listening.questions, listening.ears.iter().filter_map(Weak::upgrade).collect())
    }

    /// What to ask for them at that instant.
    fn inquiry(&self, asked: Instant, ears: &[Arc<Ear>]) -> Inquiry {
        let back = |ear: &Arc<Ear>| {
            let since = ear.lookout.read(|signals| signals.alerts_since).0;
            Duration::between(since, ear.lookout.clock.at(asked))
        };
        Inquiry {
            back: ears.iter().map(back).max().unwrap_or_default(),
            label: self.context.config.alert_labels().namespace.to_owned(),
            namespaces: ears.iter().map(|ear| ear.lookout.run.0.clone()).collect(),
        }
    }

    async fn alerts(
        &self,
        inquiry: Inquiry,
        rules: Arc<Vec<Rule>>,
    ) -> Result<Arc<[Box<dyn Alert>]>, String> {
        let (question, read) = ((self.source.alerts)(&inquiry), self.source.read);
        let read = move |answer: &RawValue| read(answer, &inquiry, &rules);
        let told = ask(&*self.context.net, &self.endpoint, question, read).await?;
        Ok(told.into())
    }
}

/// The rules of a source as it told them last.
#[derive(Default)]
struct Rules {
    known: Arc<Vec<Rule>>,
    /// The newest of those who listened then.
    asked_for: Option<u64>,
}
