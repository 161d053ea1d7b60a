//! What an armed object says of its fault: where the changed fields are, what they were, what they are. Whoever may
//! edit the object may have written that, so it has bounds, which are judged before anything is built.

use serde::de::IgnoredAny;

use super::{field::segments, object::Object};
use crate::api::{journal::LONGEST_VALUE, names, run::FieldChange};

/// How many fields are read. A fault changes fewer, but an undo may bring back what earlier ones wrote.
const MOST_READ: usize = 16;

/// What an object says of its fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The fields that were changed.
    pub fields: Vec<FieldChange>,
    /// What else it says that no fault of ours would, in words for people. It is left alone: whoever may
    /// edit the object may have written it.
    pub refused: Vec<String>,
}

/// What the annotations of an armed object say.
#[must_use]
pub fn read(object: &Object) -> Record {
    let mut record = Record::default();
    let mut names = object.annotations().filter_map(names::field_of);
    for name in names.by_ref().take(MOST_READ) {
        match field(object, name) {
            Ok(change) => record.fields.push(change),
            Err(words) => record.refused.push(words),
        }
    }
    match names.count() {
        0 => {}
        more => record.refused.push(format!(
            "{more} more annotations {}…; at most {MOST_READ} are read",
            names::at("")
        )),
    }
    record
}

fn field(object: &Object, name: &str) -> Result<FieldChange, String> {
    let text = |annotation: String| match object.annotation(&annotation) {
        Some(text) => Ok((annotation, text.to_owned())),
        None => Err(format!("annotation {annotation} is missing")),
    };
    let value = |annotation: String| {
        let (annotation, text) = text(annotation)?;
        let length = text.chars().count();
        if length > LONGEST_VALUE {
            return Err(format!(
                "annotation {annotation}: {length} characters; at most {LONGEST_VALUE} are restored"
            ));
        }
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(format!("annotation {annotation} is no JSON: {error}")),
        }
    };
    let (annotation, at) = text(names::at(name))?;
    let way = segments(&at).map_err(|words| format!("annotation {annotation}: {words}"))?;
    if way.first() != Some(&"spec") || way.len() == 1 {
        return Err(format!("annotation {annotation}: only places below /spec are restored"));
    }
    let (was, set) = (value(names::was(name))?, value(names::set(name))?);
    Ok(FieldChange { name: name.to_owned(), at, was, set })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::faults::Kind;

    fn annotated(annotations: impl IntoIterator<Item = (String, String)>) -> Object {
        let annotations: Map<_, _> =
            annotations.into_iter().map(|(name, text)| (name, json!(text))).collect();
        let value = json!({"metadata": {"annotations": annotations}});
        Object { kind: Kind::NetworkPolicy, value }
    }

    /// The annotations of a field named `a`.
    fn written(at: &str, was: &str, set: &str) -> [(String, String); 3] {
        [(names::at("a"), at), (names::was("a"), was), (names::set("a"), set)]
            .map(|(name, text)| (name, text.to_owned()))
    }

    #[test]
    fn a_record_beyond_what_any_fault_writes_is_refused_in_words() {
        let value = |length: usize| format!("\"{}\"", "é".repeat(length - 2));
        let good = annotated(written("/spec/a", &value(LONGEST_VALUE), "2"));
        assert_eq!((read(&good).fields.len(), read(&good).refused), (1, Vec::new()));
        let deep = format!("/spec{}", "/a".repeat(29_999));
        let longer = value(LONGEST_VALUE + 1);
        for (at, was, set, words) in [
            (
                deep.as_str(),
                "1",
                "2",
                "firedrill.dev/at-a: a path of 60003 characters; at most 1024",
            ),
            (
                &format!("/spec{}", "/a".repeat(16)),
                "1",
                "2",
                "at-a: a path of 17 segments; at most 16",
            ),
            ("/metadata/labels", "1", "2", "firedrill.dev/at-a: only places below /spec are"),
            ("/spec", "1", "2", "firedrill.dev/at-a: only places below /spec are restored"),
            ("/spec/a", &longer, "2", "firedrill.dev/was-a: 16385 characters; at most 16384"),
            ("/spec/a", "1", &longer, "firedrill.dev/set-a: 16385 characters; at most 16384"),
            ("/spec/a", "{", "2", "firedrill.dev/was-a is no JSON"),
        ] {
            let record = read(&annotated(written(at, was, set)));
            assert_eq!((record.fields.len(), record.refused.len()), (0, 1));
            assert!(record.refused[0].contains(words), "{:?}", record.refused);
        }
        let [at, was, _] = written("/spec/a", "1", "2");
        let record = read(&annotated([at, was]));
        assert_eq!(record.refused, ["annotation firedrill.dev/set-a is missing"]);
    }

    #[test]
    fn a_record_of_too_many_fields_is_read_up_to_that_number() {
        let many = (10..31).flat_map(|number| {
            [names::at, names::was, names::set].map(|of| (of(&number.to_string()), "0".to_owned()))
        });
        let mut many: Vec<_> = many.collect();
        for (name, text) in &mut many {
            if names::field_of(name).is_some() {
                "/spec/a".clone_into(text);
            }
        }
        let record = read(&annotated(many));
        assert_eq!(record.fields.len(), MOST_READ);
        assert_eq!(record.refused, ["5 more annotations firedrill.dev/at-…; at most 16 are read"]);
    }
}
