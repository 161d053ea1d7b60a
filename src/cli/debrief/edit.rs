//! `firedrill debrief edit`: people's part as Markdown in their own editor. What cannot be written stays in a file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    change::{Written, clock_of, write},
    next::next,
    show::read,
};
use crate::{
    api::{Debrief, Moment},
    cli::{
        connect::Cluster,
        exit::{Exit, Failure},
    },
    debrief::{
        clock::Clock,
        edit::{People, parse, print},
        plain,
    },
    shell::run::create::suffix,
};

/// How often it is written anew where the operator alone has written meanwhile.
const TRIES: u32 = 8;

/// Arguments of `firedrill debrief edit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the debrief.
    name: String,
}

/// Opens the text in the editor, reads it back and writes what was changed.
pub async fn edit(cluster: &Cluster, args: &Args, now: Moment) -> Result<Exit, Failure> {
    let debrief = read(cluster.client.clone(), &cluster.namespace, &args.name).await?;
    let clock = clock_of(&debrief.spec)?;
    let text = print(&People::of(&debrief.spec), &clock);
    let file = file(&args.name)?;
    fs::write(&file, &text).map_err(|error| unwritable(&file, &error))?;
    open_editor(&file)?;
    let edited = fs::read_to_string(&file).map_err(|error| unwritable(&file, &error))?;
    if edited == text {
        discard(&file);
        println!("debrief {}: nothing was changed, nothing is written", args.name);
        return Ok(Exit::Met);
    }
    let kept = |failure: Failure| {
        let file = file.display();
        Failure::new(
            failure.exit,
            format!("{failure}\nnothing was written; your text is in {file}"),
        )
    };
    let saved = Box::pin(save(cluster, debrief, &clock, &edited, now)).await;
    let said = saved.map_err(kept)?;
    discard(&file);
    println!("{said}");
    Ok(Exit::Met)
}

/// Writes what was edited, on what was shown: where people's part has changed meanwhile, nothing is.
async fn save(
    cluster: &Cluster,
    shown: Debrief,
    clock: &Clock,
    edited: &str,
    now: Moment,
) -> Result<String, Failure> {
    let people = parse(edited, clock, now).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Failure::invalid(format!("the text is not understood\n{}", lines.join("\n")))
    })?;
    let (name, before) = (shown.metadata.name.clone().unwrap_or_default(), People::of(&shown.spec));
    let (uid, mut current) = (shown.metadata.uid.clone(), shown);
    for _ in 0..TRIES {
        let mut spec = current.spec.clone();
        people.clone().write_into(&mut spec);
        if let Written::Done(debrief) = write(cluster, &current, &spec).await? {
            let next = next(&debrief, clock, now);
            return Ok(plain(&format!("debrief {name} is written. Next: {next}")));
        }
        // The operator writes the status often, which is no reason to lose an edit.
        current = read(cluster.client.clone(), &cluster.namespace, &name).await?;
        if current.metadata.uid != uid || People::of(&current.spec) != before {
            return Err(Failure::invalid(format!(
                "somebody else has changed debrief {name} meanwhile; edit it anew and take your part over"
            )));
        }
    }
    let message = format!("debrief {name} has changed {TRIES} times meanwhile; repeat");
    Err(Failure::new(Exit::Infrastructure, message))
}

/// A new file that nobody else reads.
fn file(name: &str) -> Result<PathBuf, Failure> {
    let directory = env::temp_dir().join(format!("firedrill-{}", suffix()?));
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&directory).map_err(|error| unwritable(&directory, &error))?;
    Ok(directory.join(format!("{name}.md")))
}

/// Takes the file away with the directory that was made for it.
fn discard(file: &Path) {
    fs::remove_file(file).ok();
    file.parent().map(fs::remove_dir);
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Infrastructure, format!("cannot use {}: {error}", file.display()))
}

/// Waits for the editor of the user, which is a command with its arguments.
fn open_editor(file: &Path) -> Result<(), Failure> {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|editor| !editor.trim().is_empty()));
    let editor = named.unwrap_or_else(|| "vi".to_owned());
    let script = format!("{editor} \"$1\"");
    let ended = Command::new("sh").args(["-c", &script, "sh"]).arg(file).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(
            Exit::Interrupted,
            format!(
                "the editor {editor} ended with {status}; nothing was written; the text is in {}",
                file.display()
            ),
        )),
        Err(error) => Err(Failure::new(
            Exit::Infrastructure,
            format!(
                "cannot start the editor {editor}: {error}; name another in $VISUAL or $EDITOR"
            ),
        )),
    }
}
