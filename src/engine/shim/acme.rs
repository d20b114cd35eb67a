//! The annotations that a Certificate gets for HTTP-01 solvers, and those that the flags pass on.

use crate::api::annotation;
use crate::objref::Kind;

use super::ShimFlags;
use super::number::is_true;
use super::object::{Annotations, Asker};

/// Those of `--extra-certificate-annotations`, as they are on the object. Where there are any, cert-manager adds the
/// solvers' to the same map, so that an update carries these too; where there are none, an update carries none.
pub(super) fn extra_annotations(asker: &Asker<'_>, flags: &ShimFlags) -> Annotations {
    let mut extra = Annotations::new();
    for key in &flags.extra_certificate_annotations {
        if let Some(value) = asker.annotations.get(key) {
            extra.insert(key.clone(), value.clone());
        }
    }
    if !extra.is_empty() {
        extra = annotations(asker, &extra);
    }
    extra
}

/// The annotations of a new Certificate: `setIssuerSpecificConfig` on top of the extra ones.
pub(super) fn annotations(asker: &Asker<'_>, extra: &Annotations) -> Annotations {
    let mut annotations = extra.clone();
    let mut set = |key: &str, value: &str| {
        annotations.insert(key.to_owned(), value.to_owned());
    };
    let given = |key: &str| asker.annotations.get(key).map(String::as_str);
    if given(annotation::HTTP01_EDIT_IN_PLACE) == Some("true") {
        set(annotation::HTTP01_OVERRIDE_NAME, asker.name());
        set(annotation::ISSUE_TEMPORARY_CERTIFICATE, "true");
    }
    for (from, to) in [
        (annotation::HTTP01_INGRESS_CLASS, annotation::HTTP01_OVERRIDE_CLASS),
        (annotation::HTTP01_INGRESS_CLASS_NAME, annotation::HTTP01_OVERRIDE_CLASS_NAME),
    ] {
        if let Some(class) = given(from).filter(|class| !class.is_empty()) {
            set(to, class);
        }
    }
    if asker.kind == Kind::Gateway || asker.kind == Kind::ListenerSet {
        let falls_back = given(annotation::HTTP01_PARENT_REF_FALLBACK).is_some_and(is_true);
        if let Some((namespace, name)) = asker.parent.as_ref().filter(|_| falls_back) {
            set(annotation::HTTP01_PARENT_REF_KIND, Kind::Gateway.word());
            set(annotation::HTTP01_PARENT_REF_NAME, name);
            set(annotation::HTTP01_PARENT_REF_NAMESPACE, namespace);
        } else {
            set(annotation::HTTP01_PARENT_REF_KIND, asker.kind.word());
            set(annotation::HTTP01_PARENT_REF_NAME, asker.name());
            if asker.kind == Kind::ListenerSet {
                annotations.remove(annotation::HTTP01_PARENT_REF_NAMESPACE);
            }
        }
    }
    annotations
}
