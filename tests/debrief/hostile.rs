//! What others wrote cannot act on a page: no HTML, no links, no new lines, no hidden directions.

use firedrill::{
    api::ExperimentRun,
    debrief::{self, LeadUp},
};
use serde_json::{Value, json};

use super::runs::{lead_up, not_tolerated, opening, slow_alert, with};

/// A word that holds a link is quoted, so there is one text with and one without.
const HOSTILE: [&str; 2] = [
    "<script>x</script> [go](http://evil.example) | a |\n# fake\r\n\u{1b}[31m `x` \u{202e}\u{200b} ![i](j) **b**",
    "<script>x</script> [go](evil) | a |\n# fake\r\n\u{1b}[31m `x` \u{202e}\u{200b} ![i](j) **b**",
];

fn hostile_run(run: &ExperimentRun, hostile: &str) -> ExperimentRun {
    let mut json = serde_json::to_value(run).unwrap();
    let texts = [
        "/status/plan/spec/hypothesis",
        "/status/plan/spec/owner",
        "/status/plan/spec/detection/alerts/0",
        "/status/plan/experiment/faultHash",
        "/status/plan/victims/0/name",
        "/status/plan/victims/0/node",
        "/status/facts/2/detail",
        "/status/facts/2/source",
        "/status/facts/5/labels/alertname",
        "/status/detection/alert/labels/alertname",
        "/status/detection/alert/labels/severity",
        "/status/detection/alsoFired/0/labels/alertname",
        "/status/detection/alsoFired/0/note",
        "/status/recovery/evidence",
        "/status/impact/probes/lastFailure",
        "/status/summary",
    ];
    for pointer in texts {
        let value = json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        *value = Value::String(hostile.to_owned());
    }
    serde_json::from_value(json).unwrap()
}

fn hostile_lead_up(hostile: &str) -> LeadUp {
    let mut lead_up = lead_up();
    for entry in &mut lead_up.entries {
        (entry.source, entry.text) = (hostile.to_owned(), hostile.to_owned());
    }
    hostile.clone_into(&mut lead_up.horizon);
    lead_up.target_state = vec![hostile.to_owned()];
    lead_up
}

/// The page without what is quoted as code, where nothing acts.
fn outside_code(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('`') {
        if rest[..start].ends_with('\\') {
            out.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        }
        let fence = rest[start..].chars().take_while(|c| *c == '`').count();
        let body = &rest[start + fence..];
        let mut from = 0;
        let end = loop {
            let Some(at) = body[from..].find('`').map(|at| at + from) else {
                panic!("open code: {rest}")
            };
            let length = body[at..].chars().take_while(|c| *c == '`').count();
            if length == fence {
                break at + length;
            }
            from = at + length;
        };
        out.push_str(&rest[..start]);
        rest = &body[end..];
    }
    out + rest
}

fn hostile_pages() -> Vec<String> {
    let page = |run: &ExperimentRun, hostile: &str| {
        let run = hostile_run(run, hostile);
        debrief::render(&debrief::open(&run, opening(hostile_lead_up(hostile))).unwrap())
    };
    let runs = [slow_alert(), not_tolerated()];
    runs.iter().flat_map(|run| HOSTILE.map(|hostile| page(run, hostile))).collect()
}

#[test]
fn nothing_that_others_wrote_acts() {
    for page in hostile_pages() {
        let bad = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        };
        assert_eq!(page.find(bad), None);
        assert!(!page.lines().any(|line| line.starts_with("# fake")), "a new line got through");
        let acting = outside_code(&page);
        for mark in ["<", "](", "**b**", "http://"] {
            let bare = acting.match_indices(mark).find(|(at, _)| !acting[..*at].ends_with('\\'));
            assert_eq!(bare.map(|(at, _)| &acting[at..]), None, "{mark}");
        }
    }
}

#[test]
fn every_row_of_a_table_has_as_many_cells_as_its_header() {
    for page in hostile_pages() {
        let mut columns = None;
        for line in page.lines() {
            if line.starts_with("| ") {
                assert_eq!(*columns.get_or_insert_with(|| cells(line)), cells(line), "{line}");
            } else {
                columns = None;
            }
        }
    }
}

/// The bars of a line that are not escaped.
fn cells(line: &str) -> usize {
    let mut escaped = false;
    let bars = line.chars().filter(|c| {
        let bar = *c == '|' && !escaped;
        escaped = *c == '\\' && !escaped;
        bar
    });
    bars.count()
}

#[test]
fn a_title_and_a_summary_line_stay_one_line() {
    let run = with(&slow_alert(), &[("/metadata/name", json!("a\nb"))]);
    let mut debrief = debrief::open(&run, opening(LeadUp::default())).unwrap();
    debrief.spec.title = HOSTILE[0].to_owned();
    assert!(!debrief::summary_line(&debrief).contains(['\n', '\r', '\u{1b}']));
    let page = debrief::render(&debrief);
    assert!(
        page.starts_with(r"# \<script\>x\</script\> `[go](http://evil.example`) \| a \|"),
        "{page}"
    );
}
