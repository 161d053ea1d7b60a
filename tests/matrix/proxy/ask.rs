//! What a request asks of the API server, read off its method and path.

use http::Method;

/// Where the chat is.
pub const CHAT: &str = "/chat";

/// A verb on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// As the audit log says it.
    pub verb: &'static str,
    /// With its subresource, such as `pods/eviction`.
    pub resource: String,
    /// Absent for what belongs to the whole cluster, and for lists of all namespaces.
    pub namespace: Option<String>,
}

impl Ask {
    /// Reads a request; `None` where it is about no resource.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        if path == CHAT {
            return Some(Self { verb: "post", resource: "chat".to_owned(), namespace: None });
        }
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = parts.as_slice() else {
            return None;
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, inner @ ..] if !inner.is_empty() => (Some(*namespace), inner),
            _ => (None, rest),
        };
        let (resource, rest) = rest.split_first()?;
        let verb = match (method, rest.is_empty()) {
            (&Method::POST, _) => "create",
            (&Method::PATCH, _) => "patch",
            (&Method::PUT, _) => "update",
            (&Method::DELETE, false) => "delete",
            (&Method::DELETE, true) => "deletecollection",
            (_, false) => "get",
            (_, true) => "list",
        };
        let subresource = rest.get(1).map(|name| format!("/{name}")).unwrap_or_default();
        Some(Self {
            verb,
            resource: format!("{resource}{subresource}"),
            namespace: namespace.map(str::to_owned),
        })
    }

    /// Whether it is a message to the chat.
    pub fn is_message(&self) -> bool {
        self.verb == "post"
    }

    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb, "get" | "list")
    }
}
