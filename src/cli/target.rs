//! `NAME`, `TYPE/NAME`, `TYPE NAME...`, `TYPE`: how objects are named on the command line.

use crate::host;
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
    #[error("{word:?} names no host")]
    NoHost { word: String },
    #[error("the name is missing in {word:?}")]
    NoName { word: String },
    #[error("this command does not start from {kind} objects; it starts from {types}")]
    NotATarget { kind: Kind, types: String },
    #[error(
        "{word:?} alone means all objects of kind {kind}, and this command starts from {types}; a Certificate of that \
         name is certificate/{word}"
    )]
    TypeAlone { word: String, kind: Kind, types: String },
}

/// Kinds that a diagnosis can start from.
pub const DIAGNOSABLE: [Kind; 13] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Secret,
    Kind::Ingress,
    Kind::Gateway,
    Kind::ListenerSet,
    Kind::HttpRoute,
    Kind::Pod,
    Kind::Host,
];

/// A URL stands for the host that it names.
fn is_url(word: &str) -> bool {
    word.contains("://")
}

/// What a command is to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// No word: everything there is.
    Everything,
    /// A TYPE, or several with commas between, and no name: all objects of these kinds.
    OfKinds(Vec<Kind>),
    Named(Vec<Named>),
}

impl Targets {
    /// The objects that were named; none if it was kinds, or nothing.
    pub fn named(&self) -> &[Named] {
        match self {
            Self::Everything | Self::OfKinds(_) => &[],
            Self::Named(named) => named,
        }
    }

    /// The kinds of which all objects are meant; none if it was names, or nothing.
    pub fn kinds(&self) -> &[Kind] {
        match self {
            Self::OfKinds(kinds) => kinds,
            Self::Everything | Self::Named(_) => &[],
        }
    }
}

/// Reads the arguments. A word without a slash that no TYPE stands before is a Certificate's name; a TYPE alone is no
/// name, as with kubectl: a Certificate that is called like a type is `certificate/NAME`.
pub fn parse(words: &[String], allowed: &[Kind]) -> Result<Targets, TargetError> {
    let types = || allowed.iter().map(|kind| kind.singular()).collect::<Vec<_>>().join(", ");
    let allow = |kind: Kind| {
        if allowed.contains(&kind) { Ok(kind) } else { Err(TargetError::NotATarget { kind, types: types() }) }
    };
    let with_slash = words.iter().filter(|word| word.contains('/')).count();
    if with_slash > 0 {
        if with_slash < words.len() {
            return Err(TargetError::Mixed);
        }
        return words.iter().map(|word| with_type(word, allow, types)).collect::<Result<_, _>>().map(Targets::Named);
    }
    let Some((first, names)) = words.split_first() else { return Ok(Targets::Everything) };
    let Some(kinds) = kinds(first, types)? else {
        let certificate = |name: &String| Named { kind: Kind::Certificate, name: name.clone() };
        return Ok(Targets::Named(words.iter().map(certificate).collect()));
    };
    if let ([], [kind]) = (names, kinds.as_slice())
        && !allowed.contains(kind)
    {
        return Err(TargetError::TypeAlone { word: first.clone(), kind: *kind, types: types() });
    }
    let kinds = kinds.into_iter().map(allow).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        // There is no list of all hosts.
        if kinds.contains(&Kind::Host) {
            return Err(TargetError::NoName { word: first.clone() });
        }
        return Ok(Targets::OfKinds(kinds));
    }
    let each = |kind| names.iter().map(move |name| named(kind, name));
    kinds.into_iter().flat_map(each).collect::<Result<_, _>>().map(Targets::Named)
}

/// `TYPE/NAME`.
fn with_type(
    word: &str,
    allow: impl Fn(Kind) -> Result<Kind, TargetError>,
    types: impl Fn() -> String,
) -> Result<Named, TargetError> {
    if is_url(word) {
        let name = host::of_url(word).ok_or_else(|| TargetError::NoHost { word: word.to_owned() })?;
        return Ok(Named { kind: allow(Kind::Host)?, name });
    }
    let (kind, name) = word.split_once('/').unwrap_or((word, ""));
    if name.contains('/') {
        return Err(TargetError::TwoSlashes { word: word.to_owned() });
    }
    if name.is_empty() {
        return Err(TargetError::NoName { word: word.to_owned() });
    }
    let kind =
        Kind::from_type_word(kind).ok_or_else(|| TargetError::UnknownType { word: kind.to_owned(), types: types() })?;
    named(allow(kind)?, name)
}

/// A host is compared in lower case and without the dot at its end.
fn named(kind: Kind, name: &str) -> Result<Named, TargetError> {
    if kind != Kind::Host {
        return Ok(Named { kind, name: name.to_owned() });
    }
    let host = host::normal(name).ok_or_else(|| TargetError::NoHost { word: name.to_owned() })?;
    Ok(Named { kind, name: host })
}

/// The words that name Certificates without saying so, if that is how the arguments are to be read.
pub fn bare(words: &[String]) -> &[String] {
    let is_bare = words.iter().all(|word| !word.contains('/'))
        && words.first().is_some_and(|first| !first.contains(',') && Kind::from_type_word(first).is_none());
    if is_bare { words } else { &[] }
}

/// The kinds of `TYPE` or `TYPE,TYPE`; `None` for a word that is no type. No name has a comma in it.
fn kinds(word: &str, types: impl Fn() -> String) -> Result<Option<Vec<Kind>>, TargetError> {
    if !word.contains(',') {
        return Ok(Kind::from_type_word(word).map(|kind| vec![kind]));
    }
    let mut kinds = Vec::new();
    for part in word.split(',').filter(|part| !part.is_empty()) {
        let unknown = || TargetError::UnknownType { word: part.to_owned(), types: types() };
        let kind = Kind::from_type_word(part).ok_or_else(unknown)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(Some(kinds).filter(|kinds| !kinds.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Vec<(Kind, String)>, TargetError> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let targets = parse(&words, &DIAGNOSABLE)?;
        Ok(targets.named().iter().map(|named| (named.kind, named.name.clone())).collect())
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
        assert_eq!(read(&["cert/order", "cert/cert"]), Ok(vec![cert("order"), cert("cert")]));
        assert_eq!(read(&["cert", "order"]), Ok(vec![cert("order")]));
        assert_eq!(read(&["cr,order", "a"]).unwrap()[1], (Kind::Order, "a".into()));
    }

    #[test]
    fn a_host_is_a_url_or_has_its_type_before_it() {
        let host = |name: &str| Ok(vec![(Kind::Host, name.to_owned())]);
        assert_eq!(read(&["https://App.example.com:8443/login?x=/y"]), host("app.example.com"));
        assert_eq!(read(&["host/app.example.com."]), host("app.example.com"));
        assert_eq!(read(&["host", "app.example.com"]), host("app.example.com"));
        assert_eq!(read(&["app.example.com"]), Ok(vec![(Kind::Certificate, "app.example.com".into())]));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(bare(&words(&["app.example.com", "web"])).len(), 2);
        for typed in [&["cert", "app.example.com"][..], &["cert/app.example.com"], &["cr,order", "a"], &[]] {
            assert_eq!(bare(&words(typed)).len(), 0, "{typed:?}");
        }
    }

    #[test]
    fn a_type_alone_is_all_of_it() {
        let parse = |words: &[&str], allowed: &[Kind]| {
            parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), allowed)
        };
        assert_eq!(parse(&[], &DIAGNOSABLE), Ok(Targets::Everything));
        for (word, kinds) in [
            ("certificate", vec![Kind::Certificate]),
            ("Orders", vec![Kind::Order]),
            ("cr,orders,order,", vec![Kind::CertificateRequest, Kind::Order]),
        ] {
            assert_eq!(parse(&[word], &DIAGNOSABLE), Ok(Targets::OfKinds(kinds)), "{word}");
        }
        let service = Kind::Service;
        assert!(
            matches!(parse(&["services"], &DIAGNOSABLE), Err(TargetError::TypeAlone { kind, .. }) if kind == service)
        );
        assert!(
            matches!(parse(&["order,svc"], &DIAGNOSABLE), Err(TargetError::NotATarget { kind, .. }) if kind == service)
        );
        assert!(matches!(parse(&["hosts"], &DIAGNOSABLE), Err(TargetError::NoName { .. })));
        assert!(matches!(parse(&["order"], &[Kind::Certificate]), Err(TargetError::TypeAlone { .. })));
        assert!(matches!(parse(&["cert,what"], &DIAGNOSABLE), Err(TargetError::UnknownType { .. })));
        assert!(matches!(parse(&[","], &DIAGNOSABLE), Ok(Targets::Named(_))));
    }

    #[test]
    fn wrong_forms_are_refused_with_the_reason() {
        assert!(matches!(read(&["cert", "cert/web"]), Err(TargetError::Mixed)));
        assert!(matches!(read(&["cert/a/b"]), Err(TargetError::TwoSlashes { .. })));
        assert!(matches!(read(&["cert/"]), Err(TargetError::NoName { .. })));
        assert!(matches!(read(&["certificat/web"]), Err(TargetError::UnknownType { .. })));
        assert!(matches!(read(&["https:///path"]), Err(TargetError::NoHost { .. })));
        assert!(matches!(read(&["svc/web"]), Err(TargetError::NotATarget { .. })));
    }
}
