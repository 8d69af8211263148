//! A stream may be cut anywhere on its way.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cutting_anywhere_makes_no_difference(
        target in prop::sample::select(&TARGETS[..]),
        caller in prop::sample::select(&CALLERS[..]),
        scene in prop::sample::select(&SCENES[..]),
        cuts in prop::collection::vec(0usize..8_000, 0..40),
    ) {
        let whole = said(target, scene);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| whole.slice(pair[0]..pair[1])).collect();

        let asked = asked(caller);
        prop_assert_eq!(translated(target, &asked, &pieces), translated(target, &asked, &[whole]));
    }
}

#[test]
fn a_byte_at_a_time_makes_no_difference() {
    for (target, caller) in TARGETS
        .into_iter()
        .flat_map(|it| CALLERS.map(|to| (it, to)))
    {
        let whole = said(target, "agent");
        let bytes: Vec<_> = (0..whole.len()).map(|at| whole.slice(at..=at)).collect();

        let asked = asked(caller);
        assert_eq!(
            translated(target, &asked, &bytes),
            translated(target, &asked, &[whole])
        );
    }
}
