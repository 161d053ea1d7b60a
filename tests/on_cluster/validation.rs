//! The API server refuses and accepts exactly what `firedrill validate` does.

mod generated;
mod server;
mod values;

use std::{collections::BTreeMap, env};

use firedrill::{api::definitions, cli::files::read};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use generated::File;
use server::Answer;

#[tokio::test]
async fn the_server_and_the_command_line_agree_on_every_document() {
    let client = crate::support::client().await;
    let (mut agreed, mut disagreements) = (0, Vec::new());
    for name in ["good.yaml", "bad.yaml", "whole.yaml"] {
        let path = format!("{}/tests/manifests/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for document in text.split("---\n").skip(1) {
            let json = document.lines().find(|line| !line.starts_with('#')).unwrap();
            let kind =
                serde_json::from_str::<Value>(json).unwrap()["kind"].as_str().unwrap().to_owned();
            let (changed, namespace) = (json.to_owned(), "default".to_owned());
            let file = File { kind, changed, namespace, text: json.to_owned() };
            match (read(name, json).is_ok(), server::ask(&client, &file).await) {
                (true, Answer::Accepted | Answer::NotThisUser) | (false, Answer::Refused(_)) => {
                    agreed += 1;
                }
                (_, Answer::Accepted | Answer::NotThisUser) => {
                    disagreements.push(format!("{document} server: accepted"));
                }
                (_, Answer::Refused(status)) => {
                    disagreements.push(format!("{document} server: {}", status.message));
                }
            }
        }
    }
    println!("{agreed} documents agreed, {} disagreements", disagreements.len());
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    assert!(agreed >= 200);
}

/// How the files of one kind were judged.
#[derive(Clone, Default)]
struct Tally {
    files: usize,
    accepted: usize,
    refused: usize,
    /// Refused by both, at the same field, at one within it or at one around it.
    same_place: usize,
    disagreements: Vec<String>,
    /// Refusals that name no field: the server's, ours.
    placeless: (Vec<String>, Vec<String>),
}

/// `FIREDRILL_FILES` and `FIREDRILL_SEED` say how many files, and which (`make validate`: always others);
/// `FIREDRILL_EVIDENCE` where the figures go.
#[tokio::test]
async fn the_server_and_the_command_line_agree_on_whatever_somebody_writes() {
    let given = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = given("FIREDRILL_SEED").unwrap_or(1);
    let count = given("FIREDRILL_FILES").unwrap_or(300);
    let (changes, fields) = generated::size();
    println!("seed {seed}: {count} files of {changes} changes of {fields} fields");
    for definition in definitions() {
        assert_eq!(generated::missing(&definition.spec.names.kind), [""; 0]);
    }
    let client = crate::support::client().await;
    let files = generated::files(seed, usize::try_from(count).unwrap());
    let judged = stream::iter(files).map(|file| {
        let client = client.clone();
        async move {
            let theirs = server::ask(&client, &file).await;
            (file, theirs)
        }
    });
    let mut judged = judged.buffer_unordered(8);
    let mut kinds: BTreeMap<String, Tally> = BTreeMap::new();
    while let Some((file, theirs)) = judged.next().await {
        compare(kinds.entry(file.kind.clone()).or_default(), &file, &theirs);
    }
    report(seed, &kinds);
}

fn compare(tally: &mut Tally, file: &File, theirs: &Answer) {
    tally.files += 1;
    let problems = read("file", &file.text).err().map(|report| report.json());
    let told = |problems: &Value| {
        let told = problems.as_array().unwrap().iter();
        told.map(|problem| format!("{}: {}", problem["path"], problem["help"])).collect::<Vec<_>>()
    };
    let paths = |problems: &Value| -> Vec<String> {
        let paths = problems.as_array().unwrap().iter();
        paths.map(|problem| problem["path"].as_str().unwrap().to_owned()).collect()
    };
    let said = format!("{} {}", file.kind, file.changed);
    if let Some(problems) =
        problems.as_ref().filter(|ours| paths(ours).iter().any(String::is_empty))
    {
        tally
            .placeless
            .1
            .push(format!("{said}\n    ours: {}", told(problems).join("\n          ")));
    }
    if let Answer::Refused(status) = theirs
        && server::fields(status).is_empty()
    {
        tally.placeless.0.push(format!("{said}\n    server: {}", status.message));
    }
    match (&problems, theirs) {
        (None, Answer::Accepted | Answer::NotThisUser) => tally.accepted += 1,
        (Some(problems), Answer::Refused(status)) => {
            tally.refused += 1;
            let theirs = server::fields(status);
            let near = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
            let is_same =
                paths(problems).iter().any(|our| theirs.iter().any(|their| near(our, their)));
            tally.same_place += usize::from(is_same);
        }
        (None, Answer::Refused(status)) => {
            tally.disagreements.push(format!("{said}\n    server: {}", status.message));
        }
        // What a calendar and an order of steps mean no schema can say.
        (Some(problems), Answer::Accepted)
            if file.kind == "GameDay"
                && paths(problems).iter().all(|path| is_of_the_plan(path)) =>
        {
            tally.accepted += 1;
        }
        // What a policy of the chart refuses.
        (Some(problems), Answer::NotThisUser)
            if paths(problems).iter().all(|path| path.starts_with("metadata.finalizers")) =>
        {
            tally.refused += 1;
        }
        (Some(problems), Answer::Accepted | Answer::NotThisUser) => {
            tally
                .disagreements
                .push(format!("{said}\n    ours: {}", told(problems).join("\n          ")));
        }
    }
}

/// Whether a field of a plan is judged beyond the schema too.
fn is_of_the_plan(path: &str) -> bool {
    ["schedule", "startAt", "timeZone", "blackouts", "steps", "goNoGo.noFiring"]
        .iter()
        .any(|field| path.starts_with(&format!("spec.{field}")))
}

/// Prints the figures, writes them down, and fails where the two do not agree.
fn report(seed: u64, kinds: &BTreeMap<String, Tally>) {
    let all = kinds.values().fold(Tally::default(), |mut all, one| {
        all.files += one.files;
        all.accepted += one.accepted;
        all.refused += one.refused;
        all.same_place += one.same_place;
        all.disagreements.extend(one.disagreements.iter().cloned());
        all.placeless.0.extend(one.placeless.0.iter().cloned());
        all.placeless.1.extend(one.placeless.1.iter().cloned());
        all
    });
    println!(
        "{:<15} files  accepted  refused  same place  disagreements  without a field: server, ours",
        ""
    );
    for (kind, tally) in
        kinds.iter().map(|(kind, tally)| (kind.as_str(), tally)).chain([("all", &all)])
    {
        println!(
            "{kind:<15} {:>5}  {:>8}  {:>7}  {:>10}  {:>13}  {:>23}, {:>4}",
            tally.files,
            tally.accepted,
            tally.refused,
            tally.same_place,
            tally.disagreements.len(),
            tally.placeless.0.len(),
            tally.placeless.1.len()
        );
    }
    let (server, ours) = &all.placeless;
    for (title, lines) in [
        ("disagreements", &all.disagreements),
        ("refusals of the server without a field", server),
        ("refusals of ours without a field", ours),
    ] {
        if !lines.is_empty() {
            println!("\n{title}:\n{}", lines.join("\n"));
        }
    }
    if let Ok(path) = env::var("FIREDRILL_EVIDENCE") {
        let figures = json!({
            "seed": seed, "files": all.files, "accepted": all.accepted, "refused": all.refused,
            "samePlace": all.same_place, "disagreements": all.disagreements, "serverWithoutField": server,
            "oursWithoutField": ours,
        });
        std::fs::write(path, format!("{figures:#}\n")).unwrap();
    }
    let failed = [&all.disagreements, server, ours].map(Vec::len);
    println!(
        "seed {seed}: {} files, {} disagreements; refusals without a field: {} of the server, {} of ours",
        all.files, failed[0], failed[1], failed[2]
    );
    assert_eq!(failed, [0, 0, 0]);
    assert!(
        all.accepted > all.files / 20 && all.refused > all.files / 5,
        "too few are on one side"
    );
}
