//! Gateways and ListenerSets: listeners that get no Certificate, support that is off, certificates that nobody wanted.

use super::{
    Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, annotate, issuer_setting, named, quote, told,
};
use crate::api::annotation::{self, SHIM_CLUSTER_ISSUER, SHIM_IGNORE_LISTENERS, SHIM_ISSUER};
use crate::api::gateway::{GatewayConditionType, GatewayReason, Listener};
use crate::api::{Gateway, HttpRoute, ListenerSet, Object, Secret};
use crate::chain::way::parent_ref;
use crate::engine::shim::{Refusal, Skip};
use crate::facts::{Asked, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::host::takes;
use crate::objref::{Kind, ObjRef};

pub static LISTENER_SKIPPED: Rule = Rule {
    id: "gateway-listener-skipped",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "a listener of the Gateway gets no Certificate",
    doc: include_str!("../../../docs/rules/gateway-listener-skipped.md"),
    needs: &[Kind::Gateway, Kind::ListenerSet],
    explains: &[],
    judge: listener_skipped,
};

fn listener_skipped(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let listeners = listeners(facts).ok_or(Withheld::NotApplicable)?;
    let skipped: Vec<(&Listener, &Skip)> = asked
        .outcome
        .refusals
        .iter()
        .filter_map(|refusal| {
            if let Refusal::Listener { index, skip, .. } = refusal { Some((&listeners[*index], skip)) } else { None }
        })
        .filter(|(listener, _)| concerns(facts, listener))
        .collect();
    let is_fault = |skip: &Skip| matches!(skip, Skip::Faults(_));
    let faulty: Vec<Finding> = skipped
        .iter()
        .filter(|(_, skip)| is_fault(skip))
        .map(|(listener, skip)| incomplete(facts, asked, listener, skip))
        .collect();
    if !faulty.is_empty() {
        return Ok(faulty);
    }
    // Plain HTTP beside TLS is as it should be; a Gateway that asks for certificates and has no TLS at all is not.
    if asked.outcome.refusals.contains(&Refusal::NothingAsked) && !skipped.is_empty() {
        return Ok(vec![none_left(asked, &skipped)]);
    }
    Ok(vec![])
}

fn listeners<'i>(facts: &Facts<'i>) -> Option<&'i [Listener]> {
    let ObjRef { kind, namespace, name } = &facts.chain.subject;
    let (inventory, namespace) = (facts.inventory, namespace.as_deref());
    if *kind == Kind::Gateway {
        return inventory.get::<Gateway>(namespace, name).seen().map(|gateway| gateway.spec.listeners.as_slice());
    }
    let set = inventory.get::<ListenerSet>(namespace, name);
    set.seen().filter(|_| *kind == Kind::ListenerSet).map(|set| set.spec.listeners.as_slice())
}

/// Whether a listener may be for the host that the Gateway is looked at for.
fn concerns(facts: &Facts, listener: &Listener) -> bool {
    let own = listener.hostname.as_deref().filter(|host| !host.is_empty());
    facts.host.as_deref().zip(own).is_none_or(|(host, own)| takes(own, host))
}

fn incomplete(facts: &Facts, asked: &Asked, listener: &Listener, skip: &Skip) -> Finding {
    let name = &listener.name;
    let finding = LISTENER_SKIPPED
        .on(asked.object.clone())
        .says(format!("listener {name} of {} gets no Certificate: {skip}", named(asked)))
        .because("A Certificate needs one host and a Secret of the same namespace. cert-manager takes both from the listener alone: the hostnames of HTTPRoutes do not count, and a ReferenceGrant does not help.")
        .evidence(Witness::Spec(asked.object.kind, "listeners"), describe(listener));
    let finding = told(finding, facts, asked, "Skipped a listener block");
    if listener.hostname.as_deref().unwrap_or_default().is_empty() {
        let host = route_host(facts, &asked.object).unwrap_or("HOST");
        let patch = format!("spec:\n  listeners:\n  - name: {name}\n    hostname: {host}");
        return finding.fix(Fix::patch("give the listener the host that it serves; one listener for each", patch));
    }
    let own = format!("{}-tls", asked.object.name);
    let secret = listener.tls.iter().flat_map(|tls| &tls.certificate_refs).map(|one| one.name.as_str()).next();
    let patch = format!(
        "spec:\n  listeners:\n  - name: {name}\n    tls:\n      mode: Terminate\n      certificateRefs:\n      - name: {}",
        secret.unwrap_or(&own)
    );
    let finding = finding.fix(Fix::patch("name a Secret of the Gateway's own namespace", patch));
    finding.fix(Fix::manual(
        "a certificate that other namespaces share is asked for by a Certificate in the namespace of the Secret, and the listener ignored",
    ))
}

/// `https: HTTPS, no hostname, Secret web-tls`.
fn describe(listener: &Listener) -> String {
    let host = match listener.hostname.as_deref().filter(|host| !host.is_empty()) {
        Some(host) => format!("hostname {host}"),
        None => "no hostname".to_owned(),
    };
    let refs = listener.tls.iter().flat_map(|tls| &tls.certificate_refs);
    let secrets: Vec<String> = refs
        .map(|one| match one.namespace.as_deref() {
            Some(namespace) => format!("{namespace}/{}", one.name),
            None => one.name.clone(),
        })
        .collect();
    let secrets =
        if secrets.is_empty() { "no certificateRefs".to_owned() } else { format!("Secret {}", secrets.join(", ")) };
    format!("{}: {}, {host}, {secrets}", listener.name, listener.protocol)
}

/// A host of a route that hangs on the Gateway.
fn route_host<'i>(facts: &Facts<'i>, gateway: &ObjRef) -> Option<&'i str> {
    let routes = facts.inventory.http_routes.iter();
    let mut own = routes.filter(|route| hangs_on(route, gateway));
    own.find_map(|route| route.spec.hostnames.first()).map(String::as_str)
}

fn hangs_on(route: &HttpRoute, gateway: &ObjRef) -> bool {
    route.spec.parent_refs.iter().any(|parent| parent_ref(route, parent).as_ref() == Some(gateway))
}

fn none_left(asked: &Asked, skipped: &[(&Listener, &Skip)]) -> Finding {
    let why: Vec<String> = skipped.iter().map(|(listener, skip)| format!("{}: {skip}", listener.name)).collect();
    LISTENER_SKIPPED
        .on(asked.object.clone())
        .says(format!("{} names an issuer, and none of its listeners gets a Certificate", named(asked)))
        .because("cert-manager makes Certificates for listeners with protocol HTTPS or TLS that end TLS themselves (mode Terminate). Others it passes over, without an event.")
        .evidence(Witness::Spec(asked.object.kind, "listeners"), why.join("; "))
        .fix(Fix::patch(
            "add a listener that ends TLS",
            format!(
                "spec:\n  listeners:\n  - name: https\n    port: 443\n    protocol: HTTPS\n    hostname: HOST\n    tls:\n      mode: Terminate\n      certificateRefs:\n      - name: {}-tls",
                asked.object.name
            ),
        ))
}

pub static NOT_ANNOTATED_OR_DISABLED: Rule = Rule {
    id: "gateway-not-annotated-or-disabled",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "cert-manager does not look at the Gateway: no issuer is named, or its support is off",
    doc: include_str!("../../../docs/rules/gateway-not-annotated-or-disabled.md"),
    needs: &[Kind::Gateway, Kind::ListenerSet, Kind::HttpRoute, Kind::Deployment, Kind::Secret],
    explains: &["shim-certificate-missing"],
    judge: not_annotated_or_disabled,
};

fn not_annotated_or_disabled(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    if asked.object.kind == Kind::Ingress {
        return Err(Withheld::NotApplicable);
    }
    let asks = [SHIM_ISSUER, SHIM_CLUSTER_ISSUER].iter().any(|key| asked.annotation(key).is_some());
    let off = asked.refusal(|refusal| if let Refusal::NotWatched(kind) = refusal { Some(*kind) } else { None });
    if let Some(kind) = off {
        return Ok(if asks { vec![disabled(facts, asked, kind)] } else { vec![] });
    }
    let silent = asked.refusal(|refusal| matches!(refusal, Refusal::NoTrigger { .. }).then_some(()));
    if silent.is_none() || super::annotation::is_meant(asked) {
        return Ok(vec![]);
    }
    let missing = super::annotation::missing_secrets(facts)?;
    if missing.is_empty() {
        return Ok(vec![]);
    }
    Ok(vec![not_annotated(facts, asked, &missing)])
}

fn disabled(facts: &Facts, asked: &Asked, kind: Kind) -> Finding {
    let (flags, values) = if kind == Kind::ListenerSet {
        (
            "--enable-gateway-api, --enable-gateway-api-listenerset and the feature gate ListenerSets",
            "config.enableGatewayAPI=true --set config.enableGatewayAPIListenerSet=true --set config.featureGates.ListenerSets=true",
        )
    } else {
        ("--enable-gateway-api", "config.enableGatewayAPI=true")
    };
    let finding = NOT_ANNOTATED_OR_DISABLED
        .on(asked.object.clone())
        .says(format!("cert-manager does not look at {}: support of {kind}s is off", named(asked)))
        .because(format!("cert-manager looks at {kind}s only when it is started with {flags}. Without that it makes no Certificate of them, and there is no event."));
    let finding = quote(finding, asked, [SHIM_ISSUER, SHIM_CLUSTER_ISSUER]);
    let finding = match facts.installation().controller() {
        Some(controller) => finding.evidence(
            Witness::Spec(Kind::Deployment, "template.spec.containers.args"),
            format!("{}: {}", controller.deployment.name(), controller.args().join(" ")),
        ),
        None => finding,
    };
    finding
        .fix(Fix::command(
            "switch it on",
            format!("helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager -n cert-manager --reuse-values --set config.apiVersion=controller.config.cert-manager.io/v1alpha1 --set config.kind=ControllerConfiguration --set {values}"),
        ))
        .fix(Fix::command(
            "and, if the Gateway API was installed after cert-manager, start its controller anew",
            "kubectl rollout restart deployment cert-manager -n cert-manager",
        ))
}

fn not_annotated(facts: &Facts, asked: &Asked, missing: &[ObjRef]) -> Finding {
    let names: Vec<&str> = missing.iter().map(|secret| secret.name.as_str()).collect();
    let names = names.join(", ");
    let keys = [SHIM_ISSUER, SHIM_CLUSTER_ISSUER];
    let routes = facts.inventory.http_routes.iter().filter(|route| hangs_on(route, &asked.object));
    let mut on_route = routes.filter_map(|route| {
        let key = keys.into_iter().find(|key| route.annotation(key).is_some())?;
        Some((route, key, route.annotation(key)?))
    });
    let on_route = on_route.next();
    let place = match &on_route {
        Some((route, key, _)) => format!("{key} stands on HTTPRoute {} and not on it", route.name()),
        None => "no annotation names an issuer".to_owned(),
    };
    let finding = NOT_ANNOTATED_OR_DISABLED
        .on(asked.object.clone())
        .says(format!("{} asks nobody for a certificate: {place}, and no Certificate is for Secret {names}", named(asked)))
        .because(format!("cert-manager makes Certificates of {}s that name an issuer, and of nothing else of the Gateway API: it does not look at HTTPRoutes.", asked.object.kind))
        .evidence(Witness::Spec(asked.object.kind, "listeners[].tls.certificateRefs"), &names)
        .evidence(Witness::Source, format!("neither Secret {names} nor a Certificate that writes it"));
    let (finding, setting) = match on_route {
        Some((_, key, value)) => (
            finding.evidence(Witness::Metadata(Kind::HttpRoute), format!("{key}: {value}")),
            super::setting(key, value),
        ),
        None => (finding, issuer_setting(facts)),
    };
    finding.fix(Fix::command(format!("name the issuer on the {}", asked.object.kind), annotate(asked, &[setting])))
}

pub static UNWANTED_CERTIFICATE: Rule = Rule {
    id: "gateway-unwanted-certificate",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a listener serves with a Secret made by hand, which cert-manager would write over",
    doc: include_str!("../../../docs/rules/gateway-unwanted-certificate.md"),
    needs: &[Kind::Gateway, Kind::ListenerSet, Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: unwanted_certificate,
};

fn unwanted_certificate(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let listeners = listeners(facts).ok_or(Withheld::NotApplicable)?;
    let namespace = asked.object.namespace.as_deref();
    let uses = |listener: &&Listener, name: &str| {
        concerns(facts, listener)
            && listener.tls.iter().flat_map(|tls| &tls.certificate_refs).any(|one| one.name == name)
    };
    let by_hand = asked.wanted.iter().filter_map(|wanted| {
        let secret = *facts.inventory.get::<Secret>(namespace, &wanted.spec.secret_name).seen()?;
        let is_by_hand = secret.annotation(annotation::CERTIFICATE_NAME).is_none() && secret.bytes("tls.crt").is_some();
        let listener = listeners.iter().find(|listener| uses(listener, &wanted.spec.secret_name))?;
        is_by_hand.then_some((wanted, listener))
    });
    Ok(by_hand
        .map(|(wanted, listener)| {
            let secret = &wanted.spec.secret_name;
            let ignored: Vec<&str> = asked.annotation(SHIM_IGNORE_LISTENERS).into_iter().chain([listener.name.as_str()]).collect();
            let change = [super::setting(SHIM_IGNORE_LISTENERS, &ignored.join(",")), "--overwrite".to_owned()];
            let finding = UNWANTED_CERTIFICATE
                .on(asked.object.clone())
                .says(format!("cert-manager writes over Secret {secret}, which listener {} of {} brings along", listener.name, named(asked)))
                .because("The annotation for the issuer holds for every TLS listener. The certificate that was put into this Secret by hand, or by somebody else, is replaced as soon as the issuer answers.")
                .evidence(Witness::Metadata(Kind::Secret), format!("no {}: cert-manager did not write it", annotation::CERTIFICATE_NAME))
                .evidence(Witness::Spec(asked.object.kind, "listeners"), describe(listener));
            quote(finding, asked, [SHIM_ISSUER, SHIM_CLUSTER_ISSUER])
                .fix(Fix::command("leave the listener to its own Secret (cert-manager 1.21 and later)", annotate(asked, &change)))
                .fix(Fix::manual("in older releases: take the annotation off, and make a Certificate for each of the other listeners"))
        })
        .collect())
}

pub static CANNOT_READ_SECRET: Rule = Rule {
    id: "ingress-controller-cannot-read-secret",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Gateway's controller may not read the Secret of a listener",
    doc: include_str!("../../../docs/rules/ingress-controller-cannot-read-secret.md"),
    needs: &[Kind::Gateway],
    explains: &[],
    judge: cannot_read_secret,
};

fn cannot_read_secret(facts: &Facts) -> Judgement {
    let subject = &facts.chain.subject;
    let gateway = facts.inventory.at::<Gateway>(subject);
    let Some(gateway) = gateway.seen().filter(|_| subject.kind == Kind::Gateway) else {
        return Err(Withheld::NotApplicable);
    };
    let refused = gateway.status.listeners.iter().filter_map(|status| {
        let listener = gateway.spec.listeners.iter().find(|listener| listener.name == status.name)?;
        let condition = status.conditions.iter().find(|condition| {
            condition.type_ == GatewayConditionType::ResolvedRefs
                && condition.is_false()
                && condition.reason == Some(GatewayReason::RefNotPermitted)
        })?;
        concerns(facts, listener).then_some((listener, condition))
    });
    Ok(refused
        .map(|(listener, condition)| {
            let own = gateway.namespace().unwrap_or_default();
            let refs = listener.tls.iter().flat_map(|tls| &tls.certificate_refs);
            let mut abroad = refs.filter_map(|one| Some((one.namespace.as_deref().filter(|there| *there != own)?, one.name.as_str())));
            let (there, secret) = abroad.next().unwrap_or((own, "NAME"));
            let grant = format!(
                "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata:\n  name: {}\n  namespace: {there}\nspec:\n  from:\n  - group: gateway.networking.k8s.io\n    kind: Gateway\n    namespace: {own}\n  to:\n  - group: \"\"\n    kind: Secret\n    name: {secret}",
                gateway.name()
            );
            CANNOT_READ_SECRET
                .on(subject.clone())
                .says(format!("the controller of Gateway {} may not read Secret {there}/{secret} for listener {}", gateway.name(), listener.name))
                .because("A Gateway may read Secrets of another namespace only where that namespace allows it by a ReferenceGrant. Until then the listener serves no certificate, whatever the Secret holds.")
                .evidence(Witness::Condition(Kind::Gateway, "ResolvedRefs"), &condition.message)
                .evidence(Witness::Spec(Kind::Gateway, "listeners"), describe(listener))
                .fix(Fix::patch("allow it in the namespace of the Secret", grant))
                .fix(Fix::manual("or keep the Secret in the namespace of the Gateway"))
        })
        .collect())
}
