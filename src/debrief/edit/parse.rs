//! People's part read back from the text: whatever is not known is refused by its line, and nothing is dropped.

mod fields;
mod items;

use fields::Fields;

use super::{
    People, cost,
    outline::{Problem, Section, sections, unknown},
    text::meant,
    word,
};
use crate::{
    api::{
        Moment,
        debrief::{
            AcceptedRisk, Amendment, Checkpoint, ContributingFactor, Dismissal, FactorCategory,
            Findings, Meeting, PeopleImpact,
        },
    },
    debrief::clock::Clock,
};

const SECTIONS: [&str; 8] = [
    "Impact",
    "Meeting",
    "Findings",
    "Action items",
    "Checkpoints",
    "Accepted risk",
    "Dismissal",
    "Amendments",
];
const FINDINGS: [&str; 5] =
    ["Summary", "Contributing factors", "Why surprised", "Went well", "Got lucky"];

/// Reads the text; instants without a zone are that clock's, lengths count from `now`.
///
/// # Errors
/// With everything that is wrong, line by line.
pub fn parse(text: &str, clock: &Clock, now: Moment) -> Result<People, Vec<Problem>> {
    let sections = sections(text).map_err(|problem| vec![problem])?;
    let mut reading = Reading { clock, now, problems: Vec::new() };
    let people = reading.people(&sections);
    reading.problems.sort();
    match people {
        Some(people) if reading.problems.is_empty() => Ok(people),
        _ => Err(reading.problems),
    }
}

/// What reads the sections, and what it found wrong.
struct Reading<'a> {
    clock: &'a Clock,
    now: Moment,
    problems: Vec<Problem>,
}

/// A heading with those below it.
type Chapter<'a> = (&'a Section<'a>, &'a [Section<'a>]);

impl Reading<'_> {
    fn people(&mut self, sections: &[Section<'_>]) -> Option<People> {
        let (before, rest) = sections.split_first()?;
        let Some((title, rest)) = rest.split_first().filter(|(title, _)| title.level == 1) else {
            self.problems
                .push(before.problem("the first heading is the title, such as # What happened"));
            return None;
        };
        before.nothing(&mut self.problems);
        let mut head = Fields::of(title, &["severity", "resolvedAt"], self);
        let severity = head.required("severity", word);
        let resolved_at = head.instant("resolvedAt");
        if title.heading.is_empty() {
            self.problems.push(title.problem("the title is empty"));
        }
        let chapters = self.chapters(rest);
        let find = |name: &str| chapters.iter().find(|(head, _)| head.heading == name).copied();
        Some(People {
            title: meant(title.heading),
            resolved_at,
            impact: find("Impact").and_then(|chapter| self.impact(chapter)),
            meeting: find("Meeting").and_then(|chapter| self.meeting(chapter)),
            findings: find("Findings").and_then(|chapter| self.findings(chapter)),
            action_items: find("Action items").map(|c| self.items(c)).unwrap_or_default(),
            checkpoints: self.checkpoints(find("Checkpoints")),
            accepted_risk: find("Accepted risk").and_then(|chapter| self.risk(chapter)),
            dismissal: find("Dismissal").and_then(|chapter| self.dismissal(chapter)),
            amendments: self.amendments(find("Amendments")),
            severity: severity?,
        })
    }

    /// The headings of the second level, each once, with those of the third below them.
    fn chapters<'a>(&mut self, sections: &'a [Section<'a>]) -> Vec<Chapter<'a>> {
        let mut chapters: Vec<Chapter<'a>> = Vec::new();
        let mut rest = sections;
        while let Some((head, after)) = rest.split_first() {
            let below = after.iter().take_while(|section| section.level == 3).count();
            let (below, others) = after.split_at(below);
            rest = others;
            if head.level != 2 || !SECTIONS.contains(&head.heading) {
                let message = unknown("heading", head.heading, &SECTIONS);
                let advice = "; a line of text that begins with # is written with \\#";
                self.problems.push(head.problem(format!("{message}{advice}")));
            } else if chapters.iter().any(|(known, _)| known.heading == head.heading) {
                self.problems.push(head.problem(format!("{} stands here twice", head.heading)));
            } else {
                chapters.push((head, below));
            }
        }
        chapters
    }

    /// The headings below a chapter, each known and there once.
    fn below<'a>(&mut self, (_, below): Chapter<'a>, allowed: &[&str]) -> Vec<&'a Section<'a>> {
        let mut known: Vec<&Section<'_>> = Vec::new();
        for section in below {
            if !allowed.contains(&section.heading) {
                let message = unknown("heading", section.heading, allowed);
                let advice = "; a line of text that begins with # is written with \\#";
                self.problems.push(section.problem(format!("{message}{advice}")));
            } else if known.iter().any(|known| known.heading == section.heading) {
                self.problems
                    .push(section.problem(format!("{} stands here twice", section.heading)));
            } else {
                known.push(section);
            }
        }
        known
    }

    /// The text below the one heading that the chapter may have.
    fn only(&mut self, chapter: Chapter<'_>, heading: &str) -> Option<String> {
        self.below(chapter, &[heading]).first().and_then(|section| section.text())
    }

    fn impact(&mut self, chapter: Chapter<'_>) -> Option<PeopleImpact> {
        let narrative = self.only(chapter, "Narrative");
        let keys = ["none", "customersAffected", "complaints", "estimatedCost"];
        let mut fields = Fields::of(chapter.0, &keys, self);
        let impact = PeopleImpact {
            none: fields.read("none", fields::truth).unwrap_or_default(),
            customers_affected: fields.read("customersAffected", fields::number),
            complaints: fields.read("complaints", fields::number),
            estimated_cost: fields.read("estimatedCost", cost),
            narrative,
        };
        (impact != PeopleImpact::default()).then_some(impact)
    }

    fn meeting(&mut self, chapter: Chapter<'_>) -> Option<Meeting> {
        self.below(chapter, &[]);
        let mut fields = Fields::of(chapter.0, &["scheduledAt", "heldAt", "facilitator"], self);
        let meeting = Meeting {
            scheduled_at: fields.instant("scheduledAt"),
            held_at: fields.instant("heldAt"),
            facilitator: fields.text("facilitator"),
        };
        (meeting != Meeting::default() || chapter.0.is_bare()).then_some(meeting)
    }

    fn findings(&mut self, chapter: Chapter<'_>) -> Option<Findings> {
        chapter.0.nothing(&mut self.problems);
        let mut findings = Findings::default();
        for section in self.below(chapter, &FINDINGS) {
            match section.heading {
                "Summary" => findings.summary = section.text(),
                "Why surprised" => findings.why_surprised = section.text(),
                "Went well" => findings.went_well = self.entries(section),
                "Got lucky" => findings.got_lucky = self.entries(section),
                _ => findings.contributing_factors = self.factors(section),
            }
        }
        (findings != Findings::default() || chapter.1.is_empty()).then_some(findings)
    }

    fn entries(&mut self, section: &Section<'_>) -> Vec<String> {
        let entries = section.entries(&mut self.problems);
        entries.iter().map(|(_, entry)| meant(entry)).collect()
    }

    fn factors(&mut self, section: &Section<'_>) -> Vec<ContributingFactor> {
        let mut factors = Vec::new();
        for (line, entry) in section.entries(&mut self.problems) {
            let (category, text) = entry.split_once(':').unwrap_or((&entry, ""));
            match word::<FactorCategory>(category) {
                Ok(_) if text.trim().is_empty() => {
                    let message = format!("write {category}: and what it is");
                    self.problems.push(Problem { line, message });
                }
                Ok(category) => {
                    factors.push(ContributingFactor { category, text: meant(text.trim()) });
                }
                Err(message) => self.problems.push(Problem { line, message }),
            }
        }
        factors
    }

    /// The headings below a chapter that are instants, each with its text.
    fn instants(&mut self, chapter: Option<Chapter<'_>>) -> Vec<(usize, Moment, Option<String>)> {
        let Some((head, below)) = chapter else { return Vec::new() };
        head.nothing(&mut self.problems);
        let mut found = Vec::new();
        for section in below {
            match self.clock.read(section.heading, self.now) {
                Ok(at) => found.push((section.line, at, section.text())),
                Err(message) => self.problems.push(section.problem(message)),
            }
        }
        found
    }

    fn checkpoints(&mut self, chapter: Option<Chapter<'_>>) -> Vec<Checkpoint> {
        let found = self.instants(chapter).into_iter();
        found.map(|(_, held_at, notes)| Checkpoint { held_at, notes }).collect()
    }

    fn amendments(&mut self, chapter: Option<Chapter<'_>>) -> Vec<Amendment> {
        let mut amendments = Vec::new();
        for (line, at, text) in self.instants(chapter) {
            if let Some(text) = text {
                amendments.push(Amendment { at, text });
            } else {
                let message = "write below it what is so".to_owned();
                self.problems.push(Problem { line, message });
            }
        }
        amendments
    }

    fn risk(&mut self, chapter: Chapter<'_>) -> Option<AcceptedRisk> {
        let reason = self.only(chapter, "Reason");
        let review_at = Fields::of(chapter.0, &["reviewAt"], self).instant("reviewAt");
        match (reason, review_at) {
            (Some(reason), Some(review_at)) => Some(AcceptedRisk { reason, review_at }),
            (None, None) => None,
            (Some(_), None) => {
                self.problems.push(chapter.0.problem("an accepted risk has a reviewAt"));
                None
            }
            (None, Some(_)) => {
                self.problems
                    .push(chapter.0.problem("an accepted risk has a reason, below ### Reason"));
                None
            }
        }
    }

    fn dismissal(&mut self, chapter: Chapter<'_>) -> Option<Dismissal> {
        chapter.0.nothing(&mut self.problems);
        self.only(chapter, "Reason").map(|reason| Dismissal { reason })
    }
}
