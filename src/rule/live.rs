//! What probes met. The CA's verdict and cert-manager's own check outrank them: the rules that go by those explain
//! these.
//!
//! A probe sees from one place, and every finding says from which. Where nothing was asked, or the answer proves
//! nothing, the rules withhold judgement and say what would close the gap.

pub(super) mod http01;
pub(super) mod tls;

use super::{Gap, Withheld};
use crate::probe::reading::Verdict;

/// What came back, if it proves anything; else why it does not. `open` is the first thing that stays unknown.
fn proving<T>(seen: Vec<T>, open: Option<Gap>, verdict: impl Fn(&T) -> Verdict) -> Result<Vec<T>, Withheld> {
    match open {
        Some(gap) if seen.iter().all(|one| verdict(one) == Verdict::Inconclusive) => Err(Withheld::Undetermined(gap)),
        None if seen.is_empty() => Err(Withheld::NotApplicable),
        Some(_) | None => Ok(seen),
    }
}

/// The rules that a rule of the family HTTP-01 explains, and with them the ones about HTTP-01 here.
macro_rules! and_http01_probes {
    ($($id:literal),* $(,)?) => {
        &[
            $($id,)*
            "http01-probe-name",
            "http01-probe-connection",
            "http01-probe-no-http",
            "http01-probe-redirect",
            "http01-probe-answer",
            "http01-probe-addresses-differ",
            "http01-probe-one-address",
            "http01-probe-catch-all",
        ]
    };
}
pub(super) use and_http01_probes;
