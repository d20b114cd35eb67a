//! A kustomization, built by the program that is there for it: `kubectl kustomize`, else `kustomize build`.
//!
//! Both only read and print.

use std::io;
use std::process::{Command, Output};

/// Why a kustomization could not be built.
#[derive(Debug, thiserror::Error)]
pub enum KustomizeError {
    #[error("neither kubectl nor kustomize is there to build {folder}")]
    NoProgram { folder: String },
    #[error("cannot run {program}")]
    Run { program: &'static str, source: io::Error },
    #[error("{program} cannot build {folder}: {said}")]
    Refused { program: &'static str, folder: String, said: String },
    #[error("{program} printed no UTF-8 for {folder}")]
    NoText { program: &'static str, folder: String },
}

/// The manifests that a kustomization comes to, as YAML.
pub fn build(folder: &str) -> Result<String, KustomizeError> {
    for (program, verb) in [("kubectl", "kustomize"), ("kustomize", "build")] {
        match Command::new(program).args([verb, folder]).output() {
            Ok(output) => return text(program, folder, output),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(KustomizeError::Run { program, source }),
        }
    }
    Err(KustomizeError::NoProgram { folder: folder.to_owned() })
}

fn text(program: &'static str, folder: &str, output: Output) -> Result<String, KustomizeError> {
    let folder = folder.to_owned();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(KustomizeError::Refused { program, folder, said });
    }
    String::from_utf8(output.stdout).map_err(|_| KustomizeError::NoText { program, folder })
}
