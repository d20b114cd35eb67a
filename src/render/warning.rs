//! Warnings of the API server.

use std::io::Write;

use super::escape;

/// `Warning: ...` on standard error, as kubectl prints it.
pub fn print(text: &str) {
    // Where standard error is closed there is nobody to warn.
    let _ = writeln!(std::io::stderr(), "Warning: {}", escape::line(text));
}
