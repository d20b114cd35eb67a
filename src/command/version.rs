//! `version`: this program, and the cert-manager of the cluster.

use serde::Deserialize;

use super::source::{block_on, open};
use super::{Context, Exit, Failure};
use crate::cli::VersionArgs;
use crate::connect::{Accept, RequestError};
use crate::facts::Release;
use crate::render::escape;

/// cert-manager writes its version on its CustomResourceDefinitions.
const CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/certificates.cert-manager.io";

#[derive(Deserialize)]
struct Crd {
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
}

pub fn run(args: &VersionArgs, context: &mut Context) -> Result<Exit, Failure> {
    context.write(&format!("Client Version: v{}\n", env!("CARGO_PKG_VERSION")))?;
    if args.client {
        return Ok(Exit::Good);
    }
    let crd: Result<Crd, RequestError> =
        block_on(async { Ok(open(context).await?.get_json(CRD, Accept::Metadata).await) })?;
    match crd {
        Ok(crd) => {
            let labels = crd.metadata.labels.unwrap_or_default();
            let chart = labels.get("helm.sh/chart").and_then(|chart| chart.strip_prefix("cert-manager-"));
            let version = labels.get("app.kubernetes.io/version").map(String::as_str).or(chart);
            let release = version.and_then(Release::parse);
            let words = version.map_or("unknown: its CustomResourceDefinitions do not say".to_owned(), escape::line);
            context.write(&format!("cert-manager Version (of its CRDs): {words}\n"))?;
            if release.is_some_and(|release| release < Release::OLDEST) {
                let oldest = Release::OLDEST;
                context.note(&format!(
                    "older than {oldest}, the oldest that is known here: what is said of it may not hold"
                ));
            }
            Ok(Exit::Good)
        }
        Err(RequestError::NotFound { .. } | RequestError::GroupAbsent { .. }) => {
            context.write("cert-manager Version: not installed in this cluster\n")?;
            Ok(Exit::Bad)
        }
        Err(error) => Err(error.into()),
    }
}
