//! Whom the table has of a family of models. Makers bring out new ones faster than anybody tries them in public: one that the
//! table does not have is taken for the nearest of its family that it has, and less is claimed of it.

/// What the names of a family contain, all of it, and the table's name of a member. The first that fits counts: small members
/// stand before large ones.
const FAMILIES: &[(&[&str], &str)] = &[
    (&["gpt-", "nano"], "GPT-4O-mini-2024-07-18"),
    (&["gpt-", "mini"], "O4-Mini (Medium)"),
    (&["gpt-", "luna"], "O4-Mini (Medium)"),
    (&["gpt-4"], "GPT-4O-2024-08-06"),
    (&["gpt-3"], "GPT-3.5-Turbo-0613"),
    (&["gpt-oss"], "O3-Mini-2025-01-31 (Low)"),
    (&["gpt-"], "crb:GPT-5.4"),
    (&["o4-mini"], "O4-Mini (Medium)"),
    (&["o3-mini"], "O3-Mini-2025-01-31 (Med)"),
    (&["claude", "haiku"], "Claude-3.7-Sonnet (Thinking)"),
    (&["claude", "sonnet"], "crb:Claude Sonnet 4.6"),
    (&["claude"], "crb:Claude Opus 4.6"),
    (&["gemini", "flash-lite"], "Gemini-Flash-2.0-Thinking"),
    (&["gemini", "flash"], "Gemini-2.5-Flash-Preview"),
    (&["gemini"], "Gemini-2.5-Pro"),
    (&["deepseek"], "DeepSeek-V3"),
    (&["qwen", "max"], "crb:Qwen3-Max"),
    (&["qwen", "plus"], "crb:Qwen3.5-Plus"),
    (&["qwen"], "DeepSeek-V3"),
    (&["kimi"], "crb:Kimi-K2.5"),
    (&["glm"], "crb:GLM-5"),
    (&["minimax"], "crb:MiniMax-M2.7"),
    (&["grok"], "Grok-3-Mini (High)"),
    (&["codestral"], "Codestral-Latest"),
    (&["devstral"], "DeepSeek-V3"),
    (&["mistral", "large"], "DeepSeek-V3"),
    (&["mistral"], "Mistral-Large"),
];

/// The table's name of a member of the family that a model's name tells.
pub(super) fn member(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let fits = |(parts, _): &&(&[&str], &str)| parts.iter().all(|part| name.contains(part));
    FAMILIES.iter().find(fits).map(|(_, member)| *member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::{abilities, artifact};

    #[test]
    fn every_member_is_in_the_table_that_ships() {
        let table = abilities::shipped();
        for (parts, member) in FAMILIES {
            assert!(table.knows(member), "{parts:?}: {member}");
        }
        assert!(artifact::embedded().is_ok());
    }

    #[test]
    fn small_members_are_not_taken_for_large_ones() {
        assert_eq!(member("gpt-5.4-mini"), Some("O4-Mini (Medium)"));
        assert_eq!(member("Claude-Opus-5-5"), Some("crb:Claude Opus 4.6"));
        assert_eq!(member("base1"), None);
    }
}
