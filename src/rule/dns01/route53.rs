//! Route 53 refuses: credentials, policy or zone.
//!
//! Tells by the words of the AWS API; the Challenge's status hides most of them, its event holds them.

use super::credentials::{Shape, oddity};
use super::said::is_hidden;
use super::{
    Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, Trouble, each, has_any, quoted, word_after,
};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

pub static ROUTE53: Rule = Rule {
    id: "dns01-route53",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "AWS does not let cert-manager write the record to Route 53",
    doc: include_str!("../../../docs/rules/dns01-route53.md"),
    needs: &[Kind::Challenge, Kind::Event, Kind::Secret, Kind::Deployment],
    explains: &[],
    judge: route53,
};

/// What AWS, or cert-manager before it asks AWS, does not like.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route53Fault {
    NoCredentials,
    HalfCredentials,
    NoRole,
    /// The API server gives cert-manager no token of the service account.
    Token,
    /// The role cannot be taken on.
    AssumeRole,
    /// The action that the policy does not allow.
    Policy(String),
    /// The key is unknown, wrong or out of date.
    Key,
    ZoneNotFound,
    /// The record does not lie in the zone with the given id.
    OtherZone(String),
    /// An older record of the name is in the way.
    RecordInTheWay,
    TooSlow,
    /// The status hides the words and the event is gone.
    Hidden,
}

pub(super) fn fault(words: &str) -> Option<Route53Fault> {
    if words.contains("empty credentials") {
        Some(Route53Fault::NoCredentials)
    } else if words.contains("only one of access and secret key") {
        Some(Route53Fault::HalfCredentials)
    } else if words.contains("role must be set") {
        Some(Route53Fault::NoRole)
    } else if has_any(
        words,
        &["InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClient", "ExpiredToken", "InvalidSignature"],
    ) {
        Some(Route53Fault::Key)
    } else if token_of(words).is_some() {
        Some(Route53Fault::Token)
    } else if has_any(words, &["unable to assume role", "STS: AssumeRole", "error getting service account token"]) {
        Some(Route53Fault::AssumeRole)
    } else if has_any(words, &["AccessDenied", "not authorized to perform"]) {
        Some(Route53Fault::Policy(action(words)))
    } else if words.contains("not found in Route 53") {
        Some(Route53Fault::ZoneNotFound)
    } else if words.contains("NoSuchHostedZone") || words.contains("is not permitted in zone") {
        Some(Route53Fault::OtherZone(
            word_after(words, "is not permitted in zone")
                .unwrap_or_default()
                .trim_end_matches(']')
                .trim_end_matches('.')
                .to_owned(),
        ))
    } else if words.contains("InvalidChangeBatch") || words.contains("non multivalue") {
        Some(Route53Fault::RecordInTheWay)
    } else if has_any(words, &["Time limit exceeded", "Throttling", "Rate exceeded"]) {
        Some(Route53Fault::TooSlow)
    } else if is_hidden(words) && words.contains("AWS") {
        Some(Route53Fault::Hidden)
    } else {
        None
    }
}

/// `route53:ListHostedZonesByName`, from AWS's words or from the call that failed.
fn action(words: &str) -> String {
    word_after(words, "not authorized to perform: ")
        .map(str::to_owned)
        .or_else(|| word_after(words, "operation error Route 53: ").map(|call| format!("route53:{call}")))
        .unwrap_or_else(|| match words {
            _ if words.contains("hosted zone ID") => "route53:ListHostedZonesByName".into(),
            _ if words.contains("change status") => "route53:GetChange".into(),
            _ => "route53:ChangeResourceRecordSets".into(),
        })
}

fn route53(facts: &Facts) -> Judgement {
    each(facts, Matter::Route53, |facts, trouble| {
        let finding = trouble.finding(&ROUTE53);
        match fault(&trouble.words).unwrap_or(Route53Fault::Hidden) {
            fault @ (Route53Fault::NoCredentials
            | Route53Fault::HalfCredentials
            | Route53Fault::NoRole
            | Route53Fault::Token
            | Route53Fault::AssumeRole
            | Route53Fault::Key) => of_credentials(finding, facts, trouble, &fault),
            Route53Fault::Policy(action) => of_policy(finding, trouble, &action),
            fault @ (Route53Fault::ZoneNotFound
            | Route53Fault::OtherZone(_)
            | Route53Fault::RecordInTheWay
            | Route53Fault::TooSlow
            | Route53Fault::Hidden) => of_zone(finding, trouble, &fault),
        }
    })
}

fn of_credentials(finding: Finding, facts: &Facts, trouble: &Trouble, fault: &Route53Fault) -> Finding {
    let (names, issuer) = (trouble.names(), trouble.issuer());
    let own_keys = Fix::patch(
        format!("give the solver in {issuer} credentials of its own, best a role taken on through a service account"),
        "dns01:\n  route53:\n    region: REGION\n    role: arn:aws:iam::ACCOUNT:role/cert-manager\n    auth:\n      kubernetes:\n        \
         serviceAccountRef:\n          name: cert-manager-route53\n",
    );
    match fault {
        Route53Fault::NoCredentials => finding
            .says(format!("the Route 53 solver in {issuer} has no credentials, and may not use those of the pod"))
            .because(format!(
                "Without keys or a role in the solver, cert-manager would use the credentials of its own pod (ambient). \
                 For Issuers that is off by default, for ClusterIssuers it is on. {RETRIES}"
            ))
            .fix(own_keys)
            .fix(Fix::manual("or allow the pod's credentials: start the controller with --issuer-ambient-credentials=true")),
        Route53Fault::HalfCredentials => finding
            .says(format!("the Route 53 solver in {issuer} has only one of access key id and secret access key"))
            .because(format!("Both are needed, or neither of them where the pod's own credentials are to be used. {RETRIES}"))
            .fix(own_keys),
        Route53Fault::NoRole => finding
            .says(format!("the Route 53 solver in {issuer} names a service account, but no role"))
            .because(format!("With auth.kubernetes the token of the service account is traded for a role, which must be named. {RETRIES}"))
            .fix(own_keys),
        Route53Fault::Token => of_token(finding, facts, trouble),
        Route53Fault::AssumeRole => finding
            .says(format!("AWS does not let cert-manager take on the role that writes records for {names}"))
            .because(format!(
                "The trust policy of the role must name who asks: for a service account the cluster's OIDC provider, \
                 audience sts.amazonaws.com and subject system:serviceaccount:NAMESPACE:NAME; else the user or role that \
                 may call sts:AssumeRole. {RETRIES}"
            ))
            .fix(Fix::command(
                "show the trust policy of the role",
                format!(
                    "aws iam get-role --role-name {} --query Role.AssumeRolePolicyDocument",
                    quoted(trouble.solver.route53.as_ref().and_then(|route53| route53.role.rsplit('/').next()).filter(|role| !role.is_empty()).unwrap_or("ROLE"))
                ),
            )),
        Route53Fault::Key
        | Route53Fault::Policy(_)
        | Route53Fault::ZoneNotFound
        | Route53Fault::OtherZone(_)
        | Route53Fault::RecordInTheWay
        | Route53Fault::TooSlow
        | Route53Fault::Hidden => of_key(finding, facts, trouble),
    }
}

/// The account of `serviceaccounts "x" is forbidden: User "…" cannot create resource "serviceaccounts/token" …`.
fn token_of(words: &str) -> Option<&str> {
    let (_, after) = words.split_once("serviceaccounts \"")?;
    let (account, after) = after.split_once('"')?;
    (after.contains("is forbidden") && after.contains("serviceaccounts/token")).then_some(account)
}

/// AWS was not asked yet: cert-manager gets no token to show there.
fn of_token(finding: Finding, facts: &Facts, trouble: &Trouble) -> Finding {
    let account = token_of(&trouble.words).unwrap_or("SERVICE-ACCOUNT");
    let user = trouble.words.split_once("system:serviceaccount:").and_then(|(_, after)| after.split('"').next());
    let controller = user.unwrap_or("cert-manager:cert-manager");
    let namespace = match word_after(&trouble.words, "in the namespace ") {
        Some(namespace) => namespace.to_owned(),
        None => match trouble.challenge.spec.issuer_ref.own_kind() {
            Some(Kind::ClusterIssuer) => facts.cluster_resource_namespace(),
            Some(_) | None => trouble.challenge.namespace().unwrap_or_default().to_owned(),
        },
    };
    let own = controller.split_once(':').is_some_and(|own| own == (namespace.as_str(), account));
    let since = if own {
        " Since 1.21 the chart gives the controller no right to tokens of its own account any more: use another one."
    } else {
        ""
    };
    finding
        .says(format!("cert-manager may not ask for a token of service account {namespace}/{account}, needed for {}", trouble.names()))
        .because(format!(
            "To take on the AWS role, the controller asks Kubernetes for a token of that account, and Kubernetes refuses it; AWS \
             was not asked yet.{since} {RETRIES}"
        ))
        .fix(Fix::command(
            "allow exactly that",
            format!(
                "kubectl create role route53-token -n {namespace} --verb=create --resource=serviceaccounts/token \
                 --resource-name={account}\nkubectl create rolebinding route53-token -n {namespace} --role=route53-token \
                 --serviceaccount={controller}",
                namespace = quoted(&namespace),
                account = quoted(account),
                controller = quoted(controller)
            ),
        ))
}

/// AWS does not know the key, or the signature made with it is wrong.
fn of_key(finding: Finding, facts: &Facts, trouble: &Trouble) -> Finding {
    let spoilt = oddity(facts, trouble, |_, shape| match shape {
        Shape::Empty | Shape::LineBreak | Shape::Blank => true,
        Shape::CloudflareKey | Shape::CloudflareToken | Shape::Other => false,
    });
    match spoilt {
        Some(oddity) => finding
            .says(format!("{} has white space around the AWS credentials, so AWS refuses them", oddity.place()))
            .because(format!("A line break at the end, as 'echo' or an editor adds it, becomes part of the key. {RETRIES}"))
            .evidence(Witness::Data(Kind::Secret), "begins or ends with white space, or is empty")
            .fix(oddity.trim()),
        None => finding
            .says(format!("AWS does not accept the access key that is to write records for {}", trouble.names()))
            .because(format!(
                "The key id is unknown or deleted, the secret key does not belong to it or has a line break at its end, \
                 or a clock is wrong. {RETRIES}"
            ))
            .fix(Fix::manual(format!(
                "make a new access key and store both parts without a line break where the solver in {} names them",
                trouble.issuer()
            ))),
    }
}

fn of_policy(finding: Finding, trouble: &Trouble, action: &str) -> Finding {
    let zone =
        trouble.solver.route53.as_ref().map(|route53| route53.hosted_zone_id.as_str()).filter(|id| !id.is_empty());
    let finding = finding
        .says(format!("the AWS policy does not allow {action}, needed for {}", trouble.names()))
        .because(format!(
            "cert-manager finds the zone with ListHostedZonesByName (which can only be allowed for all zones, and is not \
             needed if the solver names a hostedZoneID), writes with ChangeResourceRecordSets and waits with GetChange. \
             {RETRIES}"
        ))
        .fix(Fix::patch(
            "statements that the policy of cert-manager's user or role needs",
            format!(
                "- Effect: Allow\n  Action: route53:GetChange\n  Resource: arn:aws:route53:::change/*\n\
                 - Effect: Allow\n  Action: [route53:ChangeResourceRecordSets, route53:ListResourceRecordSets]\n  \
                 Resource: arn:aws:route53:::hostedzone/{}\n\
                 - Effect: Allow\n  Action: route53:ListHostedZonesByName\n  Resource: \"*\"\n",
                zone.unwrap_or("*")
            ),
        ));
    if action.contains("ListHostedZones") && zone.is_none() {
        finding.fix(Fix::patch(
            format!("or name the zone, so that it need not be searched (solver in {})", trouble.issuer()),
            "dns01:\n  route53:\n    hostedZoneID: ZONE-ID\n",
        ))
    } else {
        finding
    }
}

fn of_zone(finding: Finding, trouble: &Trouble, fault: &Route53Fault) -> Finding {
    let (names, issuer) = (trouble.names(), trouble.issuer());
    let list = Fix::command(
        "list the zones that the credentials see, and whether they are private",
        "aws route53 list-hosted-zones --query 'HostedZones[].[Name,Id,Config.PrivateZone]' --output table",
    );
    let name_zone = Fix::patch(
        format!("name the public zone (solver in {issuer})"),
        "dns01:\n  route53:\n    hostedZoneID: PUBLIC-ZONE-ID\n",
    );
    match fault {
        Route53Fault::ZoneNotFound => finding
            .says(format!("the AWS account has no public Route 53 zone for {names}"))
            .because(format!(
                "The zone is in another account, private, or not at Route 53; or cert-manager's resolver showed it a \
                 zone that is not the public one. {RETRIES}"
            ))
            .fix(list)
            .fix(name_zone)
            .fix(Fix::manual(format!("if the zone is in another account, name a role of that account (role) in {issuer}"))),
        Route53Fault::OtherZone(zone) => finding
            .says(if zone.is_empty() {
                format!("the hosted zone that the solver in {issuer} names does not exist")
            } else {
                format!("the record for {names} does not belong into zone {zone}, which the solver uses")
            })
            .because(format!(
                "The hostedZoneID in the solver belongs to another zone, or the challenge name is a CNAME that leads out \
                 of it. {RETRIES}"
            ))
            .fix(list)
            .fix(name_zone),
        Route53Fault::RecordInTheWay => finding
            .says(format!("Route 53 does not take the TXT record {} beside what stands there", trouble.record()))
            .because(format!(
                "Usually an older TXT record of that name, made by hand or by another client with another routing \
                 policy. {RETRIES}"
            ))
            .fix(Fix::manual(format!("delete the existing record {} in Route 53", trouble.record()))),
        Route53Fault::TooSlow => finding
            .says(format!("Route 53 did not carry out the change for {names} in time"))
            .outlook(Outlook::ByItself)
            .because(format!(
                "cert-manager waits two minutes for a change to be in sync; many changes at once are slowed down by AWS. \
                 {RETRIES}"
            ))
            .fix(Fix::manual("issue fewer certificates at once, or lower the controller's --max-concurrent-challenges")),
        Route53Fault::Hidden
        | Route53Fault::NoCredentials
        | Route53Fault::HalfCredentials
        | Route53Fault::NoRole
        | Route53Fault::Token
        | Route53Fault::AssumeRole
        | Route53Fault::Policy(_)
        | Route53Fault::Key => hidden(finding, trouble, "AWS"),
    }
}

/// Only the log has the words still.
pub(super) fn hidden(finding: Finding, trouble: &Trouble, cloud: &str) -> Finding {
    finding
        .says(format!("{cloud} refuses to write the record for {}; its words are only in cert-manager's log", trouble.names()))
        .because(format!(
            "cert-manager keeps words that change with each try out of the status. The event that held them is gone or was \
             not seen; events live for an hour. {RETRIES}"
        ))
        .fix(Fix::command(
            "read them in the controller's log",
            format!("kubectl logs -n cert-manager deployment/cert-manager | grep {} | tail -n 3", trouble.challenge.objref().name),
        ))
        .fix(Fix::command(
            "or wait for the next try, and read the event",
            format!(
                "kubectl events --for challenge.acme.cert-manager.io/{}{}",
                trouble.challenge.objref().name,
                trouble.namespace_flag()
            ),
        ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};
    use super::*;

    const SOLVER: &str =
        "route53: {region: eu-central-1, accessKeyID: AKIA, secretAccessKeySecretRef: {name: aws, key: secret}}";
    const DENIED: &str = "failed to determine Route 53 hosted zone ID: operation error Route 53: ListHostedZonesByName, https \
        response error StatusCode: 403, api error AccessDenied: User: arn:aws:iam::123456789012:user/cm is not authorized to \
        perform: route53:ListHostedZonesByName because no identity-based policy allows the route53:ListHostedZonesByName action";

    #[test]
    fn each_answer_is_told_apart() {
        for (words, part) in [
            (DENIED, "does not allow route53:ListHostedZonesByName"),
            (
                "failed to change Route 53 record set: operation error Route 53: ChangeResourceRecordSets, api error AccessDenied",
                "route53:ChangeResourceRecordSets",
            ),
            ("failed to query Route 53 change status: AccessDenied", "route53:GetChange"),
            ("api error SignatureDoesNotMatch: The request signature", "does not accept the access key"),
            (
                "unable to assume role with web identity: operation error STS: AssumeRoleWithWebIdentity, AccessDenied",
                "take on the role",
            ),
            (
                "error getting service account token: serviceaccounts \"dns\" is forbidden: User \
                 \"system:serviceaccount:cert-manager:cert-manager\" cannot create resource \"serviceaccounts/token\" in API \
                 group \"\" in the namespace \"shop\"",
                "may not ask for a token of service account shop/dns",
            ),
            (
                "unable to construct route53 provider: empty credentials; perhaps you meant to enable ambient credentials?",
                "no credentials",
            ),
            (
                "zone example.com. not found in Route 53 for domain _acme-challenge.web.example.com.",
                "no public Route 53 zone",
            ),
            (
                "InvalidChangeBatch: [RRSet with DNS name _acme-challenge.web.example.com. is not permitted in zone example.org.]",
                "zone example.org,",
            ),
            (
                "failed to change Route 53 record set: operation error Route 53: ChangeResourceRecordSets, <redacted AWS SDK error: http.ResponseError: see events and logs for details>",
                "only in cert-manager's log",
            ),
        ] {
            let specimen = refused(SOLVER, words);
            assert_eq!(specimen.ids(), ["dns01-route53"], "{words}");
            assert!(says(&specimen).contains(part), "{}", says(&specimen));
        }
    }

    #[test]
    fn the_controllers_own_account_is_told_from_another() {
        let denied = |account: &str| {
            let words = format!(
                "error getting service account token: serviceaccounts \"{account}\" is forbidden: User \
                 \"system:serviceaccount:cert-manager:cert-manager\" cannot create resource \"serviceaccounts/token\" in API \
                 group \"\" in the namespace \"cert-manager\""
            );
            refused(SOLVER, &words).judge().findings[0].clone()
        };
        assert!(denied("cert-manager").explanation.contains("Since 1.21"), "{}", denied("cert-manager").explanation);
        assert!(!denied("dns").explanation.contains("Since 1.21"));
        let command = denied("dns").fixes[0].command.clone().unwrap();
        assert!(command.contains("--resource-name=dns") && command.contains("-n cert-manager"), "{command}");
    }

    #[test]
    fn a_line_break_in_the_key_is_seen_in_the_secret() {
        let wrong = refused(SOLVER, "api error SignatureDoesNotMatch: The request signature");
        let specimen = wrong.with(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: aws, namespace: shop}\nstringData: {secret: \"abc\\n\"}\n",
        );
        assert!(says(&specimen).contains("white space"), "{}", says(&specimen));
    }

    #[test]
    fn other_troubles_are_left_to_others() {
        assert_eq!(
            fault(
                "operation error Route 53: ListHostedZonesByName, dial tcp: lookup route53.amazonaws.com: no such host"
            ),
            None
        );
    }
}
