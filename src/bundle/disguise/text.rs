//! Names, addresses, hosts and e-mail addresses in a free text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Disguise, numbered};

/// Replaces in texts.
pub(super) struct Words<'d> {
    pub disguise: &'d Disguise,
}

impl Words<'_> {
    pub fn replace(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|char: char| !is_inner(char)).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            out.push_str(&self.run(run));
            let mut chars = after.chars();
            out.extend(chars.next());
            rest = chars.as_str();
        }
        out
    }

    /// What stands between blanks, quotes and brackets.
    fn run(&self, run: &str) -> String {
        if let Some(address) = self.address(run) {
            return address;
        }
        if let Some((user, host)) = run.split_once('@')
            && !user.is_empty()
            && host.contains('.')
            && !host.contains("sha256")
        {
            return format!("{}@{}", self.disguise.token(user), self.run(host));
        }
        // A port, a time, a flag and its value, a path: each part by itself.
        let mut out = String::new();
        let mut word = String::new();
        for char in run.chars() {
            if is_word(char) {
                word.push(char);
            } else {
                out.push_str(&self.word(&word));
                out.push(char);
                word.clear();
            }
        }
        out.push_str(&self.word(&word));
        out
    }

    fn word(&self, word: &str) -> String {
        let core = word.trim_matches('.');
        if core.is_empty() {
            return word.to_owned();
        }
        let (before, after) = word.split_once(core).unwrap_or_default();
        format!("{before}{}{after}", self.core(core))
    }

    fn core(&self, word: &str) -> String {
        if let Some(address) = self.address(word) {
            return address;
        }
        let (base, _) = numbered(word);
        // `web-1` of which only `web` is known, or the other way about.
        if self.disguise.knows(word) || self.disguise.knows(base) {
            return self.disguise.name(word);
        }
        if is_host(word) {
            return if is_public_host(word) { word.to_owned() } else { self.disguise.host(word) };
        }
        self.within(word)
    }

    /// A name with more before or behind it, such as `order-of-web` or `web-v9jl4`: known parts between dashes.
    fn within(&self, word: &str) -> String {
        let ends: Vec<usize> = word.match_indices('-').map(|(at, _)| at).chain([word.len()]).collect();
        let starts: Vec<usize> = [0].into_iter().chain(word.match_indices('-').map(|(at, _)| at + 1)).collect();
        for start in &starts {
            for end in ends.iter().rev().filter(|end| *end > start) {
                let part = &word[*start..*end];
                // A short part is more often a word of a message than a name.
                if part.len() > 2 && self.disguise.knows(part) {
                    return format!("{}{}{}", &word[..*start], self.disguise.name(part), self.within(&word[*end..]));
                }
            }
        }
        word.to_owned()
    }

    /// An address, with a port or without.
    fn address(&self, word: &str) -> Option<String> {
        if let Ok(address) = word.parse::<IpAddr>() {
            return Some(self.ip(address).to_string());
        }
        let (host, port) = word.rsplit_once(':')?;
        let address: IpAddr = host.parse().ok()?;
        port.parse::<u16>().ok()?;
        Some(format!("{}:{port}", self.ip(address)))
    }

    /// Another address: private ones stay private, and loopback stays what it is.
    fn ip(&self, address: IpAddr) -> IpAddr {
        let hash = self.disguise.hash(&address.to_string());
        let [a, b, c, ..] = hash[..] else { return address };
        match address {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_unspecified() => address,
            IpAddr::V4(v4) if v4.is_private() => Ipv4Addr::new(10, a, b, c).into(),
            // Reserved for nobody (RFC 1112 §4).
            IpAddr::V4(_) => Ipv4Addr::new(0xf0 | (a & 7), b, c, a).into(),
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => address,
            IpAddr::V6(v6) => {
                let wide = |at: usize| u16::from_be_bytes([hash[at], hash[at + 1]]);
                // Unique local addresses stay so (RFC 4193); others become addresses for documentation (RFC 3849).
                let first = if v6.is_unique_local() { [0xfd00, 0] } else { [0x2001, 0xdb8] };
                Ipv6Addr::new(first[0], first[1], wide(0), wide(2), wide(4), wide(6), wide(8), wide(10)).into()
            }
        }
    }
}

fn is_inner(char: char) -> bool {
    is_word(char) || "@:/=%+".contains(char)
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-._".contains(char)
}

/// Whether a word with dots may be a host: anything that is no file, no field of an object and no word of Go's. What is
/// taken for one by mistake is disguised without need; the other way about a name would show.
fn is_host(word: &str) -> bool {
    const FILES: [&str; 18] = [
        "go",
        "rs",
        "sh",
        "py",
        "md",
        "yaml",
        "yml",
        "json",
        "crt",
        "key",
        "pem",
        "jks",
        "der",
        "txt",
        "log",
        "zip",
        "gz",
        "controller",
    ];
    const FIELDS: [&str; 9] =
        ["spec", "status", "metadata", "data", "tls", "ca", "keystore", "truststore", "cert-manager"];
    let labels: Vec<&str> = word.split('.').collect();
    let [first, .., last] = labels[..] else { return false };
    let fits = |label: &&str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_word = last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_top = is_word || last.starts_with("xn--");
    labels.iter().all(fits) && is_top && !FILES.contains(&last) && !FIELDS.contains(&first)
}

/// Hosts and API groups that name nobody: Kubernetes', cert-manager's, public CAs' and registries'.
pub(super) fn is_public_host(host: &str) -> bool {
    const PUBLIC: [&str; 24] = [
        "k8s.io",
        "kubernetes.io",
        "cert-manager.io",
        "x-k8s.io",
        "helm.sh",
        "letsencrypt.org",
        "zerossl.com",
        "buypass.com",
        "buypass.no",
        "pki.goog",
        "ssl.com",
        "sectigo.com",
        "digicert.com",
        "quay.io",
        "docker.io",
        "ghcr.io",
        "gcr.io",
        "pkg.dev",
        "kubectl.dev",
        "argoproj.io",
        "fluxcd.io",
        "cluster.local",
        "github.com",
        "ietf.org",
    ];
    let host = host.to_ascii_lowercase();
    PUBLIC.iter().any(|public| host.strip_suffix(public).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(text: &str) -> String {
        let mut disguise = Disguise::new(&[1; 32]);
        for name in ["web", "shop", "team-blue"] {
            disguise.learn_name(name);
        }
        disguise.text(text)
    }

    #[test]
    fn what_names_somebody_goes_and_the_rest_stays() {
        for (text, gone) in [
            ("Issuing certificate \"web\" for shop/web: ok", &["web", "shop"][..]),
            ("lookup ns1.corp.local on 10.96.0.10:53: server misbehaving", &["ns1", "corp.", "10.96"]),
            (
                "Get \"https://vault.inner.example.com:8200/v1\": dial tcp 93.184.216.34:8200: i/o timeout",
                &["vault", "inner", "93.184"],
            ),
            ("mailto:ops@firm.example", &["ops", "firm"]),
            ("[2001:67c:2e8::1]:443 and fd12::7", &["67c", "fd12::7"]),
            ("secret team-blue-v9jl4, --namespace=team-blue", &["blue"]),
        ] {
            let said = replace(text);
            assert!(gone.iter().all(|gone| !said.contains(gone)), "{said}");
        }
        let said = replace("lookup ns1.corp.local on 10.96.0.10:53: server misbehaving");
        assert!(
            said.starts_with("lookup x") && said.contains(".local on 10.") && said.ends_with(":53: server misbehaving"),
            "{said}"
        );
    }

    #[test]
    fn words_of_messages_stay() {
        for text in [
            "429 urn:ietf:params:acme:error:rateLimited: too many certificates",
            "https://acme-v02.api.letsencrypt.org/directory",
            "quay.io/jetstack/cert-manager-controller:v1.21.1",
            "E1122 06:34:57.001122 1 sync.go:285] \"propagation check failed\"",
            "2026-11-22T06:35:00Z tls.key ca.crt 127.0.0.1 v1.21.1 cert-manager.io/issuer-name",
            "certificates.cert-manager.io \"x\" not found",
            "spec.acme.email of *v1.Issuer, logger=\"cert-manager.controller\": context deadline exceeded (Client.Timeout), e.g.",
            "",
        ] {
            assert_eq!(replace(text), text);
        }
    }
}
