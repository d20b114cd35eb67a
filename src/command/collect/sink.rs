//! Where collected objects go: into the bundle, or first aside, until every name that is to be disguised is known.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Place;
use crate::bundle::write::{Spool, WriteError, Writer};
use crate::bundle::{Disguise, MANIFEST, Manifest, log_path, object_path};
use crate::render::yaml;

/// The log of one run of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    pub previous: bool,
    pub text: String,
}

/// A thing that waits for its disguise.
#[derive(Serialize, Deserialize)]
enum Waiting {
    Object(Value),
    Log(LogEntry),
}

pub struct Sink {
    writer: Writer,
    aside: Option<(Spool, Disguise)>,
}

impl Sink {
    pub fn plain(target: &Path, time: Timestamp) -> Result<Self, WriteError> {
        Ok(Self { writer: Writer::create(target, time)?, aside: None })
    }

    pub fn disguised(target: &Path, disguise: Disguise, time: Timestamp) -> Result<Self, WriteError> {
        let writer = Writer::create(target, time)?;
        Ok(Self { writer, aside: Some((Spool::create(target)?, disguise)) })
    }

    pub fn object(&mut self, object: Value) -> Result<(), WriteError> {
        match &mut self.aside {
            None => write_object(&mut self.writer, &object),
            Some((spool, disguise)) => {
                disguise.learn(&object);
                spool.add(&line(&Waiting::Object(object)))
            }
        }
    }

    pub fn log(&mut self, log: LogEntry) -> Result<(), WriteError> {
        match &mut self.aside {
            None => write_log(&mut self.writer, &log),
            Some((spool, _)) => spool.add(&line(&Waiting::Log(log))),
        }
    }

    /// Writes what waits, and the manifest.
    pub fn finish(mut self, mut manifest: Manifest) -> Result<(Manifest, PathBuf), WriteError> {
        if let Some((spool, disguise)) = &mut self.aside {
            manifest.names().for_each(|name| disguise.learn_name(name));
            let (writer, disguise) = (&mut self.writer, &*disguise);
            spool.each(&mut |line| match serde_json::from_str(line) {
                Ok(Waiting::Object(mut object)) => {
                    disguise.object(&mut object);
                    write_object(writer, &object)
                }
                Ok(Waiting::Log(log)) => {
                    let namespace = disguise.name(&log.namespace);
                    let pod = disguise.name(&log.pod);
                    write_log(writer, &LogEntry { namespace, pod, text: disguise.text(&log.text), ..log })
                }
                // Only what this program wrote is there.
                Err(_) => Ok(()),
            })?;
            manifest = manifest.disguised(disguise);
        }
        self.writer.add(MANIFEST, manifest.text().as_bytes())?;
        let Self { writer, aside } = self;
        drop(aside);
        Ok((manifest, writer.finish()?))
    }
}

fn line(waiting: &Waiting) -> String {
    serde_json::to_string(waiting).expect("JSON was read before, and has string keys")
}

fn write_object(writer: &mut Writer, object: &Value) -> Result<(), WriteError> {
    let Some(Place { group, plural, namespace, name, .. }) = Place::of(object) else { return Ok(()) };
    writer.add(&object_path(&group, &plural, namespace.as_deref(), &name), yaml::text(object).as_bytes())
}

fn write_log(writer: &mut Writer, log: &LogEntry) -> Result<(), WriteError> {
    writer.add(&log_path(&log.namespace, &log.pod, &log.container, log.previous), log.text.as_bytes())
}
