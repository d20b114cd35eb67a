//! The commands that findings offer: those of this program must exist.

use kubectl_cert::cli;
use kubectl_cert::finding::PROGRAM;

use super::cases::Case;

#[test]
fn every_command_of_ours_that_is_offered_can_be_parsed() {
    let (mut parsed, mut wrong) = (0, Vec::new());
    for case in Case::all() {
        let report = case.judge(case.objects.clone());
        for finding in report.findings.iter().chain(&report.folded) {
            let commands = finding.fixes.iter().filter_map(|fix| fix.command.as_deref());
            for command in commands.flat_map(|command| command.split("&&").map(str::trim)) {
                let Some(rest) = command.strip_prefix(PROGRAM) else { continue };
                assert!(!rest.contains(['\'', '"', '|', ';', '<', '>']), "{command}: words are split at spaces here");
                let words = std::iter::once("kubectl cert").chain(rest.split_whitespace());
                parsed += 1;
                if let Err(error) = cli::command("kubectl cert").try_get_matches_from(words) {
                    wrong.push(format!("{}: {}: {command}: {error}", case.name, finding.rule.id));
                }
            }
        }
    }
    assert!(parsed > 0, "no finding offers a command of ours");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
