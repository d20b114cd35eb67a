//! Where an object or a log stands in a bundle: the layout of must-gather.

/// `namespaces/NS/GROUP/PLURAL/NAME.yaml`, or `cluster-scoped-resources/GROUP/PLURAL/NAME.yaml`; the core group is
/// `core`.
pub fn object_path(group: &str, plural: &str, namespace: Option<&str>, name: &str) -> String {
    let group = if group.is_empty() { "core" } else { group };
    let place = match namespace {
        Some(namespace) => format!("namespaces/{}", part(namespace)),
        None => "cluster-scoped-resources".to_owned(),
    };
    format!("{place}/{}/{}/{}.yaml", part(group), part(plural), part(name))
}

/// The path of a log.
pub fn log_path(namespace: &str, pod: &str, container: &str, is_previous: bool) -> String {
    let [namespace, pod, container] = [namespace, pod, container].map(part);
    let run = if is_previous { "previous" } else { "current" };
    format!("namespaces/{namespace}/pods/{pod}/{container}/{container}/logs/{run}.log")
}

/// A name as one part of a path, on any system and whatever the server says it is.
fn part(name: &str) -> String {
    let mut out = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (byte == b'.' && at > 0);
        if is_plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_must_gather() {
        assert_eq!(
            object_path("cert-manager.io", "certificates", Some("shop"), "web"),
            "namespaces/shop/cert-manager.io/certificates/web.yaml"
        );
        assert_eq!(object_path("", "secrets", Some("shop"), "a.b"), "namespaces/shop/core/secrets/a.b.yaml");
        assert_eq!(
            object_path("apiextensions.k8s.io", "customresourcedefinitions", None, "orders.acme.cert-manager.io"),
            "cluster-scoped-resources/apiextensions.k8s.io/customresourcedefinitions/orders.acme.cert-manager.io.yaml"
        );
        assert_eq!(log_path("cm", "p", "c", true), "namespaces/cm/pods/p/c/c/logs/previous.log");
    }

    #[test]
    fn no_name_leaves_its_place() {
        assert_eq!(object_path("", "secrets", Some(".."), "../x"), "namespaces/%2E./core/secrets/%2E.%2Fx.yaml");
    }
}
