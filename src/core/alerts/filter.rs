//! For whom alerts are judged, and what of them may be shown: a namespace's runs are read by its tenants.

use crate::{
    api::run::AlertRef,
    config::AlertLabels,
    core::{
        alerts::{AlertReport, matcher::Labels},
        plan::Plan,
    },
};

/// The label that holds an alert's name.
pub(super) const NAME: &str = "alertname";

/// For whom alerts are judged: the plan, its namespace, and what the configuration says of labels.
#[derive(Clone, Copy, Debug)]
pub struct AlertFilter<'a> {
    /// The experiment.
    pub plan: &'a Plan,
    /// Its namespace.
    pub namespace: &'a str,
    /// What the configuration says of the labels of alerts.
    pub labels: AlertLabels<'a>,
}

/// Whose an alert is, as far as its labels say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    /// It names the namespace of the run, or the label is switched off: every label is shown.
    Here,
    /// It names no namespace: it is the cluster's, and its name and the configured labels are shown.
    Cluster,
    /// It names another namespace: it counts for nothing here, and nothing of it is shown.
    Elsewhere,
}

impl AlertFilter<'_> {
    /// Whether the experiment expects this alert.
    #[must_use]
    pub fn expects(&self, report: &AlertReport) -> bool {
        self.is_known(&report.labels) && self.plan.expects(&report.labels)
    }

    /// Whether this alert ends the run.
    #[must_use]
    pub fn aborts_on(&self, report: &AlertReport) -> bool {
        self.is_known(&report.labels) && self.plan.aborts_on(&report.labels)
    }

    /// Whether an alert with these labels means anything to the experiment.
    #[must_use]
    pub fn concerns(&self, labels: &Labels) -> bool {
        self.is_known(labels) && (self.plan.expects(labels) || self.plan.aborts_on(labels))
    }

    /// Whether anything of an alert with these labels may be known here.
    pub(super) fn is_known(&self, labels: &Labels) -> bool {
        self.belongs(labels.get(self.labels.namespace).map(String::as_str)) != Belongs::Elsewhere
    }

    /// Whose an alert is, by what the label that names namespaces says.
    pub(super) fn belongs(&self, named: Option<&str>) -> Belongs {
        match named {
            _ if self.labels.namespace.is_empty() => Belongs::Here,
            None | Some("") => Belongs::Cluster,
            Some(named) if named == self.namespace => Belongs::Here,
            Some(_) => Belongs::Elsewhere,
        }
    }

    /// Whether that label of such an alert is shown.
    pub(super) fn shows(&self, label: &str, belongs: Belongs) -> bool {
        let configured = || self.labels.cluster.iter().any(|shown| shown == label);
        match belongs {
            Belongs::Here => true,
            Belongs::Cluster => label == NAME || configured(),
            Belongs::Elsewhere => false,
        }
    }

    /// The labels of this alert that are shown, wherever people read of it.
    #[must_use]
    pub fn shown(&self, report: &AlertReport) -> Labels {
        let named = report.labels.get(self.labels.namespace).map(String::as_str);
        let belongs = self.belongs(named);
        let shown = report.labels.iter().filter(|(label, _)| self.shows(label, belongs));
        shown.map(|(label, value)| (label.clone(), value.clone())).collect()
    }

    /// The alert as it is shown, with a note. Its fingerprint is a hash over all of its labels, by which those
    /// that are not shown could be guessed.
    #[must_use]
    pub fn reference(&self, report: &AlertReport, note: Option<&str>) -> AlertRef {
        let labels = self.shown(report);
        let fingerprint = report.fingerprint.clone().filter(|_| labels == report.labels);
        let source = report.channel.name.to_owned();
        AlertRef { labels, fingerprint, source, note: note.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{
        alerts::tests::ALERTMANAGER,
        guards::abort::tests::{alert, plan},
    };

    /// What a run in namespace shop shows of an alert `Expected` with these labels beside its name, where the
    /// configuration names `severity`; absent where the alert does not even count for it.
    #[track_caller]
    fn check(namespace_label: &str, labels: &[(&str, &str)], shown: Option<&[&str]>) {
        let (plan, cluster) = (plan(&json!({})), ["severity".to_owned()]);
        let labels_of = AlertLabels { namespace: namespace_label, cluster: &cluster };
        let alert_filter = AlertFilter { plan: &plan, namespace: "shop", labels: labels_of };
        let mut report = alert(ALERTMANAGER, "Expected", Some(1.0));
        let owned = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
        report.labels.remove("namespace");
        report.labels.extend(owned);
        report.fingerprint = Some("ab".to_owned());
        assert_eq!(alert_filter.expects(&report), shown.is_some(), "{labels:?}");
        let reference = alert_filter.reference(&report, None);
        let names: Vec<&str> = reference.labels.keys().map(String::as_str).collect();
        assert_eq!(names, shown.unwrap_or_default(), "{labels:?}");
        let is_whole = names.len() == report.labels.len();
        assert_eq!(reference.fingerprint.is_some(), is_whole, "{labels:?}");
    }

    #[test]
    fn a_tenant_sees_every_label_of_his_alerts_a_few_of_the_clusters_and_none_of_his_neighbours() {
        let customer = ("customer", "acme-corp");
        let severity = ("severity", "page");
        check(
            "namespace",
            &[("namespace", "shop"), severity, customer],
            Some(&["alertname", "customer", "namespace", "severity"]),
        );
        check("namespace", &[severity, customer], Some(&["alertname", "severity"]));
        check("namespace", &[customer], Some(&["alertname"]));
        check("namespace", &[severity], Some(&["alertname", "severity"]));
        check("namespace", &[("namespace", ""), customer], Some(&["alertname"]));
        for other in ["edge", "shop2", "Shop"] {
            check("namespace", &[("namespace", other), severity, customer], None);
        }
        check("tenant", &[("tenant", "edge"), ("namespace", "shop")], None);
        check(
            "tenant",
            &[("tenant", "shop"), customer],
            Some(&["alertname", "customer", "tenant"]),
        );
        check("tenant", &[("namespace", "edge")], Some(&["alertname"]));
    }

    #[test]
    fn where_no_label_names_namespaces_everything_counts_and_is_shown() {
        let labels = [("namespace", "edge"), ("customer", "acme-corp")];
        check("", &labels, Some(&["alertname", "customer", "namespace"]));
    }
}
