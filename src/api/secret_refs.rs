//! Which Secrets an issuer reads.

use super::issuer::{IssuerSpec, VaultIssuer, VenafiIssuer};
use super::issuer_ref::SecretKeyRef;
use super::solver::{AcmeSolver, Dns01Solver};

impl IssuerSpec {
    /// The names of all Secrets that the spec refers to, sorted, each once.
    pub fn secret_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        if let Some(acme) = &self.acme {
            names.push(&acme.private_key_secret_ref.name);
            names.extend(acme.external_account_binding.iter().map(|binding| binding.key_secret_ref.name.as_str()));
            names.extend(acme.solvers.iter().flat_map(AcmeSolver::secret_refs).map(|key| key.name.as_str()));
        }
        names.extend(self.ca.iter().map(|ca| ca.secret_name.as_str()));
        names.extend(self.vault.iter().flat_map(vault));
        names.extend(self.venafi.iter().flat_map(venafi));
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl AcmeSolver {
    /// The Secret keys that hold this solver's credentials.
    pub fn secret_refs(&self) -> Vec<&SecretKeyRef> {
        self.dns01.iter().flat_map(Dns01Solver::secret_refs).filter(|key| !key.name.is_empty()).collect()
    }
}

impl Dns01Solver {
    fn secret_refs(&self) -> Vec<&SecretKeyRef> {
        let mut refs = Vec::new();
        if let Some(akamai) = &self.akamai {
            refs.extend([
                &akamai.client_token_secret_ref,
                &akamai.client_secret_secret_ref,
                &akamai.access_token_secret_ref,
            ]);
        }
        refs.extend(self.cloud_dns.iter().filter_map(|dns| dns.service_account_secret_ref.as_ref()));
        if let Some(cloudflare) = &self.cloudflare {
            refs.extend(cloudflare.api_key_secret_ref.iter().chain(&cloudflare.api_token_secret_ref));
        }
        if let Some(route53) = &self.route53 {
            refs.extend(route53.access_key_id_secret_ref.iter().chain([&route53.secret_access_key_secret_ref]));
        }
        refs.extend(self.azure_dns.iter().filter_map(|dns| dns.client_secret_secret_ref.as_ref()));
        refs.extend(self.digitalocean.iter().map(|dns| &dns.token_secret_ref));
        refs.extend(self.acme_dns.iter().map(|dns| &dns.account_secret_ref));
        refs.extend(self.rfc2136.iter().map(|dns| &dns.tsig_secret_secret_ref));
        refs
    }
}

fn vault(vault: &VaultIssuer) -> Vec<&str> {
    let auth = &vault.auth;
    let refs = [
        &vault.ca_bundle_secret_ref,
        &vault.client_cert_secret_ref,
        &vault.client_key_secret_ref,
        &auth.token_secret_ref,
    ];
    let mut names: Vec<&str> = refs.into_iter().flatten().map(|key| key.name.as_str()).collect();
    names.extend(auth.app_role.iter().map(|role| role.secret_ref.name.as_str()));
    names.extend(auth.client_certificate.iter().map(|certificate| certificate.secret_name.as_str()));
    names.extend(auth.kubernetes.iter().map(|kubernetes| kubernetes.secret_ref.name.as_str()));
    names
}

fn venafi(venafi: &VenafiIssuer) -> Vec<&str> {
    let tpp = venafi.tpp.iter().flat_map(|tpp| {
        let bundle = tpp.ca_bundle_secret_ref.iter().map(|key| key.name.as_str());
        bundle.chain([tpp.credentials_ref.name.as_str()])
    });
    let cloud = venafi.cloud.iter().map(|cloud| cloud.api_token_secret_ref.name.as_str());
    tpp.chain(cloud).chain(venafi.ngts.iter().map(|ngts| ngts.credentials_ref.name.as_str())).collect()
}
