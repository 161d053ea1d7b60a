//! `firedrill debrief show`: one debrief as a page or as data. Nothing is measured anew: all of it lies in the Debrief.

use kube::{Api, Client};

use super::output::yaml;
use crate::{
    api::Debrief,
    cli::{exit::Failure, view},
    debrief::{plain, render},
    shell::call::{self, call},
};

/// Arguments of `firedrill debrief show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Name of the debrief.
    pub name: String,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ShowOutput,
}

/// How one debrief is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ShowOutput {
    /// The page.
    #[default]
    Markdown,
    /// The whole object.
    Json,
    /// The same as YAML.
    Yaml,
}

/// One debrief of `namespace` as it is printed.
///
/// # Errors
/// When there is none of that name, or it cannot be read or printed.
pub async fn show(client: Client, namespace: &str, args: &ShowArgs) -> Result<String, Failure> {
    shown(&read(client, namespace, &args.name).await?, args.output)
}

/// The debrief of that name.
pub(super) async fn read(client: Client, namespace: &str, name: &str) -> Result<Debrief, Failure> {
    let debriefs: Api<Debrief> = Api::namespaced(client, namespace);
    match call("read the debrief", debriefs.get(name)).await {
        Ok(debrief) => Ok(debrief),
        Err(error) if is_absent(&error) => Err(Failure::invalid(plain(&format!(
            "there is no debrief {name} in namespace {namespace}; \
             `firedrill debrief list -n {namespace}` shows those that exist"
        )))),
        Err(error) => Err(error.into()),
    }
}

/// Whether the API server speaks of the object; without details it does not know the resource.
fn is_absent(error: &call::Error) -> bool {
    let call::Error::Call { source, .. } = error else {
        return false;
    };
    matches!(&**source, kube::Error::Api(status) if status.code == 404 && status.details.is_some())
}

/// One debrief as it is printed.
///
/// # Errors
/// When it cannot be written as YAML.
pub fn shown(debrief: &Debrief, output: ShowOutput) -> Result<String, Failure> {
    match output {
        ShowOutput::Markdown => Ok(render(debrief)),
        ShowOutput::Json => Ok(format!("{:#}\n", view::object(debrief))),
        ShowOutput::Yaml => yaml(&view::object(debrief)),
    }
}
