//! Whether time alone can mend a fault: what a rule knows of the tries to come.
//!
//! A rule has one, and a finding may have another where it depends on the case. Joins nothing: the report does.

use jiff::Timestamp;

/// What cert-manager's own next steps come to while the fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// They end the same way until somebody mends the cause; then they go on by themselves.
    UntilMended,
    /// There are none: cert-manager takes no further step by itself before somebody acts.
    Halted,
    /// The CA refuses every one before this time.
    NotBefore(Timestamp),
    /// One of them may succeed without anybody doing anything: such trouble passes.
    ByItself,
    /// The fault stands in the way of none of them.
    Unhindered,
    /// Nothing that was looked at tells.
    Unknown,
}
