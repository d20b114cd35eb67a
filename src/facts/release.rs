//! Which release of cert-manager runs, and which one its CustomResourceDefinitions are of.
//!
//! Read from image tags and from the chart's labels. What they do not say is unknown, and no older release.

use std::fmt;

use super::{Component, Facts, Workload};
use crate::api::Object;

/// A release. A pre-release counts as the release that it comes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Release {
    /// The oldest release whose words, defaults and fields this program knows.
    pub const OLDEST: Self = Self::new(1, 17, 0);

    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `v1.21.1`, `1.17`, `v1.18.0-beta.0`; not `latest`, a digest or a date.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let core = text.split(['-', '+', '_']).next()?;
        let numbers: Vec<u32> = core.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        match numbers[..] {
            [major, minor] => Some(Self::new(major, minor, 0)),
            [major, minor, patch] => Some(Self::new(major, minor, patch)),
            _ => None,
        }
    }

    /// The release that the chart's labels tell of, by key and value: `app.kubernetes.io/version`, else `helm.sh/chart`.
    pub fn of_labels<'l>(label: impl Fn(&str) -> Option<&'l str>) -> Option<Self> {
        let version = label("app.kubernetes.io/version").and_then(Self::parse);
        version.or_else(|| Self::parse(label("helm.sh/chart")?.strip_prefix("cert-manager-")?))
    }

    /// The first patch of the minor release after it.
    #[must_use]
    pub const fn next_minor(self) -> Self {
        Self::new(self.major, self.minor + 1, 0)
    }

    /// Whether both have the same minor release.
    pub const fn is_of_minor(self, other: Self) -> bool {
        self.major == other.major && self.minor == other.minor
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Workload<'_> {
    /// The release that the component's image is of, else the one that the Deployment's labels tell of; and where that
    /// stands.
    pub fn release(&self) -> Option<(Release, String)> {
        let template = self.deployment.spec.template.spec.as_ref();
        let mut images = template.into_iter().flat_map(|spec| &spec.containers).filter_map(|one| one.image.as_deref());
        let by_tag = images.find_map(|image| Some((Release::parse(tag(image)?)?, format!("image {image}"))));
        by_tag.or_else(|| {
            let release = Release::of_labels(|key| self.deployment.label(key))?;
            Some((release, format!("labels of {}", self.deployment.objref())))
        })
    }
}

impl Facts<'_> {
    /// The release of the controller. Of two controllers the older one: what it does not know does not happen.
    pub fn controller_release(&self) -> Option<Release> {
        let controllers = self.installation().of_component(Component::Controller);
        controllers.filter_map(|workload| Some(workload.release()?.0)).min()
    }
}

/// The tag of an image reference; a registry's port is none.
fn tag(image: &str) -> Option<&str> {
    let last = image.split('@').next()?.rsplit('/').next()?;
    Some(last.split_once(':')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_compared_by_number() {
        assert_eq!(Release::parse("v1.21.1"), Some(Release::new(1, 21, 1)));
        assert_eq!(Release::parse("1.9.0-beta.1"), Some(Release::new(1, 9, 0)));
        assert_eq!(Release::parse("v1.17"), Some(Release::new(1, 17, 0)));
        assert!(Release::parse("v1.9.2") < Release::parse("v1.17.0"));
        for word in ["latest", "main", "", "v", "20240501", "1.2.3.4", "sha256:0a"] {
            assert_eq!(Release::parse(word), None, "{word}");
        }
        assert_eq!(Release::new(1, 16, 3).next_minor().to_string(), "v1.17.0");
    }

    #[test]
    fn tags_stand_behind_the_name_and_before_the_digest() {
        assert_eq!(tag("quay.io/jetstack/cert-manager-controller:v1.12.3@sha256:0a"), Some("v1.12.3"));
        assert_eq!(tag("registry:5000/cert-manager-controller"), None);
        assert_eq!(tag("registry:5000/cert-manager-controller:v1.16.2"), Some("v1.16.2"));
        assert_eq!(tag("cert-manager-controller@sha256:0a"), None);
    }

    #[test]
    fn labels_of_the_chart_tell_where_the_tag_does_not() {
        let label = |key: &str| (key == "helm.sh/chart").then_some("cert-manager-v1.15.0");
        assert_eq!(Release::of_labels(label), Some(Release::new(1, 15, 0)));
        let both = |key: &str| Some(if key.starts_with("helm") { "cert-manager-v1.15.0" } else { "v1.14.7" });
        assert_eq!(Release::of_labels(both), Some(Release::new(1, 14, 7)));
        assert_eq!(Release::of_labels(|_| None), None);
    }
}
