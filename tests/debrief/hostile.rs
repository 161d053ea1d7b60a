//! What others wrote cannot act on a page: no HTML, no links, no new lines, no hidden directions.

use firedrill::{
    api::{Debrief, ExperimentRun},
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

/// Fails where something on the page acts.
#[track_caller]
fn is_inert(page: &str, field: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    assert_eq!(page.find(bad).map(|at| page[at..].lines().next()), None, "{field}");
    assert!(
        !page.lines().any(|line| line.starts_with("# fake")),
        "{field}: a new line got through"
    );
    let acting = outside_code(page);
    for mark in ["<", "](", "**b**", "http://", "@channel"] {
        let bare = acting.match_indices(mark).find(|(at, _)| !acting[..*at].ends_with('\\'));
        assert_eq!(bare.map(|(at, _)| &acting[at..]), None, "{mark} of {field}");
    }
}

#[test]
fn nothing_that_others_wrote_acts() {
    for page in hostile_pages() {
        is_inert(&page, "a run");
    }
}

/// Where each text of a value is.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                texts(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                texts(field, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_text_of_people_or_of_the_operator_acts_whichever_field_it_is_in() {
    let mut tried = 0;
    for debrief in super::learned::whole() {
        let json = serde_json::to_value(&debrief).unwrap();
        let mut fields = Vec::new();
        texts(&json, "", &mut fields);
        for field in &fields {
            for hostile in HOSTILE.iter().chain(&["@channel <b>x</b>", "@channel\n```\n<i>"]) {
                let mut json = json.clone();
                *json.pointer_mut(field).unwrap() = Value::String((*hostile).to_owned());
                // An instant or one of some words is nothing else.
                let Ok(debrief) = serde_json::from_value::<Debrief>(json) else { continue };
                tried += 1;
                is_inert(&debrief::render(&debrief), field);
            }
        }
    }
    assert!(tried > 300, "{tried} texts were tried");
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
