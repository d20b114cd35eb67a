//! `dns01` of a solver.

use super::{nameserver, need, secret_key};
use crate::api::CnameStrategy;
use crate::api::solver::{Akamai, AzureDns, Cloudflare, Dns01Solver, Rfc2136, Route53};
use crate::engine::field::{FieldError, Path};

/// The errors of a DNS-01 solver. Of several providers the first is judged; Akamai and ACME-DNS are never one too many.
pub fn judge(solver: &Dns01Solver, at: &Path) -> Vec<FieldError> {
    let mut judging = Judging { at, count: 0, errors: Vec::new() };
    if let Some(CnameStrategy::Unknown(word)) = &solver.cname_strategy {
        let detail = "must be one of \"None\" or \"Follow\"";
        judging.errors.push(FieldError::invalid_json(at.child("cnameStrategy"), word, detail));
    }
    if let Some(one) = &solver.akamai {
        judging.always("akamai", |at, errors| akamai(one, at, errors));
    }
    if let Some(one) = &solver.azure_dns {
        judging.one("azureDNS", |at, errors| azure_dns(one, at, errors));
    }
    if let Some(one) = &solver.cloud_dns {
        judging.one("cloudDNS", |at, errors| {
            let account = at.child("serviceAccountSecretRef");
            errors.extend(one.service_account_secret_ref.iter().flat_map(|secret| secret_key(secret, &account)));
            need(&one.project, at.child("project"), "", errors);
        });
    }
    if let Some(one) = &solver.cloudflare {
        judging.one("cloudflare", |at, errors| cloudflare(one, at, errors));
    }
    if let Some(one) = &solver.route53 {
        judging.one("route53", |at, errors| route53(one, at, errors));
    }
    if let Some(one) = &solver.acme_dns {
        judging.always("acmeDNS", |at, errors| {
            errors.extend(secret_key(&one.account_secret_ref, &at.child("accountSecretRef")));
            need(&one.host, at.child("host"), "", errors);
        });
    }
    if let Some(one) = &solver.digitalocean {
        judging.one("digitalocean", |at, errors| {
            errors.extend(secret_key(&one.token_secret_ref, &at.child("tokenSecretRef")));
        });
    }
    if let Some(one) = &solver.rfc2136 {
        judging.one("rfc2136", |at, errors| rfc2136(one, at, errors));
    }
    if let Some(one) = &solver.webhook {
        judging.one("webhook", |at, errors| {
            need(&one.solver_name, at.child("solverName"), "solver name must be specified", errors);
        });
    }
    if judging.count == 0 {
        judging.errors.push(FieldError::required(at.clone(), "no DNS01 provider configured"));
    }
    judging.errors
}

struct Judging<'p> {
    at: &'p Path,
    count: usize,
    errors: Vec<FieldError>,
}

impl Judging<'_> {
    /// A provider that is one too many behind others.
    fn one(&mut self, member: &'static str, judge: impl FnOnce(&Path, &mut Vec<FieldError>)) {
        if self.count > 0 {
            let at = self.at.child(member);
            self.errors.push(FieldError::forbidden(at, "may not specify more than one provider type"));
        } else {
            self.always(member, judge);
        }
    }

    fn always(&mut self, member: &'static str, judge: impl FnOnce(&Path, &mut Vec<FieldError>)) {
        self.count += 1;
        judge(&self.at.child(member), &mut self.errors);
    }
}

fn akamai(akamai: &Akamai, at: &Path, errors: &mut Vec<FieldError>) {
    // The fields are called otherwise.
    errors.extend(secret_key(&akamai.access_token_secret_ref, &at.child("accessToken")));
    errors.extend(secret_key(&akamai.client_secret_secret_ref, &at.child("clientSecret")));
    errors.extend(secret_key(&akamai.client_token_secret_ref, &at.child("clientToken")));
    need(&akamai.service_consumer_domain, at.child("serviceConsumerDomain"), "", errors);
}

/// The clouds that Azure knows, by the words of its own library.
const CLOUDS: [&str; 4] = ["AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud"];

fn azure_dns(azure: &AzureDns, at: &Path, errors: &mut Vec<FieldError>) {
    let (secret, identity) = (&azure.client_secret_secret_ref, at.child("managedIdentity"));
    if !azure.client_id.is_empty() || !azure.tenant_id.is_empty() || secret.is_some() {
        need(&azure.client_id, at.child("clientID"), "", errors);
        match secret {
            Some(secret) => errors.extend(secret_key(secret, &at.child("clientSecretSecretRef"))),
            None => errors.push(FieldError::required(at.child("clientSecretSecretRef"), "")),
        }
        need(&azure.tenant_id, at.child("tenantID"), "", errors);
        if azure.managed_identity.is_some() {
            let detail =
                "managed identity cannot be used at the same time as clientID, clientSecretSecretRef or tenantID";
            errors.push(FieldError::forbidden(identity, detail));
        }
    } else if let Some(managed) = &azure.managed_identity {
        let given = [&managed.client_id, &managed.resource_id, &managed.tenant_id].map(|text| !text.is_empty());
        let [has_client, has_resource, has_tenant] = given;
        if has_client && has_resource {
            let detail = "managedIdentityClientID and managedIdentityResourceID cannot both be specified";
            errors.push(FieldError::forbidden(identity.clone(), detail));
        }
        if has_tenant && has_resource {
            let detail = "managedIdentityTenantID and managedIdentityResourceID cannot both be specified";
            errors.push(FieldError::forbidden(identity.clone(), detail));
        }
        if has_tenant && !has_client {
            let detail = "managedIdentityClientID is required when using managedIdentityTenantID";
            errors.push(FieldError::required(identity, detail));
        }
    }
    need(&azure.subscription_id, at.child("subscriptionID"), "", errors);
    need(&azure.resource_group_name, at.child("resourceGroupName"), "", errors);
    if !azure.environment.is_empty() && !CLOUDS.contains(&azure.environment.as_str()) {
        let [a, b, c, d] = CLOUDS;
        let detail = format!("must be either empty or one of {a}, {b}, {c}, or {d}");
        errors.push(FieldError::invalid_json(at.child("environment"), &azure.environment, detail));
    }
}

fn cloudflare(cloudflare: &Cloudflare, at: &Path, errors: &mut Vec<FieldError>) {
    let (key, token) = (&cloudflare.api_key_secret_ref, &cloudflare.api_token_secret_ref);
    errors.extend(key.iter().flat_map(|secret| secret_key(secret, &at.child("apiKeySecretRef"))));
    errors.extend(token.iter().flat_map(|secret| secret_key(secret, &at.child("apiTokenSecretRef"))));
    match (key, token) {
        (Some(_), Some(_)) => {
            let detail = "apiKeySecretRef and apiTokenSecretRef cannot both be specified";
            errors.push(FieldError::forbidden(at.clone(), detail));
        }
        (None, None) => {
            errors.push(FieldError::required(at.clone(), "apiKeySecretRef or apiTokenSecretRef is required"));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    if key.is_some() {
        need(&cloudflare.email, at.child("email"), "", errors);
    }
}

fn route53(route53: &Route53, at: &Path, errors: &mut Vec<FieldError>) {
    let id = &route53.access_key_id_secret_ref;
    if !route53.access_key_id.is_empty() && id.is_some() {
        // Required is cert-manager's word for it.
        let detail = "accessKeyID and accessKeyIDSecretRef cannot both be specified";
        errors.push(FieldError::required(at.clone(), detail));
    }
    errors.extend(id.iter().flat_map(|secret| secret_key(secret, &at.child("accessKeyIDSecretRef"))));
}

fn rfc2136(rfc2136: &Rfc2136, at: &Path, errors: &mut Vec<FieldError>) {
    const ALGORITHMS: [&str; 4] = ["HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512"];
    let nameserver = at.child("nameserver");
    if rfc2136.nameserver.is_empty() {
        errors.push(FieldError::required(nameserver, ""));
    } else if !nameserver::is_valid(&rfc2136.nameserver) {
        let detail = "nameserver must be set in the form host:port where host is an IPv4 address, an enclosed IPv6 address \
                      or a hostname and port is an optional port number.";
        errors.push(FieldError::invalid(nameserver, &rfc2136.nameserver, detail));
    }
    let algorithm = rfc2136.tsig_algorithm.to_uppercase();
    if !algorithm.is_empty() && !ALGORITHMS.contains(&algorithm.as_str()) {
        // cert-manager does not print the value.
        errors.push(FieldError::unsupported(at.child("tsigAlgorithm"), "\"\"".to_owned(), ALGORITHMS));
    }
    let secret = secret_key(&rfc2136.tsig_secret_secret_ref, &at.child("tsigSecretSecretRef"));
    match (rfc2136.tsig_key_name.is_empty(), secret.is_empty()) {
        (false, _) => errors.extend(secret),
        (true, true) => errors.push(FieldError::required(at.child("tsigKeyName"), "")),
        (true, false) => {}
    }
}
