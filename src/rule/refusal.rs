//! A write that the API server refused, in its own words: who refuses, and what would have to change.

use super::Outlook;

/// Why a write was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal<'t> {
    /// RBAC: who may not do what, as in `create ingresses.networking.k8s.io`.
    NoRight {
        user: &'t str,
        what: String,
    },
    /// An admission webhook could not be called; the namespace of its Service where the words tell.
    WebhookDown {
        webhook: &'t str,
        namespace: Option<&'t str>,
    },
    /// An admission webhook or policy said no.
    Denied {
        webhook: &'t str,
        words: &'t str,
    },
    /// The namespace is on its way out.
    Terminating,
    Quota,
    Other,
}

impl<'t> Refusal<'t> {
    /// Reads the API server's words, wherever they stand in `text`.
    pub fn of(text: &'t str) -> Self {
        if let Some(webhook) = after(text, "failed calling webhook \"") {
            let namespace = text.split_once("Post \"https://").and_then(|(_, url)| {
                let host = url.split(['/', ':', '"']).next()?;
                let (_, rest) = host.strip_suffix(".svc")?.split_once('.')?;
                Some(rest)
            });
            return Self::WebhookDown { webhook, namespace };
        }
        if let Some((by, words)) = text.split_once("denied the request: ") {
            let webhook = after(by, "admission webhook \"").unwrap_or("of the cluster");
            return Self::Denied { webhook, words: words.trim() };
        }
        if text.contains("because it is being terminated") {
            return Self::Terminating;
        }
        if text.contains("exceeded quota") || text.contains("failed quota") {
            return Self::Quota;
        }
        match (after(text, "is forbidden: User \""), text.split_once("\" cannot ")) {
            (Some(user), Some((_, what))) => Self::NoRight { user, what: right(what) },
            (Some(_) | None, Some(_) | None) => Self::Other,
        }
    }

    /// Whether tries to come can succeed.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::NoRight { .. } | Self::Denied { .. } | Self::Quota | Self::Terminating => Outlook::UntilMended,
            Self::WebhookDown { .. } | Self::Other => Outlook::Unknown,
        }
    }
}

/// What stands between `lead` and the next quotation mark.
fn after<'t>(text: &'t str, lead: &str) -> Option<&'t str> {
    text.split_once(lead)?.1.split('"').next()
}

/// `create ingresses.networking.k8s.io` out of `create resource "ingresses" in API group "networking.k8s.io" …`.
fn right(what: &str) -> String {
    let verb = what.split_whitespace().next().unwrap_or_default();
    let resource = after(what, "resource \"").unwrap_or("that");
    match after(what, "in API group \"") {
        Some(group) if !group.is_empty() => format!("{verb} {resource}.{group}"),
        Some(_) | None => format!("{verb} {resource}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refuses_is_read_from_the_words() {
        let down = "failed calling webhook \"a.b\": failed to call webhook: Post \"https://svc.ns.svc:443/x\": EOF";
        assert_eq!(Refusal::of(down), Refusal::WebhookDown { webhook: "a.b", namespace: Some("ns") });
        let bare = "failed calling webhook \"a.b\": EOF";
        assert_eq!(Refusal::of(bare), Refusal::WebhookDown { webhook: "a.b", namespace: None });
        let policy = "ValidatingAdmissionPolicy 'p' denied the request: no";
        assert_eq!(Refusal::of(policy), Refusal::Denied { webhook: "of the cluster", words: "no" });
        let right =
            "secrets is forbidden: User \"u\" cannot get resource \"secrets\" in API group \"\" in the namespace \"n\"";
        assert_eq!(Refusal::of(right), Refusal::NoRight { user: "u", what: "get secrets".into() });
        assert_eq!(Refusal::of("conflict"), Refusal::Other);
    }
}
