//! Finds a field of an object by a path that survives when the lists around it change.
//!
//! The path is a JSON Pointer (RFC 6901) with one addition: a segment `name=X` picks the element of a
//! list whose `name` is X, and `[2]name=X` also says at which place it stood.

use serde_json::{Map, Value};

/// Where a field is in one object, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Place<'a> {
    /// The JSON Pointer of the field; where it is absent, the one by which it is added.
    pub pointer: String,
    /// What must still be so for `pointer` to be right: pointers with the values that stand there.
    pub premises: Vec<(String, Value)>,
    /// Maps and lists on the way that are absent, outermost first, each with an empty one of its kind.
    pub missing: Vec<(String, Value)>,
    /// The field's value; absent where the field is.
    pub value: Option<&'a Value>,
}

/// The field of `object` at `path`; `None` when the way to it is barred by a value of another kind.
#[must_use]
pub fn find<'a>(object: &'a Value, path: &str) -> Option<Place<'a>> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let mut place = Place {
        pointer: String::new(),
        premises: Vec::new(),
        missing: Vec::new(),
        value: Some(object),
    };
    for (index, segment) in segments.iter().enumerate() {
        match named(segment) {
            Some((index, name)) => place.enter_list(index, &unescape(name))?,
            None => place.enter_map(segment)?,
        }
        if let (None, Some(next)) = (place.value, segments.get(index + 1)) {
            let list = named(next).is_some();
            let empty = if list { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
            place.missing.push((place.pointer.clone(), empty));
        }
    }
    Some(place)
}

impl Place<'_> {
    fn enter_map(&mut self, segment: &str) -> Option<()> {
        self.value = match self.value {
            Some(Value::Object(map)) => map.get(&unescape(segment)),
            Some(_) => return None,
            None => None,
        };
        self.pointer = format!("{}/{segment}", self.pointer);
        Some(())
    }

    fn enter_list(&mut self, stood: Option<usize>, name: &str) -> Option<()> {
        let items = match self.value {
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => return None,
            None => &[],
        };
        let found = items.iter().position(|item| item["name"] == *name);
        if let Some(index) = found {
            self.pointer = format!("{}/{index}", self.pointer);
            self.premises.push((format!("{}/name", self.pointer), Value::from(name)));
        } else {
            // An element cannot be tested to be absent, so the whole list is.
            let list = Value::Array(items.to_vec());
            if self.value.is_some() {
                self.premises.push((self.pointer.clone(), list));
            }
            self.pointer = match stood.filter(|stood| *stood < items.len()) {
                Some(stood) => format!("{}/{stood}", self.pointer),
                None => format!("{}/-", self.pointer),
            };
        }
        self.value = found.and_then(|index| items.get(index));
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
    use serde_json::json;

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
        assert_eq!(place.pointer, "/resources/limits/firedrill.dev~1none");
        assert_eq!(place.missing, [("/resources/limits".to_owned(), json!({}))]);
        assert_eq!(place.value, None);
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
    fn a_way_that_is_barred_leads_nowhere() {
        assert_eq!(find(&json!({"a": "text"}), "/a/b"), None);
        assert_eq!(find(&json!({"a": {}}), "/a/name=b"), None);
    }
}
