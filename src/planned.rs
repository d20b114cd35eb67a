//! Manifests laid over the objects that exist, as if they were applied.
//!
//! An object that exists keeps its status and UID and gets the manifest's spec. Annotated Ingresses, Gateways and
//! `ListenerSet`s get the Certificates that cert-manager's shims would make of them. Nothing is written and nothing is
//! refused: who lets manifests in has asked before.

use std::collections::BTreeMap;

use crate::api::{Certificate, CertificateRequest, CertificateSpec, Gateway, GoDuration, ListenerSet, Object};
use crate::engine::shim::{Action, Existing, ShimFlags, Subject, sync};
use crate::inventory::Objects;
use crate::objref::{Kind, ObjRef};
use crate::pki::matches::request_matches_spec;

/// What applying the manifests does to one Certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is new.
    New,
    /// It exists, and is issued anew at once.
    Reissued,
    /// It exists, and no new certificate comes of it.
    Kept,
}

/// What there is once the manifests are applied.
#[derive(Debug, Default)]
pub struct Planned {
    pub objects: Objects,
    /// The Certificates of the manifests, those included that the shims make.
    pub changes: BTreeMap<ObjRef, Change>,
}

/// Lays `manifests` over `existing`; objects without a namespace go into `namespace`.
pub fn lay_over(existing: Objects, mut manifests: Objects, namespace: &str) -> Planned {
    place(&mut manifests.certificates, namespace);
    place(&mut manifests.issuers, namespace);
    place(&mut manifests.secrets, namespace);
    place(&mut manifests.ingresses, namespace);
    place(&mut manifests.gateways, namespace);
    place(&mut manifests.listener_sets, namespace);
    place(&mut manifests.requests, namespace);
    place(&mut manifests.orders, namespace);
    place(&mut manifests.challenges, namespace);
    let mut certificates = std::mem::take(&mut manifests.certificates);
    certificates.extend(shimmed(&existing, &manifests));
    let changes = changes(&existing, &certificates);
    let mut objects = existing;
    put(&mut objects.certificates, certificates, |new, old| new.status = old.status.clone());
    put(&mut objects.issuers, std::mem::take(&mut manifests.issuers), |new, old| new.status = old.status.clone());
    let cluster_issuers = std::mem::take(&mut manifests.cluster_issuers);
    put(&mut objects.cluster_issuers, cluster_issuers, |new, old| new.status = old.status.clone());
    // Of the rest, what exists is as good as what the manifests say.
    objects.absorb(manifests);
    Planned { objects, changes }
}

fn changes(existing: &Objects, certificates: &[Certificate]) -> BTreeMap<ObjRef, Change> {
    let places = places(&existing.certificates);
    let mut requests: BTreeMap<&str, Vec<&CertificateRequest>> = BTreeMap::new();
    for request in &existing.requests {
        if let Some(owner) = request.controller_uid() {
            requests.entry(owner).or_default().push(request);
        }
    }
    let of = |certificate: &Certificate| {
        let object = certificate.objref();
        let change = places.get(&object).map_or(Change::New, |place| {
            let old = &existing.certificates[*place];
            let owned = old.uid().and_then(|uid| requests.get(uid)).map(Vec::as_slice).unwrap_or_default();
            change(old, &certificate.spec, owned)
        });
        (object, change)
    };
    certificates.iter().map(of).collect()
}

fn places<T: Object>(objects: &[T]) -> BTreeMap<ObjRef, usize> {
    objects.iter().map(Object::objref).zip(0..).collect()
}

/// Puts objects in the places of those of their names, keeping what the API server and the controllers gave these.
fn put<T: Object>(into: &mut Vec<T>, more: Vec<T>, keep: impl Fn(&mut T, &T)) {
    let mut places = places(into);
    for mut new in more {
        match places.get(&new.objref()) {
            None => {
                // Whatever a manifest says: the API server gives one.
                new.meta_mut().uid = None;
                places.insert(new.objref(), into.len());
                into.push(new);
            }
            Some(place) => {
                let old = &mut into[*place];
                keep(&mut new, old);
                let (uid, created) = (old.meta().uid.clone(), old.meta().creation_timestamp.clone());
                let meta = new.meta_mut();
                (meta.uid, meta.creation_timestamp) = (uid, created);
                *old = new;
            }
        }
    }
}

fn place<T: Object>(objects: &mut [T], namespace: &str) {
    for object in objects {
        let meta = object.meta_mut();
        meta.namespace.get_or_insert_with(|| namespace.to_owned());
    }
}

/// Whether a new spec makes cert-manager issue anew: by the request of the present revision, as cert-manager compares
/// them, and where that is not there by the fields that it compares.
fn change(old: &Certificate, new: &CertificateSpec, requests: &[&CertificateRequest]) -> Change {
    let is_current = |request: &CertificateRequest| {
        let revision = request.revision();
        revision.is_some() && revision == old.status.revision
    };
    let current = requests.iter().find(|request| is_current(request));
    let matches = match current {
        Some(request) => request_matches_spec(request, new).is_ok_and(|violations| violations.is_empty()),
        None => requested(&old.spec, new) == requested(new, &old.spec),
    };
    if matches && old.spec.secret_name == new.secret_name { Change::Kept } else { Change::Reissued }
}

/// A spec without what no request holds, and without a duration that the other one does not name.
fn requested(spec: &CertificateSpec, other: &CertificateSpec) -> CertificateSpec {
    CertificateSpec {
        renew_before: None,
        renew_before_percentage: None,
        renewal: None,
        secret_name: String::new(),
        secret_template: None,
        keystores: None,
        revision_history_limit: None,
        additional_output_formats: Vec::new(),
        encode_usages_in_request: None,
        duration: spec.duration.as_ref().filter(|_| other.duration.is_some()).map(GoDuration::normalized),
        ..spec.clone()
    }
}

/// The Certificates that the shims make of the manifests, or change because of them.
fn shimmed(existing: &Objects, manifests: &Objects) -> Vec<Certificate> {
    if manifests.ingresses.is_empty() && manifests.gateways.is_empty() && manifests.listener_sets.is_empty() {
        return Vec::new();
    }
    let shims = Shims::of(existing);
    let mut made = Vec::new();
    for ingress in &manifests.ingresses {
        let ingress = with_uid(ingress, &existing.ingresses);
        made.extend(shims.made_of(&Subject::Ingress(&ingress), &ingress));
    }
    for gateway in &manifests.gateways {
        let gateway = with_uid(gateway, &existing.gateways);
        made.extend(shims.made_of(&Subject::Gateway(&gateway), &gateway));
    }
    for set in &manifests.listener_sets {
        let set = with_uid(set, &existing.listener_sets);
        let parent = parent(&set, existing, manifests);
        made.extend(shims.made_of(&Subject::ListenerSet { set: &set, parent }, &set));
    }
    made
}

/// The shims, and the Certificates that they find.
struct Shims<'o> {
    flags: ShimFlags,
    by_name: BTreeMap<(Option<&'o str>, &'o str), &'o Certificate>,
    by_owner: BTreeMap<&'o str, Vec<&'o Certificate>>,
}

impl<'o> Shims<'o> {
    fn of(existing: &'o Objects) -> Self {
        // Whether the Gateway API is switched on only the controller knows; who plans with it means it to be.
        let flags = ShimFlags { gateway_api: true, listener_sets: true, ..ShimFlags::default() };
        let mut shims = Self { flags, by_name: BTreeMap::new(), by_owner: BTreeMap::new() };
        for certificate in &existing.certificates {
            shims.by_name.insert((certificate.namespace(), certificate.name()), certificate);
            if let Some(owner) = certificate.controller_uid() {
                shims.by_owner.entry(owner).or_default().push(certificate);
            }
        }
        shims
    }

    fn made_of<T: Object>(&self, subject: &Subject<'_>, object: &T) -> Vec<Certificate> {
        let named = |name: &str| self.by_name.get(&(object.namespace(), name)).copied();
        let controlled_by = |uid: &str| {
            let owned = self.by_owner.get(uid).into_iter().flatten().copied();
            owned.filter(|certificate| certificate.namespace() == object.namespace()).collect()
        };
        let outcome = sync(subject, &self.flags, &Existing { named: &named, controlled_by: &controlled_by });
        outcome.actions().filter_map(Action::written).cloned().collect()
    }
}

/// A copy with the UID that the API server gave or would give it.
fn with_uid<T: Object + Clone>(object: &T, existing: &[T]) -> T {
    let mut copy = object.clone();
    if copy.uid().is_none() {
        let known = existing.iter().find(|old| old.is_at(&object.objref())).and_then(|old| old.uid());
        let uid = known.map_or_else(|| format!("planned {}", object.objref()), str::to_owned);
        copy.meta_mut().uid = Some(uid);
    }
    copy
}

fn parent<'o>(set: &ListenerSet, existing: &'o Objects, manifests: &'o Objects) -> Option<&'o Gateway> {
    let gateway = ObjRef::new(Kind::Gateway, set.parent_namespace(), &set.spec.parent_ref.name);
    manifests.gateways.iter().chain(&existing.gateways).find(|candidate| candidate.is_at(&gateway))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;

    fn manifests(yaml: &str) -> Objects {
        Specimen::read(yaml, "2026-11-22T07:00:00Z").objects
    }

    fn certificate(name: &str, more: &str) -> String {
        format!(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: {name}}}\nspec:\n  secretName: {name}-tls\n  \
             issuerRef: {{name: letsencrypt, kind: ClusterIssuer}}\n{more}"
        )
    }

    fn changes(yaml: &str) -> Vec<(String, Change)> {
        let planned = lay_over(Specimen::healthy().objects, manifests(yaml), "shop");
        planned.changes.into_iter().map(|(object, change)| (object.to_string(), change)).collect()
    }

    #[test]
    fn a_new_certificate_goes_into_the_namespace() {
        let planned = changes(&certificate("api", "  dnsNames: [api.example.com]\n"));
        assert_eq!(planned, [("Certificate shop/api".to_owned(), Change::New)]);
    }

    #[test]
    fn only_what_a_request_holds_makes_a_new_issuance() {
        let names = "  dnsNames: [shop.example.com, www.shop.example.com]\n";
        for (more, expected) in [
            (String::new(), Change::Kept),
            ("  renewBefore: 24h\n".to_owned(), Change::Kept),
            ("  duration: 2160h\n".to_owned(), Change::Kept),
            ("  isCA: true\n".to_owned(), Change::Reissued),
        ] {
            let planned = changes(&certificate("web", &format!("{names}{more}")));
            assert_eq!(planned, [("Certificate shop/web".to_owned(), expected)], "{more}");
        }
        let fewer = changes(&certificate("web", "  dnsNames: [shop.example.com]\n"));
        assert_eq!(fewer[0].1, Change::Reissued);
        let elsewhere = certificate("web", names).replace("web-tls", "other-tls");
        assert_eq!(changes(&elsewhere)[0].1, Change::Reissued);
    }

    #[test]
    fn without_the_request_the_specs_are_compared() {
        let names = "  dnsNames: [shop.example.com, www.shop.example.com]\n";
        let planned = |more: &str| {
            let existing = Specimen::healthy().broken(|objects| objects.requests.clear()).objects;
            let laid = lay_over(existing, manifests(&certificate("web", &format!("{names}{more}"))), "shop");
            *laid.changes.values().next().unwrap()
        };
        assert_eq!(planned("  renewBefore: 24h\n"), Change::Kept);
        assert_eq!(planned("  duration: 720h\n"), Change::Kept);
        assert_eq!(planned("  isCA: true\n"), Change::Reissued);
    }

    #[test]
    fn what_exists_keeps_its_status() {
        let yaml = certificate("web", "  dnsNames: [shop.example.com]\n");
        let planned = lay_over(Specimen::healthy().objects, manifests(&yaml), "shop");
        let [web] = planned.objects.certificates.as_slice() else { panic!("one certificate") };
        assert_eq!(web.status.revision, Some(1));
        assert_eq!(web.spec.dns_names, ["shop.example.com"]);
        assert!(web.uid().is_some());
    }

    #[test]
    fn an_annotated_ingress_gets_its_certificate() {
        let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: front\n  annotations:\n    \
                       cert-manager.io/cluster-issuer: letsencrypt\nspec:\n  tls:\n  - {hosts: [new.example.com], \
                       secretName: front-tls}\n";
        assert_eq!(changes(ingress), [("Certificate shop/front-tls".to_owned(), Change::New)]);
        let plain = ingress.replace("cert-manager.io/cluster-issuer", "example.com/other");
        assert_eq!(changes(&plain), []);
    }
}
