//! What a `renew` would do. Inert: to print, to test, to apply later without further choices.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{Certificate, CertificateConditionType, Object};
use crate::objref::ObjRef;

/// Renewals to start, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub renewals: Vec<Renewal>,
    /// Certificates whose issuance runs already: nothing to start.
    pub running: Vec<Renewal>,
}

/// One renewal to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    pub object: ObjRef,
    /// The very object that was planned for; another of the same name is left alone.
    pub uid: String,
    /// `status.revision` before the renewal.
    pub revision: i64,
}

impl Plan {
    /// Plans a renewal of each Certificate, sorted by namespace and name.
    pub fn renew<'c>(certificates: impl IntoIterator<Item = &'c Certificate>) -> Self {
        let mut plan = Self::default();
        for certificate in certificates {
            let renewal = Renewal {
                object: certificate.objref(),
                uid: certificate.uid().unwrap_or_default().to_owned(),
                revision: certificate.status.revision.unwrap_or(0),
            };
            let runs = certificate.is(CertificateConditionType::Issuing);
            if runs { plan.running.push(renewal) } else { plan.renewals.push(renewal) }
        }
        plan.renewals.sort_by(|a, b| a.object.cmp(&b.object));
        plan.running.sort_by(|a, b| a.object.cmp(&b.object));
        plan
    }
}

/// Sets the condition that makes cert-manager issue, as cmctl does: Issuing=True with reason `ManuallyTriggered`.
/// Everything else in the object stays as it is, fields unknown to us included.
pub fn trigger(certificate: &mut Value, now: Timestamp) {
    let generation = certificate["metadata"]["generation"].clone();
    let condition = json!({
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        // The API's times have whole seconds; a time ahead would make this issuance's own failures look old.
        "lastTransitionTime": Timestamp::from_second(now.as_second()).unwrap_or(now).to_string(),
        "observedGeneration": generation,
    });
    let status = &mut certificate["status"];
    if !status.is_object() {
        *status = json!({});
    }
    let conditions = &mut status["conditions"];
    match conditions.as_array_mut() {
        Some(conditions) => {
            conditions.retain(|condition| condition["type"] != "Issuing");
            conditions.push(condition);
        }
        None => *conditions = json!([condition]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggering_replaces_the_issuing_condition_and_nothing_else() {
        let mut certificate = json!({
            "metadata": {"name": "web", "generation": 3},
            "spec": {"secretName": "web-tls"},
            "status": {
                "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Issuing", "status": "False", "reason": "Failed"},
                ],
                "fromTheFuture": {"kept": true},
            },
        });
        trigger(&mut certificate, "2026-11-22T06:00:00.7Z".parse().unwrap());
        let conditions = certificate["status"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 2);
        assert_eq!(conditions[0]["type"], "Ready");
        assert_eq!(conditions[1]["reason"], "ManuallyTriggered");
        assert_eq!(conditions[1]["observedGeneration"], 3);
        assert_eq!(conditions[1]["lastTransitionTime"], "2026-11-22T06:00:00Z");
        assert_eq!(certificate["status"]["fromTheFuture"]["kept"], true);
        assert_eq!(certificate["spec"]["secretName"], "web-tls");
    }

    #[test]
    fn a_certificate_without_status_can_be_triggered() {
        let mut certificate = json!({"metadata": {"name": "web"}});
        trigger(&mut certificate, "2026-11-22T06:00:00Z".parse().unwrap());
        assert_eq!(certificate["status"]["conditions"][0]["status"], "True");
    }

    #[test]
    fn a_running_issuance_is_not_triggered_again() {
        let certificate = |name: &str, issuing: bool| {
            let status = if issuing { "True" } else { "False" };
            serde_json::from_value::<Certificate>(json!({
                "metadata": {"name": name, "namespace": "shop", "uid": name},
                "status": {"revision": 4, "conditions": [{"type": "Issuing", "status": status}]},
            }))
            .unwrap()
        };
        let plan = Plan::renew([&certificate("web", false), &certificate("api", true)]);
        assert_eq!(plan.renewals.iter().map(|renewal| renewal.object.name.as_str()).collect::<Vec<_>>(), ["web"]);
        assert_eq!(plan.renewals[0].revision, 4);
        assert_eq!(plan.running.len(), 1);
    }
}
