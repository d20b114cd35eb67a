//! Whole issuances on the engine against what the real controllers were seen to do: `tests/real/issuance.rs` records it.

use crate::differential::diff::lines;
use crate::differential::issuance::corpus::Group;
use crate::differential::issuance::play::play;

#[test]
fn the_engine_does_what_the_real_controllers_did() {
    let mut wrong = Vec::new();
    for group in Group::all() {
        for case in &group.cases {
            let expect = case.expect.as_ref().unwrap_or_else(|| panic!("{} was never recorded", case.path()));
            let ours = play(&group, case).unwrap_or_else(|| panic!("{} does not come to rest", case.path()));
            for (step, (ours, theirs)) in ours.iter().zip(expect).enumerate() {
                if ours != theirs {
                    let [ours, theirs] = [ours, theirs].map(|seen| serde_saphyr::to_string(seen).unwrap());
                    wrong.push(format!(
                        "{}, step {}: real -, ours +\n{}",
                        case.path(),
                        step + 1,
                        lines(&theirs, &ours)
                    ));
                }
            }
            assert_eq!(expect.len(), case.steps.len(), "{}", case.path());
        }
    }
    assert!(wrong.is_empty(), "{} steps differ:\n{}", wrong.len(), wrong.join("\n"));
}
