//! The Secrets that a solver takes its credentials from: whether they are there, and what is wrong with their shape.
//!
//! Looks at values only to tell their shape, and never repeats one.

use super::super::places::Places;
use super::{Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, Trouble, each, has_any};
use crate::api::solver::Dns01Solver;
use crate::api::{Object, Secret, SecretKeyRef};
use crate::fact::Fact;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};

pub static CREDENTIALS_MISSING: Rule = Rule {
    id: "dns01-credentials-missing",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Secret with the DNS provider's credentials, or its key, is not where cert-manager looks",
    doc: include_str!("../../../docs/rules/dns01-credentials-missing.md"),
    needs: &[Kind::Challenge, Kind::Event, Kind::Secret, Kind::Deployment],
    explains: &["invalid-solver-secret", "clusterissuer-secret-in-wrong-namespace"],
    judge: credentials_missing,
};

fn credentials_missing(facts: &Facts) -> Judgement {
    each(facts, Matter::Credentials, |facts, trouble| {
        let finding = trouble.finding(&CREDENTIALS_MISSING);
        let references = references(trouble.solver);
        let place = Place::of(facts, trouble);
        let blamed = references
            .iter()
            .find(|(_, reference)| !matches!(place.look(facts, reference), Look::There | Look::NotSeen))
            .or_else(|| references.iter().find(|(_, reference)| is_named(&trouble.words, reference)))
            .or_else(|| references.first());
        let Some((field, reference)) = blamed else {
            return finding
                .says(format!("the solver for {} has no credentials", trouble.names()))
                .because(format!(
                    "The solver in {} names no Secret, and cert-manager could not go on without. {RETRIES}",
                    trouble.issuer()
                ))
                .fix(Fix::manual(format!(
                    "name the Secret with the provider's credentials in the solver of {}",
                    trouble.issuer()
                )));
        };
        let finding = finding.evidence(
            Witness::Spec(Kind::Challenge, "solver.dns01"),
            format!("{field}: name {}, key {}", reference.name, reference.key),
        );
        place.blame(finding, facts, trouble, field, reference)
    })
}

/// Whether the words are about reading a Secret (`pkg/issuer/acme/dns/dns.go`).
pub(super) fn is_about_a_secret(words: &str) -> bool {
    let reads =
        words.contains("error getting ") && has_any(words, &[" secret", " token", " service account", "access key"]);
    (reads && !words.contains("error getting service account token"))
        || has_any(words, &["not found in secret", "failed to load secret", "no data found in secret"])
        || (words.contains("no key \"") && words.contains(" in secret"))
        || words.contains("DigitalOcean token missing")
}

/// Whether the words name this Secret or this key.
fn is_named(words: &str, reference: &SecretKeyRef) -> bool {
    [&reference.name, &reference.key].into_iter().any(|name| {
        !name.is_empty()
            && [format!("\"{name}\""), format!("'{name}'"), format!("/{name}")]
                .iter()
                .any(|quoted| words.contains(quoted))
    })
}

/// Every Secret key that a solver reads, under the name of its field.
fn references(solver: &Dns01Solver) -> Vec<(&'static str, &SecretKeyRef)> {
    let mut all: Vec<(&'static str, Option<&SecretKeyRef>)> = Vec::new();
    if let Some(akamai) = &solver.akamai {
        all.push(("akamai.clientTokenSecretRef", Some(&akamai.client_token_secret_ref)));
        all.push(("akamai.clientSecretSecretRef", Some(&akamai.client_secret_secret_ref)));
        all.push(("akamai.accessTokenSecretRef", Some(&akamai.access_token_secret_ref)));
    }
    if let Some(google) = &solver.cloud_dns {
        all.push(("cloudDNS.serviceAccountSecretRef", google.service_account_secret_ref.as_ref()));
    }
    if let Some(cloudflare) = &solver.cloudflare {
        all.push(("cloudflare.apiTokenSecretRef", cloudflare.api_token_secret_ref.as_ref()));
        all.push(("cloudflare.apiKeySecretRef", cloudflare.api_key_secret_ref.as_ref()));
    }
    if let Some(route53) = &solver.route53 {
        all.push(("route53.accessKeyIDSecretRef", route53.access_key_id_secret_ref.as_ref()));
        all.push(("route53.secretAccessKeySecretRef", Some(&route53.secret_access_key_secret_ref)));
    }
    if let Some(azure) = &solver.azure_dns {
        all.push(("azureDNS.clientSecretSecretRef", azure.client_secret_secret_ref.as_ref()));
    }
    if let Some(digitalocean) = &solver.digitalocean {
        all.push(("digitalocean.tokenSecretRef", Some(&digitalocean.token_secret_ref)));
    }
    if let Some(acme_dns) = &solver.acme_dns {
        all.push(("acmeDNS.accountSecretRef", Some(&acme_dns.account_secret_ref)));
    }
    if let Some(rfc2136) = &solver.rfc2136 {
        all.push(("rfc2136.tsigSecretSecretRef", Some(&rfc2136.tsig_secret_secret_ref)));
    }
    all.into_iter()
        .filter_map(|(field, reference)| Some((field, reference.filter(|reference| !reference.name.is_empty())?)))
        .collect()
}

/// Where an issuer looks for Secrets.
struct Place {
    /// `None` if it is the cluster resource namespace, and the controller's arguments were not seen.
    namespace: Option<String>,
}

/// What a look at one reference showed.
enum Look {
    There,
    NotSeen,
    NoSecret,
    /// With the keys that are there.
    NoKey(Vec<String>),
    EmptyKey,
}

impl Place {
    fn of(facts: &Facts, trouble: &Trouble) -> Self {
        let cluster_wide = trouble.challenge.spec.issuer_ref.own_kind() == Some(Kind::ClusterIssuer);
        let namespace = if cluster_wide {
            cluster_resource_namespace(facts)
        } else {
            trouble.challenge.namespace().map(str::to_owned)
        };
        Self { namespace }
    }

    fn secret<'i>(&self, facts: &Facts<'i>, reference: &SecretKeyRef) -> Option<Fact<&'i Secret>> {
        self.namespace.as_ref().map(|namespace| facts.inventory.get::<Secret>(Some(namespace), &reference.name))
    }

    fn look(&self, facts: &Facts, reference: &SecretKeyRef) -> Look {
        match self.secret(facts, reference) {
            Some(Fact::Seen(secret)) => match secret.data.get(&reference.key) {
                None => Look::NoKey(secret.data.keys().cloned().collect()),
                Some(_) if secret.bytes(&reference.key).is_some_and(|bytes| bytes.expose().is_empty()) => {
                    Look::EmptyKey
                }
                Some(_) => Look::There,
            },
            Some(Fact::Absent) => Look::NoSecret,
            Some(Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) | None => Look::NotSeen,
        }
    }

    /// `cert-manager`, or how the namespace is called when it is not known.
    fn words(&self) -> &str {
        self.namespace.as_deref().unwrap_or("cert-manager's cluster resource namespace")
    }

    /// ` -n NAMESPACE`, with the chart's default where it is not known.
    fn flag(&self) -> String {
        format!(" -n {}", self.namespace.as_deref().unwrap_or("cert-manager"))
    }

    fn blame(
        &self,
        finding: Finding,
        facts: &Facts,
        trouble: &Trouble,
        field: &str,
        reference: &SecretKeyRef,
    ) -> Finding {
        let (name, key) = (&reference.name, &reference.key);
        let rule_of_place = if trouble.challenge.spec.issuer_ref.own_kind() == Some(Kind::ClusterIssuer) {
            "For a ClusterIssuer, credentials are read from the cluster resource namespace, which with the Helm chart is \
             the one that cert-manager runs in, and never from the Certificate's."
        } else {
            "For an Issuer, credentials are read from its own namespace."
        };
        let create = Fix::command(
            "create it there, without a line break at the end",
            format!("read -rs t && kubectl create secret generic {name}{} --from-literal={key}=\"$t\"", self.flag()),
        );
        let says_no_key = has_any(&trouble.words, &["not found in secret", "no key \"", "no data found in secret"]);
        match self.look(facts, reference) {
            Look::NoKey(keys) => {
                let near = nearest(key, &keys);
                let finding = finding
                    .says(match &near {
                        Some(near) => format!(
                            "Secret {}/{name} has no key {key}, which {field} names; it has {near}",
                            self.words()
                        ),
                        None => format!("Secret {}/{name} has no key {key}, which {field} names", self.words()),
                    })
                    .because(format!("Without the credentials no record can be written. {RETRIES}"))
                    .evidence(Witness::Data(Kind::Secret), format!("keys: {}", keys.join(", ")));
                match near {
                    Some(near) => finding.fix(Fix::patch(
                        format!("name the key that is there (solver in {})", trouble.issuer()),
                        field_patch(field, name, &near),
                    )),
                    None => finding.fix(add_key(name, key, &self.flag())),
                }
            }
            Look::EmptyKey => finding
                .says(format!("key {key} of Secret {}/{name}, which {field} names, is empty", self.words()))
                .because(format!("Without the credentials no record can be written. {RETRIES}"))
                .fix(add_key(name, key, &self.flag())),
            Look::There | Look::NotSeen if says_no_key => finding
                .says(format!("cert-manager finds no key {key} in Secret {name}, which {field} names"))
                .because(format!("{rule_of_place} {RETRIES}"))
                .fix(Fix::command(
                    "list the keys that are there",
                    format!("kubectl describe secret {name}{}", self.flag()),
                ))
                .fix(add_key(name, key, &self.flag())),
            Look::NoSecret | Look::There | Look::NotSeen => {
                let namespaces = facts.inventory.namespaces_of(Kind::Secret, name);
                let elsewhere = Places::of(namespaces.filter(|there| Some(*there) != self.namespace.as_deref()));
                let finding = finding
                    .says(format!("cert-manager finds no Secret {name} in {}, where {field} wants it", self.words()))
                    .because(format!("{rule_of_place} {RETRIES}"));
                match elsewhere {
                    Some(there) => finding
                        .evidence(Witness::Source, format!("there is a Secret {name} in namespace {there}"))
                        .fix(copy(name, there.first(), self.namespace.as_deref().unwrap_or("cert-manager")))
                        .fix(create),
                    None => finding.fix(create),
                }
            }
        }
    }
}

/// Where issuers of the whole cluster look, by the controller's arguments. `None` if they were not seen.
fn cluster_resource_namespace(facts: &Facts) -> Option<String> {
    let installation = facts.installation();
    let controller = installation.of_component(Component::Controller).next()?;
    match controller.flag("cluster-resource-namespace") {
        Some("$(POD_NAMESPACE)") => controller.deployment.namespace().map(str::to_owned),
        Some(namespace) => Some(namespace.to_owned()),
        // The program's own default; the chart always sets the flag.
        None => Some("kube-system".into()),
    }
}

/// The key that was probably meant.
fn nearest(wanted: &str, keys: &[String]) -> Option<String> {
    if let [only] = keys {
        return Some(only.clone());
    }
    let similarity = |key: &String| strsim::jaro_winkler(&wanted.to_ascii_lowercase(), &key.to_ascii_lowercase());
    keys.iter().filter(|key| similarity(key) > 0.8).max_by(|a, b| similarity(a).total_cmp(&similarity(b))).cloned()
}

fn field_patch(field: &str, name: &str, key: &str) -> String {
    let (provider, reference) = field.split_once('.').unwrap_or((field, ""));
    format!("dns01:\n  {provider}:\n    {reference}:\n      name: {name}\n      key: {key}\n")
}

fn add_key(name: &str, key: &str, namespace_flag: &str) -> Fix {
    Fix::command(
        "put it there, without a line break at the end",
        format!(
            "read -rs t && kubectl patch secret {name}{namespace_flag} --type=merge -p \"{{\\\"stringData\\\":{{\\\"{key}\\\":\\\"$t\\\"}}}}\""
        ),
    )
}

fn copy(name: &str, from: &str, to: &str) -> Fix {
    Fix::command(
        format!("copy it from namespace {from}"),
        format!(
            "kubectl get secret {name} -n {from} -o json | jq '{{apiVersion,kind,type,data,metadata:{{name:.metadata.name}}}}' \
             | kubectl apply -n {to} -f -"
        ),
    )
}

/// Something odd about a value that its length and letters show.
pub(super) struct Oddity {
    pub secret: ObjRef,
    pub field: &'static str,
    pub key: String,
    pub what: Shape,
}

/// The shapes that tell a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Empty,
    LineBreak,
    Blank,
    /// 37 hexadecimal digits.
    CloudflareKey,
    /// 40 letters, digits, `_` and `-`.
    CloudflareToken,
    Other,
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        let all = |allowed: fn(u8) -> bool| bytes.iter().copied().all(allowed);
        match bytes {
            [] => Self::Empty,
            [.., b'\n' | b'\r'] => Self::LineBreak,
            _ if bytes.first().is_some_and(u8::is_ascii_whitespace)
                || bytes.last().is_some_and(u8::is_ascii_whitespace) =>
            {
                Self::Blank
            }
            _ if bytes.len() == 37 && all(|byte| byte.is_ascii_hexdigit()) => Self::CloudflareKey,
            _ if bytes.len() == 40 && all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) => {
                Self::CloudflareToken
            }
            _ => Self::Other,
        }
    }
}

/// The first value of the solver that `is_odd` calls so. Values that were not seen are not odd.
pub(super) fn oddity(facts: &Facts, trouble: &Trouble, is_odd: impl Fn(&'static str, Shape) -> bool) -> Option<Oddity> {
    let place = Place::of(facts, trouble);
    references(trouble.solver).into_iter().find_map(|(field, reference)| {
        let Some(Fact::Seen(secret)) = place.secret(facts, reference) else { return None };
        let what = Shape::of(&secret.likeness(&reference.key)?);
        is_odd(field, what).then(|| Oddity { secret: secret.objref(), field, key: reference.key.clone(), what })
    })
}

impl Oddity {
    /// `key api-token of Secret cert-manager/cloudflare`.
    pub(super) fn place(&self) -> String {
        format!("key {} of {}", self.key, self.secret)
    }

    /// Writes the value back without white space.
    pub(super) fn trim(&self) -> Fix {
        let (name, namespace) = (&self.secret.name, self.secret.namespace_flag());
        let path = self.key.replace('.', "\\.");
        Fix::command(
            "write the value back without the line break",
            format!(
                "v=$(kubectl get secret {name}{namespace} -o jsonpath='{{.data.{path}}}' | base64 -d | tr -d ' \\r\\n' | base64 | tr -d '\\n') && \
                 kubectl patch secret {name}{namespace} --type=merge -p \"{{\\\"data\\\":{{\\\"{}\\\":\\\"$v\\\"}}}}\"",
                self.key
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};
    use super::*;
    use crate::facts::specimen::Specimen;

    const SOLVER: &str = "cloudflare: {apiTokenSecretRef: {name: cloudflare, key: api-token}}";

    fn secret(namespace: &str, data: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: cloudflare, namespace: {namespace}}}\nstringData: {data}\n"
        )
    }

    fn no_key() -> Specimen {
        refused(SOLVER, "specified key \"api-token\" not found in secret shop/cloudflare")
    }

    #[test]
    fn the_near_key_is_named() {
        let specimen = no_key().with(&secret("shop", "{apitoken: x, email: me}"));
        assert_eq!(specimen.ids(), ["dns01-credentials-missing"]);
        assert!(says(&specimen).ends_with("it has apitoken"), "{}", says(&specimen));
        let strange = no_key().with(&secret("shop", "{a: x, b: z}"));
        assert!(!says(&strange).contains("it has"), "{}", says(&strange));
    }

    #[test]
    fn a_secret_in_another_namespace_is_told() {
        let words = "error getting cloudflare secret: secrets \"cloudflare\" not found";
        let specimen = refused(SOLVER, words).with(&secret("cert-manager", "{api-token: x}"));
        assert_eq!(specimen.root(), Some("dns01-credentials-missing"));
        let finding = &specimen.judge().findings[0];
        assert!(finding.summary.contains("no Secret cloudflare in shop"), "{}", finding.summary);
        assert!(finding.evidence.iter().any(|evidence| evidence.text.contains("namespace cert-manager")));
    }

    #[test]
    fn the_words_alone_are_enough() {
        assert_eq!(no_key().ids(), ["dns01-credentials-missing"]);
        assert!(says(&no_key()).contains("no key api-token in Secret cloudflare"), "{}", says(&no_key()));
        assert!(!is_about_a_secret("error getting service account token: forbidden"));
        assert!(!is_about_a_secret("error decoding the provided TSIG secret: illegal base64 data"));
    }

    #[test]
    fn clusterissuers_look_where_the_controller_says() {
        let words = "error getting cloudflare secret: secrets \"cloudflare\" not found";
        let by_cluster = |args: &str| {
            let deployment = format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cm, namespace: security}}\nspec: {{selector: {{matchLabels: \
                 {{app: cm}}}}, template: {{spec: {{containers: [{{name: c, image: 'cert-manager-controller:v1', args: [{args}]}}]}}}}}}\n"
            );
            refused(SOLVER, words)
                .with(&deployment)
                .broken(|objects| objects.challenge().spec.issuer_ref.kind = "ClusterIssuer".into())
        };
        assert!(says(&by_cluster("'--cluster-resource-namespace=$(POD_NAMESPACE)'")).contains("in security,"));
        assert!(says(&by_cluster("--cluster-resource-namespace=vaulted")).contains("in vaulted,"));
        assert!(says(&by_cluster("")).contains("in kube-system,"));
    }

    #[test]
    fn shapes_are_told_by_length_and_letters() {
        assert_eq!(Shape::of(b"abc\n"), Shape::LineBreak);
        assert_eq!(Shape::of(b" abc"), Shape::Blank);
        assert_eq!(Shape::of(&[b'a'; 37]), Shape::CloudflareKey);
        assert_eq!(Shape::of(&[b'z'; 40]), Shape::CloudflareToken);
        assert_eq!(Shape::of(&[b'z'; 37]), Shape::Other);
    }
}
