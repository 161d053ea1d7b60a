//! A right that is missing: which role has it, and the command that gives it.

use std::sync::LazyLock;

use kube::core::Status;
use regex::Regex;

use crate::api::names;

/// Right, and whose and where it is missing, in the API server's words.
static REFUSED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = r#"User "([^"]+)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?"#;
    Regex::new(words).ok()
});

/// The same in the words of the chart's policy for those who ask for a fault.
static MAY_NOT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(.*: (\S+) may not .* in namespace (\S+), so firedrill may not for you)\.").ok()
});

/// The API server's 403 in one sentence with its remedy.
#[must_use]
pub fn refused(status: &Status) -> String {
    let said = &status.message;
    if let Some((_, reason)) = said.split_once("denied request: ") {
        return asked(reason).unwrap_or_else(|| reason.to_owned());
    }
    if let Some((grant, _)) = said.split_once("is attempting to grant RBAC permissions") {
        let grant = grant.trim_end();
        return format!(
            "{grant} may only grant what is granted to it; the role admin of the namespace has all of it"
        );
    }
    match remedy(said) {
        Some(remedy) => format!("{said}; {remedy}"),
        None => format!("{said}; ask for that right, or see `firedrill doctor`"),
    }
}

/// The same in the words of the chart's policy for those who approve game days.
static MAY_NOT_APPROVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(.*: (\S+) may not approve gamedayruns in namespace (\S+))\.").ok()
});

/// What somebody may not do, and the role with that right: edit may do all that faults do.
fn asked(reason: &str) -> Option<String> {
    let said = |pattern: &'static LazyLock<Option<Regex>>| pattern.as_ref()?.captures(reason);
    let (role, words) = match said(&MAY_NOT) {
        Some(words) => ("edit", words),
        None => ("firedrill-approve", said(&MAY_NOT_APPROVE)?),
    };
    let word = |index| words.get(index).map_or("", |found| found.as_str());
    Some(format!("{}; {}", word(1), grant(role, word(2), Some(word(3)))))
}

/// The role with the right, and the command by which an administrator gives it.
fn remedy(said: &str) -> Option<String> {
    let words = REFUSED.as_ref()?.captures(said)?;
    let word = |index| words.get(index).map_or("", |found| found.as_str());
    let (user, namespace) = (word(1), words.get(5).map(|found| found.as_str()));
    Some(grant(role(word(2), word(3), word(4))?, user, namespace))
}

/// The command that gives the role to the user.
fn grant(role: &str, user: &str, namespace: Option<&str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:@".contains(c);
    let name: String = user.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let user = if user.chars().all(plain) {
        user.to_owned()
    } else {
        format!("'{}'", user.replace('\'', r"'\''"))
    };
    let create = namespace.map_or_else(
        || "kubectl create clusterrolebinding".to_owned(),
        |namespace| format!("kubectl -n {namespace} create rolebinding"),
    );
    format!(
        "the role {role} has that right: {create} {role}-{name} --clusterrole={role} --user={user}"
    )
}

/// The smallest role of Kubernetes or of the chart that has the right.
#[must_use]
pub fn role(verb: &str, resource: &str, group: &str) -> Option<&'static str> {
    let reads = ["get", "list", "watch"].contains(&verb);
    match (group, resource) {
        (names::GROUP, "experimentruns" | "gamedayruns") if verb == "create" => {
            Some("firedrill-run")
        }
        (names::GROUP, "gamedayruns") if verb == "approve" => Some("firedrill-approve"),
        (names::GROUP, "safetylevers") => Some("firedrill-lever"),
        (names::GROUP, _) if reads => Some("view"),
        (names::GROUP, _) => Some("edit"),
        ("", "namespaces") if reads => Some("view"),
        ("rbac.authorization.k8s.io", _) | ("", "serviceaccounts") => Some("admin"),
        ("", "pods" | "services" | "endpoints" | "events")
        | ("apps" | "networking.k8s.io" | "policy", _)
            if reads =>
        {
            Some("view")
        }
        ("", "pods" | "pods/eviction" | "services") | ("apps" | "networking.k8s.io", _) => {
            Some("edit")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, told: &str) {
        let status = Status { message: said.to_owned(), code: 403, ..Status::default() };
        assert_eq!(refused(&status), told);
    }

    #[test]
    fn a_missing_right_names_the_role_that_has_it_and_the_command() {
        let run = r#"experimentruns.firedrill.dev is forbidden: User "alice" cannot create resource "experimentruns" in API group "firedrill.dev" in the namespace "shop""#;
        check(
            run,
            &format!(
                "{run}; the role firedrill-run has that right: kubectl -n shop create rolebinding firedrill-run-alice --clusterrole=firedrill-run --user=alice"
            ),
        );
        let lever = r#"safetylevers.firedrill.dev "cluster" is forbidden: User "oidc:a' b" cannot patch resource "safetylevers" in API group "firedrill.dev" at the cluster scope"#;
        check(
            lever,
            &format!(
                "{lever}; the role firedrill-lever has that right: kubectl create clusterrolebinding firedrill-lever-oidc:a--b --clusterrole=firedrill-lever --user='oidc:a'\\'' b'"
            ),
        );
    }

    #[test]
    fn where_no_role_has_it_the_right_itself_is_asked_for() {
        let said = r#"namespaces "shop" is forbidden: User "a" cannot patch resource "namespaces" in API group "" in the namespace "shop""#;
        check(said, &format!("{said}; ask for that right, or see `firedrill doctor`"));
    }

    #[test]
    fn what_a_policy_or_a_grant_says_is_one_sentence() {
        check(
            "experimentruns.firedrill.dev \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: spec.template.fault.podKill: alice may not create pods/eviction in namespace shop, so firedrill may not for you. Ask for that right (the role edit has it), or choose another fault",
            "spec.template.fault.podKill: alice may not create pods/eviction in namespace shop, so firedrill may not for you; the role edit has that right: kubectl -n shop create rolebinding edit-alice --clusterrole=edit --user=alice",
        );
        check(
            "gamedayruns.firedrill.dev \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: spec.approvals: ann may not approve gamedayruns in namespace shop. Ask for that right (the role firedrill-approve has it)",
            "spec.approvals: ann may not approve gamedayruns in namespace shop; the role firedrill-approve has that right: kubectl -n shop create rolebinding firedrill-approve-ann --clusterrole=firedrill-approve --user=ann",
        );
        check(
            "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only pods of a fault may be deleted",
            "only pods of a fault may be deleted",
        );
        check(
            "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"a\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"]}",
            "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"a\" (groups=[\"g\"]) may only grant what is granted to it; the role admin of the namespace has all of it",
        );
    }

    /// The rules of a role of the chart, each on a line of its own.
    fn rules(role: &str) -> String {
        let chart = include_str!("../../charts/firedrill/templates/rbac/people.yaml");
        let document = |text: &&str| text.contains(&format!("\n  name: {role}\n"));
        chart.split("---\n").find(document).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_chart_gives_the_named_roles_these_rights() {
        let table = [
            ("create", "experimentruns", "firedrill-run", "firedrill-run"),
            ("create", "gamedayruns", "firedrill-run", "firedrill-run"),
            ("approve", "gamedayruns", "firedrill-approve", "firedrill-approve"),
            ("patch", "safetylevers", "firedrill-lever", "firedrill-lever"),
            ("list", "experimentruns", "view", "firedrill-view"),
            ("watch", "debriefs", "view", "firedrill-view"),
            ("patch", "experimentruns", "edit", "firedrill-edit"),
            ("delete", "experimentruns", "edit", "firedrill-edit"),
            ("create", "experiments", "edit", "firedrill-edit"),
        ];
        for (verb, resource, named, source) in table {
            assert_eq!(role(verb, resource, names::GROUP), Some(named), "{verb} {resource}");
            let rules = rules(source);
            let has = |line: &str| {
                let (resources, verbs) = line.split_once("verbs:").unwrap_or_default();
                let lists =
                    |list: &str, word| list.split([' ', ',', '[', ']']).any(|one| one == word);
                lists(resources, resource) && lists(verbs, verb)
            };
            assert!(rules.lines().any(has), "{source} may not {verb} {resource}:\n{rules}");
            let aggregated = format!("aggregate-to-{named}: \"true\"");
            assert!(named == source || rules.contains(&aggregated), "{named} has not {source}");
        }
    }
}
