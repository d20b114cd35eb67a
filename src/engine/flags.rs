//! How the controllers were started: their flags and gates, with cert-manager's defaults.

use std::collections::BTreeSet;

use super::backoff::BackOff;
use super::controller::Controller;
use crate::api::CertificateRequestSpec;

/// Flags of cert-manager's controller program (`pkg/apis/config/controller`), as far as they change what it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// `--controllers`: those that do not run.
    pub disabled: BTreeSet<Controller>,
    /// `--cluster-resource-namespace`: where ClusterIssuers read their Secrets.
    pub cluster_resource_namespace: String,
    /// `--certificate-request-minimum-backoff-duration` and `-maximum-`.
    pub back_off: BackOff,
    /// `--enable-certificate-owner-ref`.
    pub certificate_owner_ref: bool,
    /// `--copied-annotation-prefixes`; a leading `-` leaves out.
    pub copied_annotation_prefixes: Vec<String>,
}

impl Default for Flags {
    /// cert-manager's own defaults, but for the namespace, where the chart's is used.
    fn default() -> Self {
        Self {
            disabled: BTreeSet::new(),
            cluster_resource_namespace: "cert-manager".to_owned(),
            back_off: BackOff::default(),
            certificate_owner_ref: false,
            copied_annotation_prefixes: ["*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl Flags {
    /// Who creates the requests of Certificates, as the webhook writes it into them: the controller's ServiceAccount.
    pub fn requester(&self) -> CertificateRequestSpec {
        let namespace = &self.cluster_resource_namespace;
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ];
        CertificateRequestSpec {
            username: format!("system:serviceaccount:{namespace}:cert-manager"),
            groups: groups.to_vec(),
            ..CertificateRequestSpec::default()
        }
    }

    /// Whether an annotation of a Certificate goes to its request: the last prefix that fits decides, and with a `*`
    /// anywhere every prefix without `-` fits (`BuildAnnotationsToCopy` of `pkg/controller/util.go`).
    pub fn copies_annotation(&self, key: &str) -> bool {
        let all = self.copied_annotation_prefixes.iter().any(|prefix| prefix == "*");
        self.copied_annotation_prefixes.iter().fold(false, |copied, prefix| match prefix.strip_prefix('-') {
            Some(excluded) => copied && !key.starts_with(excluded),
            None => copied || all || key.starts_with(prefix.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_copied_as_the_prefixes_say_in_their_order() {
        let copied = |prefixes: &[&str], key: &str| {
            let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
            Flags { copied_annotation_prefixes: prefixes, ..Flags::default() }.copies_annotation(key)
        };
        assert!(Flags::default().copies_annotation("example.com/team"));
        assert!(!Flags::default().copies_annotation("kubectl.kubernetes.io/last-applied-configuration"));
        assert!(!copied(&[], "a/b"));
        assert!(copied(&["a/"], "a/b") && !copied(&["a/"], "c/d"));
        assert!(copied(&["-a/", "a/b"], "a/b") && !copied(&["a/b", "-a/"], "a/b"));
    }
}
