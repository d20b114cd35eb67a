//! cert-manager's own workloads: controller, webhook, cainjector.
//!
//! Finds them by the chart's labels, else by container name or image; judges nothing.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;

use crate::api::Object;
use crate::engine::backoff::BackOff;
use crate::engine::flags::{Flag, Flags};
use crate::inventory::Inventory;

/// The three programs of a cert-manager installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    Controller,
    Webhook,
    CaInjector,
}

impl Component {
    /// The chart's `app.kubernetes.io/component` label, which is also the tail of the image name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Webhook => "webhook",
            Self::CaInjector => "cainjector",
        }
    }
}

/// A Deployment of one component and its Pods.
#[derive(Clone, Debug)]
pub struct Workload<'i> {
    pub component: Component,
    pub deployment: &'i Deployment,
    pub pods: Vec<&'i Pod>,
}

/// Every cert-manager workload that the source shows.
#[derive(Clone, Debug, Default)]
pub struct Installation<'i> {
    pub workloads: Vec<Workload<'i>>,
}

impl<'i> Installation<'i> {
    /// Finds them among the Deployments of the source.
    pub fn of(inventory: &'i Inventory) -> Self {
        let workloads = inventory
            .cert_manager_deployments()
            .filter_map(|deployment| {
                let component = component(deployment)?;
                Some(Workload { component, deployment, pods: inventory.pods_of_cert_manager(deployment).collect() })
            })
            .collect();
        Self { workloads }
    }

    /// The back-off that the controller is started with.
    pub(super) fn back_off(&self) -> BackOff {
        self.controller().map(|controller| controller.flags().back_off).unwrap_or_default()
    }

    /// The first controller found. Two of them with different flags are beyond telling.
    pub fn controller(&self) -> Option<&Workload<'i>> {
        self.of_component(Component::Controller).next()
    }

    /// The workloads of one component: none if the source shows none, several if there are two installations.
    pub fn of_component(&self, component: Component) -> impl Iterator<Item = &Workload<'i>> {
        self.workloads.iter().filter(move |workload| workload.component == component)
    }
}

impl Workload<'_> {
    /// The arguments of the component's container.
    pub fn args(&self) -> Vec<&str> {
        let containers =
            self.deployment.spec.template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
        containers.iter().flat_map(|container| container.args.iter().flatten()).map(String::as_str).collect()
    }

    /// The value of `--name=value` among the arguments.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.args().into_iter().find_map(|arg| arg.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
    }

    /// The flags that the engine takes, as far as cert-manager would take them; the rest stays as it is by default.
    pub fn flags(&self) -> Flags {
        let given: Vec<Flag> = self.args().into_iter().filter_map(|arg| arg.parse().ok()).collect();
        Flags::default().with(&given)
    }

    /// Replicas that are wanted.
    pub fn wanted(&self) -> i32 {
        self.deployment.spec.replicas.unwrap_or(1)
    }

    /// Replicas that are available.
    pub fn available(&self) -> i32 {
        self.deployment.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
    }
}

fn component(deployment: &Deployment) -> Option<Component> {
    const ALL: [Component; 3] = [Component::Controller, Component::Webhook, Component::CaInjector];
    let template = deployment.spec.template.spec.as_ref()?;
    let images = || template.containers.iter().filter_map(|container| container.image.as_deref());
    let is_ours = |component: Component| {
        let is_named = |name: &str| name.strip_prefix("cert-manager-") == Some(component.label());
        let by_image = images().any(|full| is_named(image_name(full)));
        let by_label = deployment.label("app.kubernetes.io/component") == Some(component.label())
            && template.containers.iter().any(|container| is_named(&container.name));
        by_image || by_label
    };
    ALL.into_iter().find(|component| is_ours(*component))
}

/// The last part of an image reference, without tag and digest.
fn image_name(image: &str) -> &str {
    let path = image.split('@').next().unwrap_or(image);
    let last = path.rsplit('/').next().unwrap_or(path);
    last.split(':').next().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::facts::specimen::Specimen;

    #[test]
    fn the_back_off_is_read_from_the_arguments() {
        let started_with = |image: &str, args: &str| {
            let specimen = Specimen::healthy().with(&format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cert-manager, namespace: cert-manager}}\nspec:\n  \
                 selector: {{}}\n  template: {{spec: {{containers: [{{name: c, image: 'quay.io/jetstack/{image}:v1.21.1', \
                 args: [{args}]}}]}}}}\n"
            ));
            Installation::of(&Inventory::new(specimen.objects)).back_off()
        };
        let flags =
            "--certificate-request-minimum-backoff-duration=5m, --certificate-request-maximum-backoff-duration=2h";
        let short = BackOff { min: SignedDuration::from_mins(5), max: SignedDuration::from_hours(2) };
        assert_eq!(started_with("cert-manager-controller", flags), short);
        assert_eq!(started_with("cert-manager-controller", "--v=2"), BackOff::default());
        assert_eq!(started_with("cert-manager-webhook", flags), BackOff::default());
        assert_eq!(
            started_with("cert-manager-controller", "--certificate-request-minimum-backoff-duration=soon"),
            BackOff::default()
        );
    }
}
