//! From a report to bytes.
//!
//! Every function here turns a finished value and a [`Style`] into text. None fetches, judges, prints or looks at
//! the terminal; only this module knows colours and tables.

pub mod budget;
pub mod changes;
pub mod dry_run;
pub mod escape;
pub mod failure;
pub mod forecast;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod probe;
pub mod prose;
pub mod question;
pub mod rules;
pub mod status;
pub mod style;
pub mod table;
pub mod text;
pub mod tree;
pub mod warning;
pub mod yaml;

pub use style::Style;
