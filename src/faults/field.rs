//! Finds a field of an object by a path that survives when the lists around it change.
//!
//! The path is a JSON Pointer (RFC 6901) with one addition: a segment `name=X` picks the element of a
//! list whose `name` is X, and `[2]name=X` also says at which place it stood.

use serde_json::{Value, json};

use crate::api::journal::LONGEST_PLACE;

/// How many segments a path has at most; the longest of a fault of ours has ten.
const DEEPEST: usize = 16;

/// Where a field is in one object, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Place<'a> {
    /// The JSON Pointer of the field; where it is absent, of the outermost absent thing on the way to it.
    pub pointer: String,
    /// What must still be so for `pointer` to be right: pointers with the values that stand there.
    pub premises: Vec<(String, Value)>,
    /// What must be created around the field at `pointer`, outermost first.
    around: Vec<Around>,
    /// The field's value; absent where the field is.
    pub value: Option<&'a Value>,
    /// Whether the way ended at an element that its list does not have.
    is_element: bool,
    /// Whether `pointer` is that of an element of a list.
    is_in_list: bool,
}

/// A map or a list that is absent on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Around {
    Map(String),
    List,
}

/// The segments of a path. Whoever may edit an object writes its annotations, and so paths; what is beyond
/// these bounds is none of ours, and nothing is built of it.
///
/// # Errors
/// In words for people, with the bound.
pub fn segments(path: &str) -> Result<Vec<&str>, String> {
    let (length, depth) = (path.chars().count(), path.matches('/').count());
    if length > LONGEST_PLACE {
        return Err(format!("a path of {length} characters; at most {LONGEST_PLACE} are followed"));
    }
    if depth > DEEPEST {
        return Err(format!("a path of {depth} segments; at most {DEEPEST} are followed"));
    }
    let below = path.strip_prefix('/').ok_or("a path begins with a slash (RFC 6901)")?;
    Ok(below.split('/').collect())
}

/// The field of `object` at `path`; `None` when the way to it is barred: by a value of another kind, by an
/// element that is not there, or by the bounds of [`segments`].
#[must_use]
pub fn find<'a>(object: &'a Value, path: &str) -> Option<Place<'a>> {
    let mut place = Place {
        pointer: String::new(),
        premises: Vec::new(),
        around: Vec::new(),
        value: Some(object),
        is_element: false,
        is_in_list: false,
    };
    for segment in segments(path).ok()? {
        match place.value {
            Some(value) => place.enter(value, segment)?,
            None => place.go_on(segment)?,
        }
    }
    Some(place)
}

impl<'a> Place<'a> {
    /// `value` with all that is absent around it, as it is added at `pointer`.
    #[must_use]
    pub fn wrapped(&self, value: &Value) -> Value {
        self.around.iter().rev().fold(value.clone(), |inner, around| match around {
            Around::Map(key) => json!({key.as_str(): inner}),
            Around::List => json!([inner]),
        })
    }

    /// Whether it would be a new element of a list that is there. That is a premise already, and its
    /// pointer may be another element's by now.
    #[must_use]
    pub fn is_new_element(&self) -> bool {
        self.is_element && self.around.is_empty()
    }

    /// The pointer of what is another one once the field is written: of an element the whole list, in which others move.
    fn changes(&self) -> &str {
        let list = self.pointer.rsplit_once('/').filter(|_| self.is_in_list);
        list.map_or(self.pointer.as_str(), |(list, _)| list)
    }

    /// Whether both can be written by one patch, as neither changes the other, or what that takes for granted.
    #[must_use]
    pub fn is_apart_from(&self, other: &Self) -> bool {
        !self.spoils(other) && !other.spoils(self)
    }

    fn spoils(&self, other: &Self) -> bool {
        let is_within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let own = self.changes();
        let premises = other.premises.iter().map(|(pointer, _)| pointer.as_str());
        let mut needed = premises.chain([other.changes()]);
        needed.any(|pointer| is_within(pointer, own) || is_within(own, pointer))
    }

    fn enter(&mut self, value: &'a Value, segment: &str) -> Option<()> {
        let element = named(segment);
        self.is_in_list = element.is_some();
        if let Some((stood, name)) = element {
            self.enter_list(value.as_array()?, stood, &unescape(name));
        } else {
            let name = unescape(segment);
            self.value = value.as_object()?.get(&name);
            // A lone tilde is no escape, and none to the API server.
            self.pointer = format!("{}/{}", self.pointer, escape(&name));
        }
        Some(())
    }

    fn enter_list(&mut self, items: &'a [Value], stood: Option<usize>, name: &str) {
        let found = items.iter().position(|item| item["name"] == *name);
        if let Some(index) = found {
            self.pointer = format!("{}/{index}", self.pointer);
            self.premises.push((format!("{}/name", self.pointer), Value::from(name)));
        } else {
            // An element cannot be tested to be absent, so the whole list is.
            self.premises.push((self.pointer.clone(), Value::Array(items.to_vec())));
            self.pointer = match stood.filter(|stood| *stood < items.len()) {
                Some(stood) => format!("{}/{stood}", self.pointer),
                None => format!("{}/-", self.pointer),
            };
            self.is_element = true;
        }
        self.value = found.and_then(|index| items.get(index));
    }

    /// Goes on below what is absent.
    fn go_on(&mut self, segment: &str) -> Option<()> {
        if self.is_element {
            return None;
        }
        self.is_element = named(segment).is_some();
        self.around.push(if self.is_element {
            Around::List
        } else {
            Around::Map(unescape(segment))
        });
        Some(())
    }
}

/// The name that a segment picks by, and the place at which it stood.
fn named(segment: &str) -> Option<(Option<usize>, &str)> {
    match segment.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((place, rest)) => Some((Some(place.parse().ok()?), rest.strip_prefix("name=")?)),
        None => Some((None, segment.strip_prefix("name=")?)),
    }
}

/// A name as a segment of a path.
#[must_use]
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_by_its_name_wherever_it_stands() {
        let object = json!({"containers": [{"name": "side"}, {"name": "web", "image": "web:1"}]});
        let place = find(&object, "/containers/name=web/image").unwrap();
        assert_eq!(place.pointer, "/containers/1/image");
        assert_eq!(place.value, Some(&json!("web:1")));
        assert_eq!(place.premises, [("/containers/1/name".to_owned(), json!("web"))]);
    }

    #[test]
    fn what_is_absent_is_added_with_all_that_is_missing_on_the_way() {
        let object = json!({"resources": {}});
        let place = find(&object, "/resources/limits/firedrill.dev~1none").unwrap();
        assert_eq!((place.pointer.as_str(), place.value), ("/resources/limits", None));
        assert_eq!(place.wrapped(&json!("1")), json!({"firedrill.dev/none": "1"}));
        let place = find(&object, "/env/[1]name=A").unwrap();
        assert_eq!(place.pointer, "/env");
        assert_eq!(place.wrapped(&json!({"name": "A"})), json!([{"name": "A"}]));
        let object = json!({"resources": {"limits": {}}});
        let place = find(&object, "/resources/limits/cpu").unwrap();
        assert_eq!(place.pointer, "/resources/limits/cpu");
        assert_eq!(place.wrapped(&json!("1")), json!("1"));
    }

    #[test]
    fn an_element_that_was_removed_returns_to_its_place() {
        let object = json!({"env": [{"name": "A"}, {"name": "C"}]});
        assert_eq!(find(&object, "/env/[1]name=B").unwrap().pointer, "/env/1");
        assert_eq!(find(&object, "/env/name=B").unwrap().pointer, "/env/-");
        let short = json!({"env": [{"name": "A"}]});
        assert_eq!(find(&short, "/env/[1]name=B").unwrap().pointer, "/env/-");
    }

    #[test]
    fn a_place_in_another_one_and_one_in_a_list_that_changes_are_not_apart() {
        let object =
            json!({"a": {"b": 1}, "ab": 1, "env": [{"name": "A", "value": "1"}, {"name": "B"}]});
        let place = |path| find(&object, path).unwrap();
        for (one, other, apart) in [
            ("/a/b", "/ab", true),
            ("/a", "/a/b", false),
            ("/a/c/d", "/a/c/e", false),
            ("/env/name=A/value", "/env/name=B/value", true),
            ("/env/name=A/value", "/env/name=B", false),
            ("/env/name=C", "/env/name=D", false),
            ("/env/name=A/value", "/env/[0]name=A/value", false),
            ("/env/name=A/value", "/env/name=A/name", false),
        ] {
            assert_eq!(place(one).is_apart_from(&place(other)), apart, "{one} {other}");
            assert_eq!(place(other).is_apart_from(&place(one)), apart, "{other} {one}");
        }
    }

    #[test]
    fn a_way_that_is_barred_leads_nowhere() {
        assert_eq!(find(&json!({"a": "text"}), "/a/b"), None);
        assert_eq!(find(&json!({"a": {}}), "/a/name=b"), None);
        // What is not there has no fields, whether its list is there or not.
        assert_eq!(find(&json!({"a": []}), "/a/name=b/c"), None);
        assert_eq!(find(&json!({}), "/a/name=b/c"), None);
    }

    #[test]
    fn a_path_beyond_its_bounds_is_followed_nowhere_and_says_why() {
        let deep = |depth: usize| "/a".repeat(depth);
        assert!(find(&json!({}), &deep(DEEPEST)).is_some());
        assert_eq!(find(&json!({}), &deep(DEEPEST + 1)), None);
        let words = segments(&deep(DEEPEST + 1)).unwrap_err();
        assert_eq!(words, "a path of 17 segments; at most 16 are followed");
        let long = |length: usize| format!("/{}", "é".repeat(length - 1));
        assert!(find(&json!({}), &long(LONGEST_PLACE)).is_some());
        assert_eq!(find(&json!({}), &long(LONGEST_PLACE + 1)), None);
        let words = segments(&long(LONGEST_PLACE + 1)).unwrap_err();
        assert_eq!(words, "a path of 1025 characters; at most 1024 are followed");
        assert!(segments("a").is_err());
    }
}
