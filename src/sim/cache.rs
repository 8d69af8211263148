//! The prompt cache of a provider: per model and credential, by whole prefixes, with a least size and a short life.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::prompt::{Boundary, Life, Prompt};
use crate::domain::clock::{Timestamp, mix};
use crate::domain::tokens::{TokenCount, Usage};

/// No shorter prefix is cached.
const LEAST: u64 = 1_024;
/// Beyond this many entries the expired ones are thrown out, and if that does not help, all.
const MOST: usize = 200_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    until: Timestamp,
    life: Life,
}

/// What is cached, for all models and credentials.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<u64, Entry>>);

impl Cache {
    /// Books a prompt at a target that caches by itself (the OpenAI kinds).
    pub(super) fn automatic(&self, scope: u64, prompt: &Prompt, now: Timestamp) -> Split {
        if prompt.tokens() < LEAST {
            return Split::default();
        }
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&mut entries, scope, &prompt.boundaries, now);
        for boundary in &prompt.boundaries {
            write(&mut entries, scope, boundary, Life::Short, now);
        }
        let short = prompt.tokens().saturating_sub(read);
        Split {
            read,
            short,
            long: 0,
        }
    }

    /// Books a prompt at a target that caches what the caller marks (the Anthropic kind).
    pub(super) fn explicit(&self, scope: u64, prompt: &Prompt, now: Timestamp) -> Split {
        let Some(last) = prompt.boundaries.iter().rposition(|b| b.mark.is_some()) else {
            return Split::default();
        };
        let reach = &prompt.boundaries[..=last];
        if reach[last].tokens < LEAST {
            return Split::default();
        }
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&mut entries, scope, reach, now);
        let mut long = read;
        for boundary in reach {
            let Some(life) = boundary.mark else { continue };
            write(&mut entries, scope, boundary, life, now);
            if life == Life::Long {
                long = long.max(boundary.tokens);
            }
        }
        let short = reach[last].tokens.saturating_sub(long);
        Split {
            read,
            short,
            long: long - read,
        }
    }
}

/// The longest live prefix, in tokens; using it renews it.
fn read(entries: &mut HashMap<u64, Entry>, scope: u64, reach: &[Boundary], now: Timestamp) -> u64 {
    for boundary in reach.iter().rev().filter(|b| b.tokens >= LEAST) {
        if let Some(entry) = entries.get_mut(&mix(scope ^ boundary.key))
            && entry.until > now
        {
            entry.until = now.plus_millis(entry.life.millis());
            return boundary.tokens;
        }
    }
    0
}

fn write(
    entries: &mut HashMap<u64, Entry>,
    scope: u64,
    boundary: &Boundary,
    life: Life,
    now: Timestamp,
) {
    if boundary.tokens < LEAST {
        return;
    }
    if entries.len() >= MOST {
        entries.retain(|_, entry| entry.until > now);
        if entries.len() >= MOST {
            entries.clear();
        }
    }
    let until = now.plus_millis(life.millis());
    entries.insert(mix(scope ^ boundary.key), Entry { until, life });
}

/// The cached parts of a prompt, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) read: u64,
    pub(super) short: u64,
    pub(super) long: u64,
}

impl Split {
    /// The prompt in its classes; no output yet.
    pub(super) fn usage(self, prompt: u64) -> Usage {
        let cached = self.read + self.short + self.long;
        Usage {
            input: TokenCount(prompt.saturating_sub(cached)),
            cache_read: TokenCount(self.read),
            cache_write_short: TokenCount(self.short),
            cache_write_long: TokenCount(self.long),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(units: &[(usize, Option<Life>)]) -> Prompt {
        let mut prompt = Prompt::default();
        for (at, (tokens, mark)) in units.iter().enumerate() {
            prompt.feed(&vec![b'a' + u8::try_from(at).expect("few"); tokens * 4]);
            prompt.close(*mark);
        }
        prompt
    }

    #[test]
    fn a_second_turn_reads_what_the_first_wrote_until_it_expires() {
        let cache = Cache::default();
        let start = Timestamp::from_millis(0);
        let (first, second) = (
            prompt(&[(1_500, None)]),
            prompt(&[(1_500, None), (100, None)]),
        );

        let cold = cache.automatic(7, &first, start);
        let warm = cache.automatic(7, &second, start.plus_millis(299_999));
        let other = cache.automatic(8, &second, start);
        let late = cache.automatic(7, &first, start.plus_millis(900_000));

        assert_eq!((cold.read, cold.short), (0, 1_500));
        assert_eq!((warm.read, warm.short), (1_500, 100));
        assert_eq!((other.read, late.read), (0, 0));
    }

    #[test]
    fn a_small_prompt_is_not_cached() {
        let cache = Cache::default();
        let small = prompt(&[(1_000, Some(Life::Short))]);

        for _ in 0..2 {
            let now = Timestamp::from_millis(0);
            assert_eq!(cache.automatic(1, &small, now), Split::default());
            assert_eq!(cache.explicit(1, &small, now), Split::default());
        }
    }

    #[test]
    fn marks_split_what_is_written_by_life() {
        let cache = Cache::default();
        let now = Timestamp::from_millis(0);
        let marked = prompt(&[
            (2_000, Some(Life::Long)),
            (500, Some(Life::Short)),
            (10, None),
        ]);

        let cold = cache.explicit(1, &marked, now);
        let warm = cache.explicit(1, &marked, now);
        let late = cache.explicit(1, &marked, now.plus_millis(400_000));

        assert_eq!(
            cold,
            Split {
                read: 0,
                short: 500,
                long: 2_000
            }
        );
        assert_eq!(
            warm,
            Split {
                read: 2_500,
                short: 0,
                long: 0
            }
        );
        assert_eq!(
            late,
            Split {
                read: 2_000,
                short: 500,
                long: 0
            }
        );
        assert_eq!(cold.usage(2_510).input, TokenCount(10));
    }
}
