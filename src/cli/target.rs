//! `NAME`, `TYPE/NAME`, `TYPE NAME...`: how objects are named on the command line.

use crate::objref::Kind;

/// An object as it was named; the namespace comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: Kind,
    pub name: String,
}

/// What is wrong with the way objects were named. The words are kubectl's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("the server doesn't have a resource type {word:?}; the types are {types}")]
    UnknownType { word: String, types: String },
    #[error(
        "there is no need to specify a resource type as a separate argument when passing arguments in \
         resource/name form (e.g. 'certificate/NAME' instead of 'certificate certificate/NAME')"
    )]
    Mixed,
    #[error("arguments in resource/name form may not have more than one slash: {word:?}")]
    TwoSlashes { word: String },
    #[error("the name is missing in {word:?}")]
    NoName { word: String },
    #[error("this command does not start from {kind} objects; it starts from {types}")]
    NotATarget { kind: Kind, types: String },
}

/// Kinds that a diagnosis can start from.
pub const DIAGNOSABLE: [Kind; 7] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Secret,
];

/// Reads the arguments. A single word without a slash is a Certificate's name unless it is a type word that names
/// follow.
pub fn parse(words: &[String], allowed: &[Kind]) -> Result<Vec<Named>, TargetError> {
    let types = || allowed.iter().map(|kind| kind.singular()).collect::<Vec<_>>().join(", ");
    let with_slash = words.iter().filter(|word| word.contains('/')).count();
    if with_slash > 0 {
        if with_slash < words.len() {
            return Err(TargetError::Mixed);
        }
        return words
            .iter()
            .map(|word| {
                let (kind, name) = word.split_once('/').unwrap_or((word, ""));
                if name.contains('/') {
                    return Err(TargetError::TwoSlashes { word: word.clone() });
                }
                if name.is_empty() {
                    return Err(TargetError::NoName { word: word.clone() });
                }
                let kind = Kind::from_type_word(kind)
                    .ok_or_else(|| TargetError::UnknownType { word: kind.to_owned(), types: types() })?;
                allow(kind, allowed, types).map(|kind| Named { kind, name: name.to_owned() })
            })
            .collect();
    }
    if let [first, names @ ..] = words
        && !names.is_empty()
        && let Some(kind) = Kind::from_type_word(first)
    {
        let kind = allow(kind, allowed, types)?;
        return Ok(names.iter().map(|name| Named { kind, name: name.clone() }).collect());
    }
    Ok(words.iter().map(|name| Named { kind: Kind::Certificate, name: name.clone() }).collect())
}

fn allow(kind: Kind, allowed: &[Kind], types: impl Fn() -> String) -> Result<Kind, TargetError> {
    if allowed.contains(&kind) { Ok(kind) } else { Err(TargetError::NotATarget { kind, types: types() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Vec<(Kind, String)>, TargetError> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Ok(parse(&words, &DIAGNOSABLE)?.into_iter().map(|named| (named.kind, named.name)).collect())
    }

    #[test]
    fn every_form_of_kubectl_is_understood() {
        let cert = |name: &str| (Kind::Certificate, name.to_owned());
        assert_eq!(read(&["web"]), Ok(vec![cert("web")]));
        assert_eq!(read(&["web", "api"]), Ok(vec![cert("web"), cert("api")]));
        assert_eq!(read(&["cert", "web"]), Ok(vec![cert("web")]));
        assert_eq!(read(&["certificate/web", "cr/web-1"]).unwrap()[1], (Kind::CertificateRequest, "web-1".into()));
        assert_eq!(read(&["Orders", "a", "b"]).unwrap().len(), 2);
        assert_eq!(read(&["certificates.cert-manager.io/web"]), Ok(vec![cert("web")]));
        // A certificate may be called like a type.
        assert_eq!(read(&["order"]), Ok(vec![cert("order")]));
    }

    #[test]
    fn wrong_forms_are_refused_with_the_reason() {
        assert!(matches!(read(&["cert", "cert/web"]), Err(TargetError::Mixed)));
        assert!(matches!(read(&["cert/a/b"]), Err(TargetError::TwoSlashes { .. })));
        assert!(matches!(read(&["cert/"]), Err(TargetError::NoName { .. })));
        assert!(matches!(read(&["certificat/web"]), Err(TargetError::UnknownType { .. })));
        assert!(matches!(read(&["pod/web"]), Err(TargetError::NotATarget { .. })));
    }
}
