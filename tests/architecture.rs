//! The arrows of ARCHITECTURE.md, and the sizes that keep files readable.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "architecture/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::LazyLock,
};

use source::{File, circles, files, imports, parse, paths};

/// Every file of the product.
static PRODUCT: LazyLock<Vec<File>> = LazyLock::new(|| files("src"));

/// What each folder may import of the others; `cli` may import everything.
const ARROWS: [(&str, &[&str]); 8] = [
    ("api", &[]),
    ("config", &["api"]),
    ("faults", &["api"]),
    ("core", &["api", "config", "faults"]),
    ("detectors", &["api", "config", "core"]),
    ("debrief", &["api", "core", "detectors", "faults"]),
    ("metrics", &["api"]),
    ("shell", &["api", "config", "core", "debrief", "detectors", "faults", "metrics"]),
];

/// The first part of a module or path.
fn folder(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

/// The paths of a file that break a rule of its folder, each with what it breaks.
fn wrong_names(file: &File) -> Vec<String> {
    let own = folder(&file.module);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == own) else {
        return Vec::new();
    };
    let is_pure = own != "shell";
    let outside = |name: &&String| {
        if let Some(other) = name.strip_prefix("crate::").map(folder) {
            other != own && !allowed.contains(&other)
        } else {
            let parts: Vec<&str> = name.split("::").collect();
            let talks = matches!(parts[0], "tokio" | "reqwest" | "hyper")
                || parts.contains(&"Client")
                || name.starts_with("kube::Api")
                || name.starts_with("kube::runtime");
            let is_ambient = own == "core"
                && (["Instant::now", "Timestamp::now", "Zoned::now", "SystemTime", "SysRng"]
                    .iter()
                    .any(|read| name.contains(read))
                    || matches!(parts[0], "kube" | "tracing"));
            is_pure && (talks || is_ambient) || parts[0] == "println"
        }
    };
    let mut wrong: Vec<String> = file.names.iter().filter(outside).cloned().collect();
    if is_pure && file.is_async {
        wrong.push("async fn".to_owned());
    }
    wrong
}

/// A file of that module with that code.
fn planted(module: &str, code: &str) -> File {
    parse(module.to_owned(), PathBuf::from("planted.rs"), code.to_owned())
}

#[test]
fn every_folder_imports_only_what_its_arrow_points_at() {
    for file in PRODUCT.iter() {
        let wrong = wrong_names(file);
        assert!(wrong.is_empty(), "{} names {wrong:?}", file.path.display());
    }
}

#[test]
fn an_import_against_the_arrows_is_found() {
    for (module, code) in [
        ("core::decide", "use kube::{Api, Client};"),
        ("core::decide", "fn now() -> jiff::Timestamp { jiff::Timestamp::now() }"),
        ("core::decide", "use crate::{api::names, shell::call};"),
        ("core::decide", "fn told() { tracing::info!(\"told\"); }"),
        ("core::guards::alerts", "use super::super::super::cli::view;"),
        ("faults::call", "async fn send() {}"),
        ("faults::call", "fn send() { vec![crate::core::span::Span::default()]; }"),
        ("debrief", "use kube::Client;"),
        ("shell::run", "fn show() { println!(\"shown\"); }"),
        ("shell::run", "use crate::cli;"),
    ] {
        assert!(!wrong_names(&planted(module, code)).is_empty(), "{code}");
    }
    let test = "#[cfg(test)]\nmod tests {\n    use kube::Client;\n}";
    assert!(wrong_names(&planted("core::decide", test)).is_empty());
}

#[test]
fn no_more_than_five_files_import_each_other_in_a_circle() {
    for circle in circles(&imports(&PRODUCT)) {
        assert!(circle.len() <= 5, "a circle of {} files: {}", circle.len(), circle.join(", "));
    }
}

#[test]
fn a_circle_is_found() {
    let next = |number: usize| (number + 1) % 6;
    let file = |number| {
        let code = format!("use super::room{}::Thing;", next(number));
        planted(&format!("core::room{number}"), &code)
    };
    let files: Vec<File> = (0..6).map(file).collect();
    assert_eq!(circles(&imports(&files)).iter().map(Vec::len).collect::<Vec<_>>(), [6]);
    assert!(circles(&imports(&files[..5])).is_empty());
}

/// What is public in `product` and named by no other file of it or of `others`; of a type, a constant or a
/// trait it is enough that its own file names it.
fn unused(product: &[File], others: &[File]) -> Vec<String> {
    let mut total: BTreeMap<&str, usize> = BTreeMap::new();
    for (word, count) in product.iter().chain(others).flat_map(|file| &file.words) {
        *total.entry(word).or_default() += count;
    }
    let of = |file: &File| {
        let is_unused = |(name, is_function): &&(String, bool)| {
            let declared = file.public.iter().filter(|(other, _)| other == name).count();
            let own = if *is_function { file.words[name] } else { declared };
            total[name.as_str()] <= own
        };
        let unused = file.public.iter().filter(is_unused);
        unused.map(|(name, _)| format!("{}::{name}", file.module)).collect::<Vec<_>>()
    };
    product.iter().flat_map(of).collect()
}

#[test]
fn nothing_is_public_that_nobody_uses() {
    let unused = unused(&PRODUCT, &files("tests"));
    assert!(unused.is_empty(), "{unused:#?}");
}

#[test]
fn what_is_public_and_unused_is_found() {
    let one =
        "pub fn used() {}\npub fn own() { helped() }\npub fn helped() {}\npub const KEPT: u8 = 1;";
    let product =
        [planted("core::one", one), planted("core::two", "fn go() { super::one::used() }")];
    let found = unused(&product, &[]);
    assert_eq!(found, ["core::one::own", "core::one::helped", "core::one::KEPT"]);
    let test = [planted("it", "fn it() { own(); helped(KEPT); }")];
    assert!(unused(&product, &test).is_empty());
}

/// Every name by which code could ask which fault it is: what `api/fault.rs` declares but `Fault` itself,
/// and of each variant the key in YAML and the module.
fn names_of_faults() -> BTreeSet<String> {
    let declared = PRODUCT.iter().find(|file| file.module == "api::fault").unwrap();
    let types =
        declared.public.iter().filter(|(name, is_function)| name != "Fault" && !is_function);
    let (_, variants) = declared.text.split_once("pub enum Fault {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let variants = variants.lines().filter_map(|line| line.trim().split_once('('));
    let spelled = variants.flat_map(|(variant, _)| {
        let (first, rest) = variant.split_at(1);
        let module = variant.chars().map(|c| {
            if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() }
        });
        let module = module.collect::<String>().trim_start_matches('_').to_owned();
        [variant.to_owned(), format!("{}{rest}", first.to_lowercase()), module]
    });
    types.map(|(name, _)| name.clone()).chain(spelled).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What is built into the product: a test of a rule needs a spec, and so a fault.
fn without_tests(text: &str) -> &str {
    let ends = ["mod tests", "pub(crate) mod tests", "pub(super) mod tests"];
    let ends = ends.iter().filter_map(|end| text.find(&format!("#[cfg(test)]\n{end}")));
    ends.min().map_or(text, |end| &text[..end])
}

fn named_in(text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    words(without_tests(text)).filter(|word| names.contains(*word)).map(str::to_owned).collect()
}

#[test]
fn a_fault_is_named_only_where_it_is_declared_and_where_it_answers_for_itself() {
    let names = names_of_faults();
    for file in PRODUCT.iter() {
        if matches!(folder(&file.module), "api" | "faults") {
            continue;
        }
        let found = named_in(&file.text, &names);
        assert!(found.is_empty(), "{} names {found:?}: ask the fault", file.path.display());
    }
}

#[test]
fn whoever_asks_which_fault_it_is_is_found() {
    let names = names_of_faults();
    for planted in [
        "if let Fault::PodKill(kill) = &spec.fault {",
        "use crate::api::fault::DependencyOutage;",
        "Some(Egress::Cidr(range)) => block(range),",
        "faults::bad_rollout::behaviour(rollout)",
        "if run.fault_kind == \"podKill\" {",
    ] {
        assert_eq!(named_in(planted, &names).len(), if planted.contains("Cidr") { 2 } else { 1 });
    }
    for asked in
        ["faults::behaviour(&spec.fault).harm", "/// A pod is killed, a rollout or an outage."]
    {
        assert!(named_in(asked, &names).is_empty(), "{asked}");
    }
    let test = "fn rule() {}\n#[cfg(test)]\nmod tests {\n    const KIND: &str = \"podKill\";\n}";
    assert!(named_in(test, &names).is_empty());
}

/// Every alert source, by its module.
fn names_of_sources() -> BTreeSet<String> {
    let modules = PRODUCT.iter().filter_map(|file| file.module.strip_prefix("detectors::"));
    modules.map(str::to_owned).collect()
}

/// The words of code, comments apart, that have one of these names in them.
fn sources_named_in(text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let code = without_tests(text).lines().filter(|line| !line.trim_start().starts_with("//"));
    // The crate is named after the format that it writes.
    let words = code.flat_map(words).filter(|word| *word != "prometheus_client");
    let names_one = |word: &&str| names.iter().any(|name| word.to_lowercase().contains(name));
    words.filter(names_one).map(str::to_owned).collect()
}

#[test]
fn an_alert_source_is_named_only_where_it_is_configured_and_where_it_answers_for_itself() {
    let names = names_of_sources();
    assert!(names.contains("alertmanager"), "{names:?}");
    for file in PRODUCT.iter() {
        if matches!(folder(&file.module), "detectors" | "config") {
            continue;
        }
        let found = sources_named_in(&file.text, &names);
        assert!(found.is_empty(), "{} names {found:?}: ask the source", file.path.display());
    }
}

#[test]
fn whoever_asks_which_alert_source_it_is_is_found() {
    let names = names_of_sources();
    for planted in [
        "if config.alertmanager.is_some() {",
        "use crate::detectors::prometheus;",
        "sight.book.prometheus_answered(since, now);",
        "Channel::Alertmanager => 1,",
        "if sighting.channel.name == \"prometheus\" {",
        "format!(\"Prometheus cannot be reached: {error}\")",
        ".route(\"/v1/alertmanager\", post(receive))",
    ] {
        assert_eq!(sources_named_in(planted, &names).len(), 1, "{planted}");
    }
    for asked in [
        "detectors::configured(&config)",
        "    /// Alertmanager's fingerprint.",
        "use prometheus_client::registry::Registry;",
        "fn rule() {}\n#[cfg(test)]\nmod tests {\n    const KEY: &str = \"prometheus\";\n}",
    ] {
        assert!(sources_named_in(asked, &names).is_empty(), "{asked}");
    }
}

/// The paths by which a file asks where a run stands, why it ends, or how it went.
fn judged(file: &File) -> Vec<String> {
    // These two tell people what is new about a run.
    let tells = ["shell::run::events", "shell::run::turns"].contains(&file.module.as_str());
    let asks = |name: &&String| {
        name.split("::").any(|part| {
            matches!(part, "Stage" | "stage" | "Verdict" | "Answer" | "Reason")
                || part == "FactName" && !tells
        })
    };
    file.names.iter().filter(asks).cloned().collect()
}

#[test]
fn the_shell_does_not_decide_by_where_a_run_stands() {
    for file in PRODUCT.iter().filter(|file| folder(&file.module) == "shell") {
        let found = judged(file);
        assert!(found.is_empty(), "{} asks {found:?}: that is for core", file.path.display());
        assert!(!file.text.contains("status.stage"), "{}", file.path.display());
    }
}

#[test]
fn a_shell_that_decides_by_where_a_run_stands_is_found() {
    for code in [
        "fn is_over(status: &S) -> bool { crate::core::stage::read(status) == Stage::Complete }",
        "fn is_on(status: &S) -> bool { status.fact(FactName::Injected).is_some() }",
        "fn ends(run: &R) -> bool { matches!(run.verdict, Some(Verdict::Passed)) }",
        "fn is_over(status: &S) -> bool { status.reason == Some(run::Reason::Ended) }",
    ] {
        assert!(!judged(&planted("shell::run::observe", code)).is_empty(), "{code}");
    }
}

/// Text for people that is read back: what a rule needs to know is a field.
fn details_read_in(text: &str) -> Vec<String> {
    let readers = [
        "starts_with",
        "ends_with",
        "contains",
        "split",
        "rsplit",
        "strip_",
        "find",
        "parse",
        "trim",
    ];
    let text: String = without_tests(text).split_whitespace().collect();
    let reads = readers.iter().flat_map(|reader| {
        [
            format!("detail.{reader}"),
            format!("detail.as_str().{reader}"),
            format!("{reader}(&fact.detail"),
        ]
    });
    reads.filter(|read| text.contains(read.as_str())).collect()
}

#[test]
fn no_detail_is_read_back() {
    for file in PRODUCT.iter() {
        let found = details_read_in(&file.text);
        assert!(found.is_empty(), "{} has {found:?}: make it a field", file.path.display());
    }
    for planted in [
        "fact.detail.starts_with(PARTIAL)",
        "revert\n    .detail\n    .split_once(\": \")",
        "detail.filter(|detail| detail.starts_with(reason))",
        "Matchers::parse(&fact.detail)",
    ] {
        assert_eq!(details_read_in(planted).len(), 1, "{planted}");
    }
    assert!(details_read_in("clean(&guard.detail)").is_empty());
}

#[test]
fn no_file_is_longer_than_people_read() {
    for path in paths("src") {
        // The resources are lists of described fields.
        let is_resource = path.ends_with("api/run.rs") || path.ends_with("api/experiment.rs");
        let limit = if is_resource { 700 } else { 400 };
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= limit, "{} has {lines} lines", path.display());
    }
}
