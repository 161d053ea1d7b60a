//! What people see and what scripts get, beside one operator that `make test` has started.

use std::process::{Command, Output};

use crate::support::{
    Ground, Web, eventually, merge, spec,
    terminal::{File, Terminal, WIDTH, firedrill},
    verdict,
};
use firedrill::{
    api::{
        Experiment, ExperimentRun, conditions, names,
        run::{Reason, Verdict},
    },
    cli::{
        files,
        grants::Grants,
        view::{self, Style},
    },
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

/// The program with the test cluster's own kubeconfig, where `-n` names no namespace.
fn nowhere(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["--kubeconfig", &std::env::var("FIREDRILL_TEST_CLUSTER").unwrap()])
        .args(arguments)
        .env_remove("FIREDRILL_CONFIG")
        .output()
        .unwrap()
}

/// The one run of the namespace.
async fn only(ground: &Ground) -> ExperimentRun {
    let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(runs.len(), 1, "one run in {}", ground.namespace);
    runs.into_iter().next().unwrap()
}

/// The word behind `run ` on the screen.
fn name_on(screen: &str) -> String {
    let line = screen.lines().find_map(|line| line.strip_prefix("run ")).unwrap();
    line.split(' ').next().unwrap().to_owned()
}

/// The lines of facts: those that begin with a time of day.
fn facts_on(screen: &str) -> Vec<&str> {
    let is_fact = |line: &&str| line.get(2..3).is_some_and(|c| c.parse::<u8>().is_ok());
    screen.lines().filter(is_fact).map(str::trim).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_block_is_the_runs_status_and_every_terminal_shows_the_same() {
    let ground = Ground::with("live", &Web { warm_up: 8, ..Web::default() }).await;
    let file = File::experiment("live", json!({"recovery": {"stableFor": "2s"}}));
    let one = Terminal::start(&ground.namespace, &["run", "-f", file.path(), "--wait"]);
    let question = one.shows("[y/N]");
    let place = format!("Run kill in namespace {} of context firedrill-test?", ground.namespace);
    assert!(question.contains(&place), "{question}");
    one.press("y\r");
    let name = name_on(&one.shows("run kill-"));
    let other = Terminal::start(&ground.namespace, &["watch", &name]);

    for terminal in [&one, &other] {
        let screen = terminal.shows("the service is down");
        assert!(screen.contains(&format!("{name}   injected   ")), "{screen}");
        for line in ["  noticed?", "  back?", "injected", "impact"] {
            assert!(screen.contains(line), "{line:?} is missing in\n{screen}");
        }
        assert_eq!(
            screen.matches("noticed?").count(),
            1,
            "the block is drawn over itself\n{screen}"
        );
        let run = ground.api::<ExperimentRun>().get(&name).await.unwrap();
        let known: Vec<String> = run
            .status
            .unwrap()
            .facts
            .iter()
            .map(|fact| view::line(fact).trim_end().to_owned())
            .collect();
        let shown = facts_on(&screen);
        assert!(shown.len() >= 2, "{screen}");
        for line in shown {
            assert!(known.contains(&line.to_owned()), "{line:?} is not among {known:#?}");
        }
    }
    assert!(one.screen().contains("Ctrl-C reverts and stops"));
    assert!(other.screen().contains("Ctrl-C leaves; the run goes on"));

    let ((code, first), (same_code, second)) = (one.ended(), other.ended());
    let run = only(&ground).await;
    let plain = Style { colour: false, unicode: true, width: usize::from(WIDTH) };
    let last = view::ending(&run, plain);
    assert!(last.starts_with("✓ Passed: ") && last.contains("cost      "), "{last}");
    assert!(first.ends_with(&last), "{first}\ndoes not end with\n{last}");
    assert_eq!(second, last, "nothing else is left on the screen of a watcher");
    assert_eq!((code, same_code), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_reverts_and_waits() {
    let ground = Ground::with("interrupted", &Web { warm_up: 20, ..Web::default() }).await;
    let file = File::experiment("interrupted", json!({}));
    let terminal =
        Terminal::start(&ground.namespace, &["run", "-f", file.path(), "--wait", "--yes"]);
    terminal.shows("injected");
    terminal.interrupt();
    let (code, screen) = terminal.ended();
    assert!(screen.contains("waiting until everything is reverted"), "{screen}");
    assert!(screen.contains("Aborted (Stopped)"), "{screen}");
    assert_eq!(code, 130);
    assert_eq!(verdict(&only(&ground).await), (Some(Verdict::Aborted), Some(Reason::Stopped)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_can_leave_and_the_run_goes_on() {
    let ground = Ground::with("leaves", &Web { warm_up: 6, ..Web::default() }).await;
    let run = ground.run(json!({})).await;
    let name = run.metadata.name.clone().unwrap();
    let terminal = Terminal::start(&ground.namespace, &["watch", &name]);
    terminal.shows("injected");
    terminal.interrupt();
    let (code, screen) = terminal.ended();
    assert!(screen.contains(&format!("{name} goes on")), "{screen}");
    assert_eq!(code, 130);
    assert_eq!(verdict(&ground.finished(&run).await).0, Some(Verdict::Passed));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_no_and_nothing_is_created() {
    let ground = Ground::bare("declined", json!({"firedrill.dev/enabled": "true"})).await;
    let file = File::experiment("declined", json!({}));
    let terminal = Terminal::start(&ground.namespace, &["run", "-f", file.path()]);
    terminal.shows("[y/N]");
    terminal.press("n\r");
    assert_eq!(terminal.ended().0, 130);
    let output = firedrill(&ground.namespace, &["run", "-f", file.path()]);
    assert_eq!(output.status.code(), Some(2), "nobody can be asked without a terminal");
    assert!(String::from_utf8_lossy(&output.stderr).contains("repeat with --yes"));
    let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap().items;
    assert!(runs.is_empty());
}

/// Runs the experiment without a terminal; its exit code and what it printed.
fn waited(ground: &Ground, name: &str, change: Value) -> (i32, String) {
    let file = File::experiment(name, change);
    let output = firedrill(&ground.namespace, &["run", "-f", file.path(), "--wait", "--yes"]);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn met_objectives_are_0_with_one_line_per_fact_where_there_is_no_terminal() {
    let ground = Ground::new("zero").await;
    let (code, text) = waited(&ground, "zero", json!({}));
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains('\x1b'), "no escape codes without a terminal: {text:?}");
    let facts = only(&ground).await.status.unwrap().facts;
    assert!(facts.is_sorted_by_key(|fact| fact.at), "not in the order of instants: {facts:#?}");
    for fact in &facts {
        let line = view::line(fact);
        assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line} in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_objective_is_1_and_names_its_debrief() {
    let ground = Ground::with("one", &Web { warm_up: 5, ..Web::default() }).await;
    let (code, text) = waited(&ground, "one", json!({"detection": {"within": "2s"}}));
    assert_eq!(code, 1, "{text}");
    let debrief = only(&ground).await.status.unwrap().debrief.unwrap();
    assert!(text.contains(&format!("firedrill debrief show {debrief} -n {}", ground.namespace)));
    let page = firedrill(&ground.namespace, &["debrief", "show", &debrief]);
    assert_eq!(page.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&page.stdout).starts_with("# Losing both web pods"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_input_is_2_and_nothing_is_sent() {
    let ground = Ground::bare("two", json!({"firedrill.dev/enabled": "true"})).await;
    let (code, _) = waited(&ground, "two", json!({"duration": "2h", "hypotesis": "a typo"}));
    assert_eq!(code, 2);
    let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap().items;
    assert!(runs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_guard_is_3_for_a_run_and_for_its_plan() {
    let ground = Ground::new("three").await;
    let change = json!({"guards": {"minReady": 1}});
    let (code, text) = waited(&ground, "three", change.clone());
    assert_eq!(code, 3, "{text}");
    let refused = "refused by guard MinReady: needs 1, would leave 0";
    assert!(text.contains(&format!("- Error: {refused}")), "{text}");
    let file = File::experiment("three-plan", change);
    let plan = firedrill(&ground.namespace, &["plan", "-f", file.path()]);
    assert_eq!(plan.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&plan.stdout).contains("Set guards.minReady: 0 to allow it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_wait_the_name_is_printed_and_the_cluster_does_the_rest() {
    let ground = Ground::new("name").await;
    let file = File::experiment("name", json!({}));
    let output = firedrill(&ground.namespace, &["run", "-f", file.path(), "--yes"]);
    assert_eq!(output.status.code(), Some(0));
    let run = only(&ground).await;
    let name = run.metadata.name.clone().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{name}\n"));
    assert_eq!(verdict(&ground.finished(&run).await).0, Some(Verdict::Passed));
    let stopped = firedrill(&ground.namespace, &["watch", &name]);
    assert_eq!(stopped.status.code(), Some(0), "a run that is over can be watched too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_happened_and_not_the_opposite() {
    let ground = Ground::bare("refused", json!({"firedrill.dev/enabled": "true"})).await;
    let (code, text) = waited(&ground, "refused", json!({}));
    assert_eq!(code, 3, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let last = format!(
        "- Error: refused by guard TargetFound: there is no deployment/web in namespace {}.",
        ground.namespace
    );
    assert_eq!(lines.last(), Some(&last.as_str()), "{text}");
    assert!(text.contains("completed       refused by guard TargetFound"), "{text}");
    assert!(!text.contains("waiting for"), "nothing is waited for: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_names_its_namespace_and_another_one_is_refused() {
    let enabled = json!({"firedrill.dev/enabled": "true"});
    let (ours, theirs) = (Ground::new("ours").await, Ground::bare("theirs", enabled).await);
    let file = |change: Value| {
        let mut experiment = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment",
            "metadata": {"name": "kill", "namespace": ours.namespace}, "spec": spec(),
        });
        merge(&mut experiment["spec"], change);
        File::of("elsewhere", &experiment.to_string())
    };
    let harmful = file(json!({}));
    let commands: [&[&str]; 3] = [
        &["run", "-f", harmful.path(), "--yes", "--wait"],
        &["plan", "-f", harmful.path()],
        &["validate", harmful.path()],
    ];
    for command in commands {
        let output = firedrill(&theirs.namespace, command);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let words = format!(
            "the file says namespace {} and -n says {}: repeat with -n {0} or without -n",
            ours.namespace, theirs.namespace
        );
        assert!(output.status.code() == Some(2) && said.contains(&words), "{command:?}: {said}");
    }
    for ground in [&ours, &theirs] {
        let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap();
        assert!(runs.items.is_empty(), "nothing is created in {}", ground.namespace);
    }
    let refused = file(json!({"guards": {"minReady": 1}}));
    let output = nowhere(&["run", "-f", refused.path(), "--yes", "--wait"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    only(&ours).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_namespace_is_not_enabled_and_can_be_disabled() {
    let ground = Ground::bare("protected", json!({"firedrill.dev/protected": "true"})).await;
    let output = nowhere(&["enable", &ground.namespace, "--yes"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let label = format!("kubectl label namespace {} firedrill.dev/protected-", ground.namespace);
    assert!(output.status.code() == Some(3) && said.trim_end().ends_with(&label), "{said}");
    for (namespace, words) in
        [("kube-system", "protected by the operator's configuration"), (&ground.namespace, &label)]
    {
        let output = firedrill(namespace, &["doctor"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(4) && said.contains(words), "{said}");
    }
    let runner = async || ground.api::<ServiceAccount>().get_opt(names::RUNNER).await.unwrap();
    assert!(runner().await.is_none(), "nothing is granted");

    // What was granted before it was protected can be taken back.
    Grants::of(&ground.namespace, names::OPERATOR_NAMESPACE).apply(&ground.client).await.unwrap();
    let output = nowhere(&["disable", &ground.namespace, "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(runner().await.is_none(), "the grants are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_that_the_server_cannot_judge_is_told_by_validate_and_by_ready() {
    let ground = Ground::bare("expression", json!({})).await;
    let mut spec = spec();
    merge(&mut spec, json!({"detection": {"alerts": ["{team=~\"(a\"}"]}}));
    let experiment = json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "impossible"}, "spec": spec,
    });
    let report = files::read("file", &experiment.to_string()).unwrap_err().json();
    let told =
        format!("{}: {}", report[0]["path"].as_str().unwrap(), report[0]["help"].as_str().unwrap());
    let experiments = ground.api::<Experiment>();
    let experiment = serde_json::from_value(experiment).unwrap();
    experiments.create(&PostParams::default(), &experiment).await.unwrap();
    let ready = eventually("Ready is told", 20, async || {
        let status = experiments.get("impossible").await.unwrap().status?;
        conditions::get(&status.conditions, "Ready").cloned()
    })
    .await;
    assert_eq!((ready.status.as_str(), ready.message), ("False", told));
}
