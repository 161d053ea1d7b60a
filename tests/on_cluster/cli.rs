//! What people see and what scripts get, beside one operator that `make test` has started.

use crate::support::{
    Ground, Web,
    terminal::{File, Terminal, WIDTH, firedrill},
    verdict,
};
use firedrill::{
    api::{ExperimentRun, run::Verdict},
    cli::view::{self, Style},
};
use kube::api::ListParams;
use serde_json::{Value, json};

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
        assert!(screen.contains("running"), "{screen}");
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
    assert_eq!(verdict(&only(&ground).await), (Some(Verdict::Aborted), "Stopped"));
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
    let run = only(&ground).await;
    for fact in &run.status.unwrap().facts {
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
    assert!(text.contains("needs 1, would leave 0"), "{text}");
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
