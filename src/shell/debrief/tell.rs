//! Tells people something of a debrief: in an event on it, and in the chat of its team, where one is configured.

use k8s_openapi::api::events::v1::Event;
use kube::{Api, Resource, ResourceExt, api::PostParams};
use serde_json::json;

use crate::{
    api::{Debrief, Moment, debrief::Notice},
    config::{Chat, Team},
    core::{undelivered::Undelivered, words::harmless},
    debrief::{
        decide::{Delivery, Told},
        remind,
    },
    shell::{
        call::{Error, call},
        context::Context,
        run::events::{News, event},
    },
};

/// The team that a debrief belongs to: by the configuration where its namespace may use that name, and the name itself.
#[must_use]
pub fn team<'a>(context: &'a Context, debrief: &'a Debrief) -> (Option<&'a Team>, &'a str) {
    let name = remind::team(debrief);
    let namespace = debrief.metadata.namespace.as_deref().unwrap_or_default();
    (context.config.debriefs.team(name, namespace), name)
}

/// Tells that, and says what became of it. It is not told any more where that comes so late, as after a pause of the whole
/// process, that another operator may have told it meanwhile.
pub async fn tell(
    context: &Context,
    debrief: &Debrief,
    what: Notice,
    (key, text): (&str, &str),
    until: Moment,
) -> Option<Told> {
    let told = deliver(context, debrief, what, (key, text), until).await?;
    let (namespace, name) = (debrief.namespace().unwrap_or_default(), debrief.name_any());
    match &told {
        Ok(()) => tracing::info!(namespace, debrief = name, %what, "people are told"),
        Err(Undelivered { problem: error, .. }) => {
            tracing::warn!(namespace, debrief = name, %what, error, "people were not told");
        }
    }
    let delivery = told.map_or_else(Delivery::Undelivered, |()| Delivery::Delivered);
    Some(Told { what, at: context.calendar.now(), delivery })
}

/// The chat decides whether it is delivered, where there is one. An event that is refused then is not waited for.
async fn deliver(
    context: &Context,
    debrief: &Debrief,
    what: Notice,
    (key, text): (&str, &str),
    until: Moment,
) -> Option<Result<(), Undelivered>> {
    // What is written twice is one event, as its name says.
    let written = write(context, debrief, what, (key, text)).await;
    let Some(chat) = chat(context, debrief) else {
        return Some(match written {
            // A namespace that goes takes no event, and its debriefs go with it.
            Err(error) if error.code().is_none_or(|code| code >= 500) => {
                Err(error.to_string().into())
            }
            _ => Ok(()),
        });
    };
    if context.calendar.now() >= until {
        return None;
    }
    if let Err(error) = written {
        tracing::warn!(%error, "an event could not be written");
    }
    let body = json!({
        "text": text,
        "key": key,
        "debrief": debrief.name_any(),
        "namespace": debrief.namespace(),
        "what": what,
    });
    Some(context.net.post_json(chat, key, body).await)
}

fn chat<'a>(context: &'a Context, debrief: &'a Debrief) -> Option<&'a Chat> {
    let own = team(context, debrief).0.and_then(|team| team.chat.as_ref());
    own.or(context.config.chat.as_ref())
}

/// Writes the event; one that is there already is as good.
async fn write(
    context: &Context,
    debrief: &Debrief,
    what: Notice,
    (key, text): (&str, &str),
) -> Result<(), Error> {
    let news = News {
        warns: what != Notice::Ended,
        reason: format!("Debrief{what}"),
        action: "Remind",
        note: harmless(text),
        at: context.wall.now(),
        about: Vec::new(),
    };
    let uid = debrief.uid().unwrap_or_default();
    let mut event: Event = event(&uid, &news, debrief.object_ref(&()));
    // Its name is made of its key, so that each try writes the same one.
    event.metadata.name = Some(format!("{}.{key}", debrief.name_any()));
    let events: Api<Event> =
        Api::namespaced(context.writes.clone(), &debrief.namespace().unwrap_or_default());
    match call("write an event", events.create(&PostParams::default(), &event)).await {
        Err(error) if error.code() != Some(409) => Err(error),
        _ => Ok(()),
    }
}
