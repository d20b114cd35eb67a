//! The loading rules as tables.

use secrecy::ExposeSecret;

use super::*;
use crate::connect::files::testing::Table;
use crate::redact::Redacted;

const CONFIG: &str = "
current-context: dev
contexts:
- {name: dev, context: {cluster: dev, user: ada, namespace: shop}}
- {name: bare, context: {cluster: dev}}
- {name: ghost-user, context: {cluster: dev, user: nobody}}
- {name: ghost-cluster, context: {cluster: nowhere, user: ada}}
- {name: mtls, context: {cluster: dev, user: cert}}
- {name: plugin, context: {cluster: dev, user: plugin}}
- {name: both, context: {cluster: dev, user: both}}
- {name: proxied, context: {cluster: proxied, user: ada}}
clusters:
- {name: dev, cluster: {server: 'https://dev:6443', tls-server-name: inner, insecure-skip-tls-verify: true}}
- {name: prod, cluster: {server: 'https://prod:6443'}}
- {name: proxied, cluster: {server: 'https://dev:6443', proxy-url: 'socks5://p:1080'}}
- {name: empty, cluster: {}}
users:
- {name: ada, user: {token: from-file}}
- {name: file, user: {tokenFile: t}}
- {name: cert, user: {client-certificate: c.pem}}
- {name: both, user: {token: t, username: u, password: p}}
- name: plugin
  user:
    exec: {command: aws, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}
";

fn env() -> Env {
    Env::from_pairs([("HOME", "/home/ada")])
}

fn files() -> Table {
    Table::new([("/home/ada/.kube/config", CONFIG)])
}

fn with(flags: &Flags) -> Result<Resolved, ConnectError> {
    resolve(flags, &env(), &files())
}

fn context(name: &str) -> Flags {
    Flags { context: Some(name.to_owned()), ..Flags::default() }
}

fn refusal(flags: &Flags) -> String {
    with(flags).unwrap_err().to_string()
}

fn token(resolved: &Resolved) -> Option<&str> {
    resolved.auth.token.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn the_current_context_is_used_as_it_stands() {
    let resolved = with(&Flags::default()).unwrap();
    assert_eq!(resolved.server, "https://dev:6443");
    assert_eq!(resolved.namespace, "shop");
    assert_eq!(resolved.context.as_deref(), Some("dev"));
    assert_eq!(resolved.tls_server_name.as_deref(), Some("inner"));
    assert_eq!(resolved.trust, Trust::Nothing);
    assert_eq!(token(&resolved), Some("from-file"));
}

#[test]
fn names_given_by_flag_must_exist() {
    assert_eq!(refusal(&context("x")), r#"error: context "x" does not exist"#);
    assert_eq!(
        refusal(&Flags { cluster: Some("x".into()), ..Flags::default() }),
        r#"error: cluster "x" does not exist"#
    );
    assert_eq!(
        refusal(&Flags { user: Some("x".into()), ..Flags::default() }),
        r#"error: auth info "x" does not exist"#
    );
}

#[test]
fn a_current_context_that_is_nowhere_is_named() {
    let files = Table::new([("/home/ada/.kube/config", "current-context: x")]);
    let err = resolve(&Flags::default(), &env(), &files).unwrap_err();
    assert_eq!(err.to_string(), "Error in configuration: context was not found for specified context: x");
}

#[test]
fn a_contexts_own_missing_user_means_no_credential() {
    let resolved = with(&context("ghost-user")).unwrap();
    assert_eq!(token(&resolved), None);
    assert_eq!(refusal(&context("ghost-cluster")), r#"error: cluster "nowhere" does not exist"#);
}

#[test]
fn flags_choose_cluster_and_user_apart_from_the_context() {
    let flags = Flags { cluster: Some("prod".into()), user: Some("file".into()), ..Flags::default() };
    let resolved = with(&flags).unwrap();
    assert_eq!(resolved.server, "https://prod:6443");
    assert_eq!(resolved.namespace, "shop");
    assert_eq!(token(&resolved), None);
    assert_eq!(resolved.auth.token_file.as_deref(), Some("/home/ada/.kube/t"));
}

#[test]
fn a_server_given_by_flag_keeps_trust_and_drops_the_other_name() {
    let resolved = with(&Flags { server: Some("https://other:1".into()), ..Flags::default() }).unwrap();
    assert_eq!(resolved.server, "https://other:1");
    assert_eq!(resolved.tls_server_name, None);
    assert_eq!(resolved.trust, Trust::Nothing);
    assert_eq!(token(&resolved), Some("from-file"));
}

#[test]
fn a_server_needs_no_kubeconfig_and_its_scheme_may_be_left_out() {
    for (server, insecure, expected) in [
        ("https://a:1/prefix", false, "https://a:1/prefix"),
        ("a:1", false, "http://a:1"),
        ("a:1", true, "https://a:1"),
        ("[::1]:6443", true, "https://[::1]:6443"),
    ] {
        let flags = Flags { server: Some(server.into()), insecure_skip_tls_verify: insecure, ..Flags::default() };
        let resolved = resolve(&flags, &env(), &Table::default()).unwrap();
        assert_eq!(resolved.server.to_string().trim_end_matches('/'), expected);
        assert_eq!(resolved.namespace, "default");
    }
    for server in ["ftp://a", "https://", "https://a b"] {
        let flags = Flags { server: Some(server.into()), ..Flags::default() };
        let err = resolve(&flags, &env(), &Table::default()).unwrap_err();
        assert!(matches!(err, ConnectError::BadServer { .. }), "{server}: {err}");
    }
}

#[test]
fn no_cluster_at_all_says_where_it_looked() {
    let err = resolve(&Flags::default(), &env(), &Table::default()).unwrap_err();
    assert_eq!(err.to_string(), "error: no cluster is configured (looked at /home/ada/.kube/config)");
    assert!(err.hint().unwrap().contains("KUBECONFIG"));
    let files = Table::new([("/home/ada/.kube/config", &*CONFIG.replace("current-context: dev", ""))]);
    let err = resolve(&Flags::default(), &env(), &files).unwrap_err();
    assert!(err.hint().unwrap().contains("pass --context NAME (one of dev, bare,"), "{err}");
    let flags = Flags { cluster: Some("empty".into()), ..Flags::default() };
    assert_eq!(refusal(&flags), r#"error: no server found for cluster "empty""#);
}

#[test]
fn a_token_given_by_flag_clears_every_other_login() {
    for name in ["dev", "both", "plugin"] {
        let flags = Flags { token: Some(Redacted::new("from-flag".to_owned())), ..context(name) };
        let resolved = with(&flags).unwrap();
        assert_eq!(token(&resolved), Some("from-flag"), "{name}");
        assert!(resolved.plugin.is_none() && resolved.auth.username.is_none(), "{name}");
    }
    let flags = Flags { token: Some(Redacted::new("t".to_owned())), user: Some("file".into()), ..Flags::default() };
    assert_eq!(with(&flags).unwrap().auth.token_file, None);
}

#[test]
fn a_plugin_is_kept_when_nothing_else_speaks_for_the_user() {
    let plugin = with(&context("plugin")).unwrap().plugin.unwrap();
    assert_eq!(plugin.config.command.as_deref(), Some("aws"));
    assert_eq!(plugin.cluster["server"], "https://dev:6443");
    assert_eq!(plugin.cluster["insecure-skip-tls-verify"], true);
}

#[test]
fn contradictions_are_refused_in_client_gos_words() {
    assert_eq!(
        refusal(&context("both")),
        "error: more than one authentication method found for both; found [token basicAuth], \
         only one is allowed"
    );
    assert_eq!(
        refusal(&context("mtls")),
        "error: client-key-data or client-key must be specified for cert to use the \
         clientCert authentication method."
    );
    let flags = Flags { impersonate_groups: vec!["g".into()], ..Flags::default() };
    assert_eq!(refusal(&flags), "error: requesting uid, groups or user-extra for ada without impersonating a user");
    let flags = Flags { insecure_skip_tls_verify: true, certificate_authority: Some("/ca".into()), ..Flags::default() };
    assert_eq!(refusal(&flags), "error: specifying a root certificates file with the insecure flag is not allowed");
    let several = Flags { certificate_authority: Some("/ca".into()), ..context("both") };
    assert!(refusal(&several).starts_with("Error in configuration: \n* more than one"));
    let flags = Flags { certificate_authority: Some("/ca".into()), ..Flags::default() };
    assert!(
        refusal(&flags)
            .contains("unable to read certificate-authority /ca for dev due to open /ca: no such file or directory")
    );
}

#[test]
fn an_authority_given_by_flag_turns_checking_on() {
    let pem = rcgen::generate_simple_self_signed(["dev".to_owned()]).unwrap().cert.pem();
    let files = files().bytes("/ca", pem.as_bytes());
    let flags = Flags { certificate_authority: Some("/ca".into()), ..Flags::default() };
    let resolved = resolve(&flags, &env(), &files).unwrap();
    assert!(matches!(resolved.trust, Trust::Roots(roots) if roots.len() == 1));
}

#[test]
fn the_proxy_of_the_kubeconfig_wins_over_environment_and_no_proxy() {
    let env = Env::from_pairs([("HOME", "/home/ada"), ("HTTPS_PROXY", "http://e:3128"), ("NO_PROXY", "dev")]);
    let resolve_in = |name: &str| resolve(&context(name), &env, &files()).unwrap();
    assert_eq!(resolve_in("proxied").proxy.unwrap().host_port(), "p:1080");
    assert_eq!(resolve_in("dev").proxy, None);
    let flags = Flags { cluster: Some("prod".into()), ..Flags::default() };
    let proxy = resolve(&flags, &env, &files()).unwrap().proxy.unwrap();
    assert_eq!((proxy.host_port().as_str(), proxy.named_by), ("e:3128", "HTTPS_PROXY"));
}

#[test]
fn flags_of_impersonation_replace_those_of_the_file() {
    let flags = Flags {
        impersonate_user: Some("eve".into()),
        impersonate_groups: vec!["a,b".into()],
        impersonate_extra: vec![("k".into(), "1".into()), ("k".into(), "2".into())],
        ..Flags::default()
    };
    let auth = with(&flags).unwrap().auth;
    assert_eq!(auth.impersonate.as_deref(), Some("eve"));
    assert_eq!(auth.impersonate_groups.unwrap(), ["a,b"]);
    assert_eq!(auth.impersonate_user_extra.unwrap()["k"], ["1", "2"]);
}

mod in_a_pod {
    use super::*;

    fn pod_env(more: &[(&str, &str)]) -> Env {
        let base = [("HOME", "/home/user"), ("KUBERNETES_SERVICE_HOST", "fd00::1"), ("KUBERNETES_SERVICE_PORT", "443")];
        Env::from_pairs(base.iter().chain(more).copied())
    }

    fn pod_files() -> Table {
        let pem = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap().cert.pem();
        Table::new([
            ("/var/run/secrets/kubernetes.io/serviceaccount/token", "sa"),
            ("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "from-account\n"),
        ])
        .bytes("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", pem.as_bytes())
    }

    #[test]
    fn the_account_is_used_when_nothing_is_configured() {
        let resolved = resolve(&Flags::default(), &pod_env(&[]), &pod_files()).unwrap();
        assert_eq!(resolved.server, "https://[fd00::1]:443");
        assert_eq!(resolved.namespace, "from-account");
        assert!(matches!(resolved.trust, Trust::Roots(_)));
        assert_eq!(resolved.auth.token_file.as_deref(), Some("/var/run/secrets/kubernetes.io/serviceaccount/token"));
    }

    #[test]
    fn the_namespace_is_flag_then_variable_then_file() {
        let env = pod_env(&[("POD_NAMESPACE", "from-variable")]);
        assert_eq!(resolve(&Flags::default(), &env, &pod_files()).unwrap().namespace, "from-variable");
        let flags = Flags { namespace: Some("from-flag".into()), ..Flags::default() };
        assert_eq!(resolve(&flags, &env, &pod_files()).unwrap().namespace, "from-flag");
    }

    #[test]
    fn outside_of_a_pod_its_variables_mean_nothing() {
        let resolved = resolve(&Flags::default(), &pod_env(&[]), &Table::default());
        assert!(matches!(resolved, Err(ConnectError::NotConfigured { .. })));
        let env = Env::from_pairs([("POD_NAMESPACE", "x"), ("HOME", "/home/ada")]);
        let flags = Flags { server: Some("http://a".into()), ..Flags::default() };
        assert_eq!(resolve(&flags, &env, &Table::default()).unwrap().namespace, "default");
    }

    #[test]
    fn a_broken_kubeconfig_is_reported_and_not_passed_over() {
        let files = pod_files().bytes("/home/user/.kube/config", b"clusters: [");
        let err = resolve(&Flags::default(), &pod_env(&[]), &files).unwrap_err();
        assert!(matches!(err, ConnectError::ParseConfig { .. }), "{err}");
    }

    #[test]
    fn a_kubeconfig_with_a_cluster_is_preferred() {
        let files = pod_files().bytes("/home/user/.kube/config", CONFIG.as_bytes());
        let resolved = resolve(&context("bare"), &pod_env(&[]), &files).unwrap();
        assert_eq!(resolved.server, "https://dev:6443");
        // As in kubectl: a context without a namespace still takes the pod's.
        assert_eq!(resolved.namespace, "from-account");
    }
}
