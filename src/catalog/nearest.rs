//! "Did you mean": the names that are a slip of the finger away.

/// Returns up to three of `names` that are close to `asked`, the closest first. Letter case does not count.
pub fn nearest<'a>(asked: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A long text is no slip, and comparing it would take time that a caller chooses.
    const LONGEST: usize = 128;
    let asked: Vec<char> = asked.to_lowercase().chars().take(LONGEST + 1).collect();
    if asked.is_empty() || asked.len() > LONGEST {
        return Vec::new();
    }
    let mut close: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let letters: Vec<char> = name.to_lowercase().chars().collect();
            let allowed = (asked.len().max(letters.len()) / 3).max(1);
            let begins = asked.len() >= 3 && letters.starts_with(&asked);
            if asked.len().abs_diff(letters.len()) > allowed && !begins {
                return None;
            }
            let far = distance(&asked, &letters);
            (far <= allowed || begins).then_some((far, name))
        })
        .collect();
    close.sort();
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Counts the letters to insert, delete, change or swap with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, right) in b.iter().enumerate() {
            let change = last[j] + usize::from(left != right);
            row[j + 1] = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["models", "model", "targets", "claude-sonnet"];

        assert_eq!(nearest("modles", names), ["models", "model"]);
        assert_eq!(nearest("Claude-Sonet", names), ["claude-sonnet"]);
        assert_eq!(nearest("tar", names), ["targets"]);
        assert!(nearest("budget", names).is_empty());
        assert!(nearest("", names).is_empty());
    }
}
