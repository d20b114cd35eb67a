//! Words of the API as enums that keep words they do not know.
//!
//! Nothing else in the program compares such strings.

/// Declares an enum of known words plus `Unknown(String)`.
macro_rules! word {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name {
                $($(#[$variant_meta])* $variant,)+
                /// A word that this program does not know.
                Unknown(String),
            }

            impl $name {
                /// The word as the API writes it.
                pub fn as_str(&self) -> &str {
                    match self {
                        $(Self::$variant => $text,)+
                        Self::Unknown(word) => word,
                    }
                }
            }

            impl From<&str> for $name {
                fn from(word: &str) -> Self {
                    match word {
                        $($text => Self::$variant,)+
                        _ => Self::Unknown(word.to_owned()),
                    }
                }
            }

            impl Default for $name {
                /// The empty word, which is no known one.
                fn default() -> Self {
                    Self::Unknown(String::new())
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(self.as_str())
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Ok(Self::from(String::deserialize(deserializer)?.as_str()))
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }

            impl crate::api::wire::Wire for $name {
                fn is_nothing(&self) -> bool {
                    self.as_str().is_empty()
                }
            }
        )+
    };
}
pub(super) use word;

#[cfg(test)]
mod tests {
    use crate::api::AcmeState;

    #[test]
    fn unknown_words_are_kept() {
        let state: AcmeState = serde_json::from_str("\"deactivated\"").unwrap();
        assert_eq!(state, AcmeState::Unknown("deactivated".into()));
        assert_eq!(serde_json::to_string(&state).unwrap(), "\"deactivated\"");
        assert_eq!(AcmeState::from("valid"), AcmeState::Valid);
        assert_eq!(AcmeState::Valid.to_string(), "valid");
    }
}
