//! csi-driver: the request for a volume of a Pod (`pkg/apis/defaults`, `pkg/apis/validation`, `pkg/requestgen`).

mod attributes;
mod expand;

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use self::attributes::Attributes;
use self::expand::Variables;
use super::Asked;
use crate::api::certificate::{CertificateSpec, PrivateKeySpec, Subject};
use crate::api::{CertificateRequest, GoDuration, IssuerRef, KeyAlgorithm, KeyUsage};
use crate::engine::field::joined;
use crate::engine::shim::csv;
use crate::pki::PrivateKey;
use crate::pki::key::KeyFault;
use crate::pki::request::RequestFault;

/// The name of the driver.
pub const DRIVER: &str = "csi.cert-manager.io";

/// A volume of csi-driver's in a Pod.
#[derive(Clone, Copy, Debug)]
pub struct Volume<'p> {
    pub name: &'p str,
    attributes: &'p BTreeMap<String, String>,
    pod: &'p Pod,
}

/// The volumes of a Pod that csi-driver fills.
pub fn volumes(pod: &Pod) -> impl Iterator<Item = Volume<'_>> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let all = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    all.filter_map(move |volume| {
        let csi = volume.csi.as_ref().filter(|csi| csi.driver == DRIVER)?;
        let attributes = csi.volume_attributes.as_ref().unwrap_or(&NONE);
        Some(Volume { name: &volume.name, attributes, pod })
    })
}

/// What a volume asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub asked: Asked,
    metadata: ObjectMeta,
}

impl Wanted {
    /// Reads the attributes of a volume; or says, in csi-driver's words, why it asks for nothing.
    pub fn of(volume: Volume) -> Result<Self, String> {
        let attributes = Attributes::with_defaults(volume.attributes);
        let errors = attributes.errors();
        if !errors.is_empty() {
            return Err(joined(&errors));
        }
        let variables = Variables::of(volume.pod);
        let names = CertificateSpec {
            dns_names: list_of(&attributes, "dns-names", &variables)?,
            ip_addresses: addresses(&attributes)?,
            uris: uris(&attributes, &variables)?,
            is_ca: attributes.get("is-ca") == "true",
            private_key: Some(key(&attributes)),
            ..subject(&attributes, &variables)?
        };
        let usages = attributes.get("key-usages").split(',').map(|usage| KeyUsage::from(usage.trim()));
        let issuer = IssuerRef {
            name: attributes.get("issuer-name").to_owned(),
            kind: attributes.get("issuer-kind").to_owned(),
            group: attributes.get("issuer-group").to_owned(),
        };
        let duration = GoDuration(attributes.get("duration").to_owned()).normalized();
        Ok(Self {
            asked: Asked { names, duration, usages: usages.collect(), issuer },
            metadata: metadata(volume, attributes.foreign()),
        })
    }

    /// A key of the kind that the volume asks for.
    pub fn key(&self) -> Result<PrivateKey, KeyFault> {
        PrivateKey::generate(&crate::pki::key::wanted(&self.asked.names)?)
    }

    /// The request; csi-driver names it at random, and labels it by hashes of node and volume, which no manifest holds.
    pub fn request(&self, name: &str, key: &PrivateKey) -> Result<CertificateRequest, RequestFault> {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..self.metadata.clone() };
        Ok(CertificateRequest { metadata, spec: self.asked.spec(key)?, ..CertificateRequest::default() })
    }
}

fn metadata(volume: Volume, annotations: BTreeMap<String, String>) -> ObjectMeta {
    let pod = &volume.pod.metadata;
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: pod.name.clone().unwrap_or_default(),
        uid: pod.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    ObjectMeta {
        namespace: pod.namespace.clone(),
        annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    }
}

/// An error about one attribute.
fn about(key: &str) -> impl Fn(String) -> String {
    move |why| format!("\"{DRIVER}/{key}\": {why}")
}

fn subject(attributes: &Attributes, variables: &Variables) -> Result<CertificateSpec, String> {
    let literal = attributes.get("literal-subject");
    if !literal.is_empty() {
        let literal_subject = variables.expand(literal).map_err(about("literal-subject"))?;
        return Ok(CertificateSpec { literal_subject, ..CertificateSpec::default() });
    }
    let list = |key: &str| -> Result<Vec<String>, String> {
        let text = attributes.get(key);
        if text.is_empty() {
            return Ok(Vec::new());
        }
        variables.expand(text).and_then(|text| csv::split(&text)).map_err(about(key))
    };
    let subject = Subject {
        organizations: list("organizations")?,
        countries: list("countries")?,
        organizational_units: list("organizationalunits")?,
        localities: list("localities")?,
        provinces: list("provinces")?,
        street_addresses: list("streetaddresses")?,
        postal_codes: list("postalcodes")?,
        serial_number: attributes.get("serialnumber").to_owned(),
    };
    let common_name = variables.expand(attributes.get("common-name")).map_err(about("common-name"))?;
    Ok(CertificateSpec { subject: Some(subject), common_name, ..CertificateSpec::default() })
}

fn list_of(attributes: &Attributes, key: &str, variables: &Variables) -> Result<Vec<String>, String> {
    let text = variables.expand(attributes.get(key)).map_err(about(key))?;
    Ok(trimmed(&text))
}

/// The parts of a list between commas; an empty text has none.
fn trimmed(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(|part| part.trim().to_owned()).collect() }
}

fn addresses(attributes: &Attributes) -> Result<Vec<String>, String> {
    let (addresses, wrong): (Vec<_>, Vec<_>) =
        trimmed(attributes.get("ip-sans")).into_iter().partition(|text| text.parse::<IpAddr>().is_ok());
    if wrong.is_empty() {
        return Ok(addresses);
    }
    Err(about("ip-sans")(format!("failed to parse IP address: [\"{}\"]", wrong.join("\",\""))))
}

/// What has no scheme and does not begin with a slash is none for Go.
fn uris(attributes: &Attributes, variables: &Variables) -> Result<Vec<String>, String> {
    let uris = list_of(attributes, "uri-sans", variables)?;
    let is_absolute = |uri: &&String| {
        let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
        };
        uri.starts_with('/') || scheme.is_some_and(is_scheme)
    };
    let wrong = uris.iter().filter(|uri| !is_absolute(uri));
    let words: Vec<_> = wrong.map(|uri| format!("parse {uri:?}: invalid URI for request")).collect();
    if words.is_empty() { Ok(uris) } else { Err(about("uri-sans")(words.join(", "))) }
}

fn key(attributes: &Attributes) -> PrivateKeySpec {
    PrivateKeySpec {
        algorithm: Some(KeyAlgorithm::from(attributes.get("key-algorithm"))),
        size: attributes.get("key-size").parse().unwrap_or_default(),
        ..PrivateKeySpec::default()
    }
}

#[cfg(test)]
mod tests;
