//! Asks the alert sources, and reads what they answer without holding up anybody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as SyncMutex},
};

use serde_json::value::RawValue;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    config::Endpoint,
    core::alerts::rules::Rule,
    detectors::{Question, Source, Told},
    shell::{net::Net, shared::lock},
};

/// Beyond so many bytes it takes less to hand an answer over than to let probes wait for it.
const BYTES_AT_ONCE: usize = 64 << 10;

/// What a source answered to a question may be so old for whoever asks the same.
const FRESH: std::time::Duration = std::time::Duration::from_secs(1);

/// Asks a source and reads its answer.
///
/// # Errors
/// When it does not answer, or its answer cannot be read.
pub async fn ask<T: Send + 'static>(
    net: &dyn Net,
    endpoint: &Endpoint,
    question: Question,
    read: impl FnOnce(&RawValue) -> Told<T> + Send + 'static,
) -> Told<T> {
    let answer = net.get_json(endpoint, question).await?;
    if answer.get().len() <= BYTES_AT_ONCE {
        return read(&answer);
    }
    beside(move || read(&answer)).await?
}

/// Does long work beside the runtime's one thread, as no probe may wait for it.
///
/// # Errors
/// When it panics.
pub async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| "the answer could not be read".to_owned())
}

/// Whether the sources answer, with their rules: asked once for all who want to know that within a second.
#[derive(Default)]
pub struct Checks(SyncMutex<HashMap<&'static str, Arc<Check>>>);

/// What the last check of one source found; held while that is asked.
type Check = Mutex<Option<Checked>>;

struct Checked {
    asked: Instant,
    told: Result<Arc<Vec<Rule>>, String>,
}

impl Checks {
    /// The rules of a source; none where it has none to tell.
    ///
    /// # Errors
    /// When it does not answer, or its answer cannot be read.
    pub async fn rules(
        &self,
        net: &dyn Net,
        source: &Source,
        endpoint: &Endpoint,
    ) -> Result<Arc<Vec<Rule>>, String> {
        let wanted = Instant::now();
        let check = {
            let mut checks = lock(&self.0);
            checks.entry(source.channel.name).or_default().clone()
        };
        let mut known = check.lock().await;
        if let Some(checked) = known.as_ref().filter(|checked| checked.asked + FRESH >= wanted) {
            return checked.told.clone();
        }
        let asked = Instant::now();
        let read = source.rules.unwrap_or(|_| Ok(Vec::new()));
        let told = ask(net, endpoint, (source.check)(), read).await.map(Arc::new);
        *known = Some(Checked { asked, told: told.clone() });
        told
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;
    use tokio::time::sleep;

    use crate::{detectors::configured, shell::run::alerts::tests::World};

    #[tokio::test(start_paused = true)]
    async fn whoever_wants_the_rules_within_a_second_is_told_by_one_answer() {
        let world = World::new(Duration::from_millis(300));
        let (source, endpoint) = configured(&world.context.config).remove(0);
        let many = async || {
            let ask = || world.context.checks.rules(&*world.context.net, source, &endpoint);
            join_all((0..200).map(|_| ask())).await
        };
        for (alerts, rules, asked) in [(Some(&[][..]), Ok(1), 1), (None, Err("refused"), 2)] {
            world.answer(alerts);
            for told in many().await {
                let told = told.as_ref().map(|rules| rules.len()).map_err(String::as_str);
                assert_eq!(told, rules);
            }
            many().await;
            assert_eq!(world.asked()[0], asked, "what was asked less than a second ago is fresh");
            sleep(Duration::from_secs(1)).await;
        }
    }
}
