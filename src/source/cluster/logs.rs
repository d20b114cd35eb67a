//! The last lines that cert-manager's own containers wrote.

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::sweep::WORKLOADS;
use super::{Ask, Gather, PARALLEL, denial, pages};
use crate::api::Object;
use crate::connect::{RequestError, Session};
use crate::fact::Failure;
use crate::inventory::{Answer, PodLog, Run};
use crate::objref::{Kind, ObjRef};

/// How many lines of each log are asked for.
const LINES: usize = 2_000;

/// How many bytes of each log are taken at most.
const BYTES: usize = 4 << 20;

/// A run of a container that may have written something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voice {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    pub run: Run,
}

/// The containers of cert-manager's Pods, and their former runs where they were restarted; sorted.
pub fn voices<'p>(pods: impl IntoIterator<Item = &'p Pod>) -> Vec<Voice> {
    let mut voices: Vec<Voice> = pods.into_iter().filter(|pod| is_cert_managers(pod)).flat_map(of_pod).collect();
    voices.sort();
    voices.dedup();
    voices
}

/// By the chart's label of its component, and the name of a container or an image. The Pods of solvers have an image of
/// cert-manager's too, and no component.
fn is_cert_managers(pod: &Pod) -> bool {
    const COMPONENTS: [&str; 3] = ["controller", "webhook", "cainjector"];
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut words = containers.flat_map(|one| [Some(one.name.as_str()), one.image.as_deref()]).flatten();
    let component = pod.label("app.kubernetes.io/component").unwrap_or_default();
    COMPONENTS.contains(&component) && words.any(|word| word.contains("cert-manager"))
}

fn of_pod(pod: &Pod) -> Vec<Voice> {
    let statuses: &[ContainerStatus] =
        pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let voice = |container: &str, run: Run| Voice {
        namespace: pod.namespace().unwrap_or_default().to_owned(),
        pod: pod.name().to_owned(),
        container: container.to_owned(),
        run,
    };
    containers
        .flat_map(|container| {
            let has_restarted = |status: &ContainerStatus| status.name == container.name && status.restart_count > 0;
            let previous = statuses.iter().any(has_restarted).then(|| voice(&container.name, Run::Previous));
            [Some(voice(&container.name, Run::Current)), previous].into_iter().flatten()
        })
        .collect()
}

impl Voice {
    /// Asks for the last lines; `None` where a former run left none.
    pub async fn hear(&self, session: &Session) -> Result<Option<Vec<u8>>, RequestError> {
        let pod = ObjRef::new(Kind::Pod, Some(&self.namespace), &self.pod);
        let (path, container) = (pages::object_path(&pod), pages::encoded(&self.container));
        let former = match self.run {
            Run::Previous => "&previous=true",
            Run::Current => "",
        };
        let path = format!("{path}/log?container={container}&tailLines={LINES}&limitBytes={BYTES}{former}");
        match session.get(&path).await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            // The kubelet keeps no more than one former run, and drops that too.
            Err(RequestError::ServerStatus { .. } | RequestError::NotFound { .. } | RequestError::Invalid { .. })
                if self.run == Run::Previous =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// `NAMESPACE/POD (CONTAINER)`.
    pub fn place(&self) -> String {
        format!("{}/{} ({})", self.namespace, self.pod, self.container)
    }

    /// What it means that nothing was heard.
    pub fn answer(&self, trouble: &RequestError) -> Answer {
        if let RequestError::Forbidden { .. } = trouble {
            return Answer::Hidden(denial("get", "pods/log".to_owned(), Some(&self.namespace)));
        }
        Answer::Failed(Failure { asked: format!("get the log of {}", self.place()), said: trouble.to_string() })
    }
}

impl Gather<'_> {
    /// Reads the last lines of cert-manager's own Pods. Nothing hangs on them: what is refused is noted.
    pub async fn listen(&mut self) -> Result<(), RequestError> {
        let workloads = Ask::List { kind: Kind::Deployment, namespace: None, selector: WORKLOADS.to_owned() };
        self.wave_of_new(vec![workloads]).await?;
        let namespaces = self.objects.deployments.iter().filter_map(Object::namespace);
        let pods = namespaces.map(|namespace| Ask::List {
            kind: Kind::Pod,
            namespace: Some(namespace.to_owned()),
            selector: WORKLOADS.to_owned(),
        });
        let mut pods: Vec<_> = pods.collect();
        pods.sort();
        pods.dedup();
        self.wave_of_new(pods).await?;
        let session = self.session;
        let mut heard = stream::iter(voices(&self.objects.pods))
            .map(|voice| async move { (voice.hear(session).await, voice) })
            .buffered(PARALLEL);
        while let Some((answer, voice)) = heard.next().await {
            self.requests += 1;
            let Voice { namespace, pod, container, run } = &voice;
            match answer {
                Ok(Some(bytes)) => {
                    let text = String::from_utf8_lossy(&bytes);
                    self.objects.logs.push(PodLog::read(Some(namespace), pod, container, *run, &text));
                }
                Ok(None) => {}
                Err(trouble) => self.objects.coverage.record_log(voice.place(), voice.answer(&trouble)),
            }
        }
        Ok(())
    }

    /// Sends those of the questions that were not put before.
    async fn wave_of_new(&mut self, mut asks: Vec<Ask>) -> Result<(), RequestError> {
        asks.retain(|ask| !self.objects.coverage.has(ask.kind(), &ask.scope()));
        if asks.is_empty() { Ok(()) } else { self.wave(asks).await }
    }
}
