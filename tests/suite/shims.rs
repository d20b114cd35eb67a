//! The shims against what the real controllers were seen to do: `tests/real/shims.rs` records it.

use crate::differential::corpus::Group;
use crate::differential::play::play;

#[test]
fn the_shims_do_what_the_real_controllers_did() {
    let mut wrong = Vec::new();
    for group in Group::all() {
        for case in &group.cases {
            let expect = case.expect.as_ref().unwrap_or_else(|| panic!("{} was never recorded", case.path()));
            for (step, (ours, theirs)) in play(&group, case).iter().zip(expect).enumerate() {
                if ours != theirs {
                    let [ours, theirs] = [ours, theirs].map(|seen| serde_saphyr::to_string(seen).unwrap());
                    wrong.push(format!("{}, step {}\nours:\n{ours}theirs:\n{theirs}", case.path(), step + 1));
                }
            }
            assert_eq!(expect.len(), case.steps.len(), "{}", case.path());
        }
    }
    assert!(wrong.is_empty(), "{} steps differ:\n{}", wrong.len(), wrong.join("\n"));
}
