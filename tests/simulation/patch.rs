//! What a patch makes of an object, as the API server does it.

use serde_json::{Map, Value};

/// A merge patch (RFC 7386).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, change) in changes {
        if change.is_null() {
            target.as_object_mut().and_then(|target| target.remove(key));
        } else {
            merge(&mut target[key], change);
        }
    }
}

/// A JSON Patch, which the API server takes laxer than RFC 6902: `replace` of a missing key adds it,
/// and a `test` for null passes on one. `None` when an operation failed: the server says no more.
pub fn json(target: &mut Value, operations: &Value) -> Option<()> {
    for operation in operations.as_array()? {
        let path = operation["path"].as_str()?;
        let (parent, key) = path.rsplit_once('/')?;
        let key = key.replace("~1", "/").replace("~0", "~");
        match operation["op"].as_str()? {
            "test" => {
                let found = target.pointer(path).unwrap_or(&Value::Null);
                (*found == operation["value"]).then_some(())?;
            }
            "add" => add(target.pointer_mut(parent)?, &key, operation["value"].clone())?,
            "replace" => replace(target.pointer_mut(parent)?, &key, operation["value"].clone())?,
            "remove" => remove(target.pointer_mut(parent)?, &key)?,
            _ => return None,
        }
    }
    Some(())
}

fn add(parent: &mut Value, key: &str, value: Value) -> Option<()> {
    match parent {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => {
            let index = key.parse().ok().filter(|index| *index <= list.len())?;
            list.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn replace(parent: &mut Value, key: &str, value: Value) -> Option<()> {
    match parent {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) => *list.get_mut(key.parse::<usize>().ok()?)? = value,
        _ => return None,
    }
    Some(())
}

fn remove(parent: &mut Value, key: &str) -> Option<()> {
    match parent {
        Value::Object(map) => map.remove(key).map(drop),
        Value::Array(list) => {
            let index = key.parse().ok().filter(|index| *index < list.len())?;
            list.remove(index);
            Some(())
        }
        _ => None,
    }
}

#[test]
fn a_json_patch_is_taken_as_the_api_server_takes_it() {
    use serde_json::json;
    let patched = |operations: Value| {
        let mut object = json!({"a": {"b/c": 1}, "list": [1, 2]});
        json(&mut object, &operations).map(|()| object)
    };
    let one =
        |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    assert!(patched(one("test", "/a/missing", Value::Null)).is_some());
    assert!(patched(one("test", "/a/b~1c", json!(1))).is_some());
    assert!(patched(one("test", "/a/b~1c", json!(2))).is_none());
    let replaced = patched(one("replace", "/a/new", json!(3))).unwrap();
    assert_eq!(replaced["a"]["new"], 3);
    assert!(patched(one("add", "/none/x", json!(3))).is_none());
    assert!(patched(json!([{"op": "remove", "path": "/a/missing"}])).is_none());
    assert_eq!(patched(one("add", "/list/-", json!(3))).unwrap()["list"], json!([1, 2, 3]));
}
