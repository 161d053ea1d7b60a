//! Tells people something of a day: in an event on it, and in the chat, where one is configured.

use k8s_openapi::api::{core::v1::Namespace, core::v1::ObjectReference, events::v1::Event};
use kube::{
    Api, Resource, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use serde_json::json;

use crate::{
    api::{GameDayRun, Moment},
    core::{
        gameday::day::{Attempt, Message},
        hash,
        undelivered::Undelivered,
    },
    shell::{
        call::{Error, call},
        context::Context,
        run::events::{News, event},
    },
};

/// Where events on what lives in no namespace are.
const OF_THE_CLUSTER: &str = "default";

/// Tells that, and says what became of it.
pub async fn tell(context: &Context, day: &GameDayRun, message: &Message) -> Attempt {
    let told = deliver(context, day, message).await;
    let (namespace, name) = (day.namespace().unwrap_or_default(), day.name_any());
    let what = message.what;
    match &told {
        Ok(()) => {
            tracing::info!(namespace, day = name, %what, step = message.step, "people are told");
        }
        Err(Undelivered { problem: error, .. }) => {
            tracing::warn!(namespace, day = name, %what, step = message.step, error, "people were not told");
        }
    }
    let at = context.calendar.now();
    Attempt { what, step: message.step.clone(), at, problem: told.err() }
}

/// The chat decides whether it is delivered, where there is one. An event that is refused then is not waited for.
async fn deliver(
    context: &Context,
    day: &GameDayRun,
    message: &Message,
) -> Result<(), Undelivered> {
    let written = write(context, day, message).await;
    let Some(chat) = &context.config.chat else {
        return written.map_err(|error| error.to_string().into());
    };
    match written {
        Err(error) if error.code().is_none_or(|code| code >= 500) => {
            return Err(error.to_string().into());
        }
        Err(error) => tracing::warn!(%error, "an event could not be written"),
        Ok(()) => {}
    }
    let body = json!({
        "text": message.text,
        "key": message.key,
        "day": day.name_any(),
        "namespace": day.namespace(),
        "what": message.what,
        "step": message.step,
    });
    context.net.post_json(chat, &message.key, body).await
}

/// Writes the event. A namespace that goes takes its days and their events along, and takes no new ones: what is still to
/// be told of them is told on the namespace, where it stays.
async fn write(context: &Context, day: &GameDayRun, message: &Message) -> Result<(), Error> {
    let namespace = day.namespace().unwrap_or_default();
    let written = create(context, &namespace, day, message, day.object_ref(&())).await;
    match written {
        Err(error) if is_going(&error) => {
            if message.is_last {
                let (name, text) = (day.name_any(), &message.text);
                tracing::warn!(namespace, day = name, text, "a game day ends with its namespace");
            }
            let metadata = ObjectMeta { name: Some(namespace), ..ObjectMeta::default() };
            let about = Namespace { metadata, ..Namespace::default() };
            create(context, OF_THE_CLUSTER, day, message, about.object_ref(&())).await
        }
        other => other,
    }
}

/// Whether nothing can be created there any more.
fn is_going(error: &Error) -> bool {
    let Error::Call { source, .. } = error else { return false };
    let kube::Error::Api(status) = &**source else { return false };
    let mut causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 404
        || (status.code == 403 && causes.any(|cause| cause.reason == "NamespaceTerminating"))
}

/// Creates the event; one that is there already is as good.
async fn create(
    context: &Context,
    namespace: &str,
    day: &GameDayRun,
    message: &Message,
    about: ObjectReference,
) -> Result<(), Error> {
    let at: Moment = context.wall.now();
    let news = News {
        warns: message.warns,
        reason: format!("GameDay{}", message.what),
        action: "Announce",
        note: message.text.clone(),
        at,
        about: Vec::new(),
    };
    let mut event: Event = event(day.uid(), &news, about);
    // Its name is made of its key, so that each try writes the same one.
    event.metadata.name = Some(format!("{}.{}", day.name_any(), hash::short(&message.key)));
    event.metadata.namespace = Some(namespace.to_owned());
    let events: Api<Event> = Api::namespaced(context.writes.clone(), namespace);
    match call("write an event", events.create(&PostParams::default(), &event)).await {
        Err(error) if error.code() != Some(409) => Err(error),
        _ => Ok(()),
    }
}
