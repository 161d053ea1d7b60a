//! What carries the mark of a run's fault, for a run whose journal tells nobody.

use kube::ResourceExt;

use crate::{
    api::{ExperimentRun, Moment},
    core::decide::Marked,
    faults::{Kind, Object},
    shell::{call::Error, context::Context, objects, reader::Reader},
};

/// One object of the run's namespace that carries the armed mark of its fault, as of `read_at`.
pub async fn marked(context: &Context, run: &ExperimentRun, read_at: Moment) -> Marked {
    let reader = Reader::new(context.reads.clone());
    let found = first(&reader, &run.namespace().unwrap_or_default(), run.uid()).await;
    Marked { read_at, found: found.map_err(|error| error.to_string()) }
}

async fn first(reader: &Reader, namespace: &str, run: &str) -> Result<Option<Object>, Error> {
    let is_armed =
        |object: &Object| object.mark().is_some_and(|mark| mark.armed && mark.run == run);
    for kind in Kind::ALL {
        let mut name = None;
        let take = |object: Object| {
            if is_armed(&object) {
                name = Some(object.name().to_owned());
            }
        };
        objects::marked(reader, (kind, Some(namespace)), take).await?;
        if let Some(name) = name {
            let whole = objects::with(reader, (kind, namespace, &name), |object| object).await?;
            if let Some(object) = whole.filter(is_armed) {
                return Ok(Some(object));
            }
        }
    }
    Ok(None)
}
