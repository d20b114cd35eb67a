//! Where two texts differ.

/// How many equal lines are shown around a difference.
const AROUND: usize = 2;

/// The lines that only `old` (`-`) or only `new` (`+`) has, with some around them.
pub fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let marked = marked(&old, &new);
    let is_near = |index: usize| {
        let range = index.saturating_sub(AROUND)..marked.len().min(index + AROUND + 1);
        marked[range].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut text = String::new();
    let mut skipped = false;
    for (index, (mark, line)) in marked.iter().enumerate() {
        if is_near(index) {
            text += &format!("{}{mark} {line}\n", if skipped { "  …\n" } else { "" });
        }
        skipped = !is_near(index);
    }
    text
}

/// All lines of both, those in both once: a longest common subsequence.
fn marked<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    // The length of the longest one from each pair of positions on.
    let mut longest = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            longest[one][other] = if old[one] == new[other] {
                longest[one + 1][other + 1] + 1
            } else {
                longest[one + 1][other].max(longest[one][other + 1])
            };
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut marked = Vec::new();
    while one < old.len() || other < new.len() {
        if one < old.len() && other < new.len() && old[one] == new[other] {
            marked.push((' ', old[one]));
            (one, other) = (one + 1, other + 1);
        } else if other == new.len() || (one < old.len() && longest[one + 1][other] >= longest[one][other + 1]) {
            marked.push(('-', old[one]));
            one += 1;
        } else {
            marked.push(('+', new[other]));
            other += 1;
        }
    }
    marked
}
