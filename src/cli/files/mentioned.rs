//! What resources of one file say of each other.

use kube::ResourceExt;

use super::{Resource, document::Node, found, schema::Problem};
use crate::core::nearest::nearest;

/// Steps of plans that name an experiment nearly as the file does. One that is not in the file at all may be in the
/// cluster.
pub fn misspelt(read: &[(Node, Resource)]) -> Vec<Problem> {
    let name = |(_, resource): &(Node, Resource)| match resource {
        Resource::Experiment(experiment) => Some(experiment.name_any()),
        _ => None,
    };
    let known: Vec<String> = read.iter().filter_map(name).collect();
    let mut problems = Vec::new();
    for (node, resource) in read {
        let Resource::GameDay(plan) = resource else { continue };
        for (index, step) in plan.spec.steps.iter().enumerate() {
            let asked = &*step.experiment;
            let near = nearest(asked, known.iter().map(String::as_str));
            let Some(near) = near.filter(|near| *near != asked) else { continue };
            let path = format!("spec.steps[{index}].experiment");
            let help = format!("{asked:?} is not in this file: did you mean {near}?");
            problems.push(found("unknown experiment", &path, node.find(&path), help));
        }
    }
    problems
}
