//! What a stored CA and certificate need over their life.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

use rstest::rstest;
use sluice_certs::authority;
use sluice_certs::ca_bundle::BundleState;
use sluice_certs::pem;
use sluice_certs::plan::{self, Plan, READ_WITHIN, SETTLE, Seen, Stored, carry_out, fresh};
use time::{Duration, OffsetDateTime};

fn names() -> Vec<String> {
    vec!["w.n.svc".to_owned()]
}

fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

/// The plan, where the webhook configurations have stood so for long.
fn plan(stored: &Stored, names: &[String], bundles: &[BundleState], now: OffsetDateTime) -> Plan {
    let mut seen = Seen::default();
    seen.note(bundles, now - READ_WITHIN);
    plan::plan(stored, names, bundles, &seen, now)
}

/// The plan in a word.
fn word(plan: &Plan) -> &'static str {
    match plan {
        Plan::Keep => "keep",
        Plan::Hold { .. } => "hold",
        Plan::Mend { doubt: None, .. } => "mend",
        Plan::Mend { .. } => "wait",
        Plan::Sign(_) => "sign",
        Plan::Announce(_) => "announce",
        Plan::Replace(_) => "replace",
    }
}

#[rstest]
#[case::new(0, "keep")]
#[case::two_thirds(19, "keep")]
#[case::last_third(21, "sign")]
#[case::ended(31, "sign")]
#[case::stood_still_for_long(300, "sign")]
#[case::ca_ended(366, "replace")]
#[case::clock_before_the_start(-2, "keep")]
fn over_time(#[case] days: i64, #[case] expected: &str) {
    let stored = fresh(&names(), start()).unwrap();
    assert_eq!(
        word(&plan(&stored, &names(), &[], start() + Duration::days(days))),
        expected
    );
}

/// Checks what the API server does: a certificate of one of the CAs that it trusts, in its time.
fn trusted(stored: &Stored, bundle: &str, now: OffsetDateTime) -> bool {
    let cas = pem::certificates(bundle.as_bytes(), "ca").unwrap();
    let chain = pem::certificates(stored.serving.certificate.as_bytes(), "leaf").unwrap();
    let (from, to) = pem::validity(&chain[0]).unwrap();
    (from..=to).contains(&now)
        && cas.iter().any(|ca| {
            pem::is_signed_by(&chain[0], ca) && pem::validity(ca).is_ok_and(|(from, to)| (from..=to).contains(&now))
        })
}

#[test]
fn for_years_there_is_always_a_certificate_that_the_previous_bundle_trusts_too() {
    let mut now = start();
    let mut stored = fresh(&names(), now).unwrap();
    let mut signed = 0;
    let mut announced = 0;
    for _ in 0..300 {
        now += Duration::days(5);
        let before = stored.clone();
        // Two looks, SETTLE apart, as a new CA signs only after it has settled.
        for pause in [Duration::ZERO, SETTLE] {
            let at = now + pause;
            let plan = plan(&stored, &names(), &[], at);
            match plan {
                Plan::Sign(_) => signed += 1,
                Plan::Announce(_) => announced += 1,
                Plan::Keep | Plan::Hold { .. } => {}
                Plan::Mend { why, .. } => panic!("day {now}: {why}"),
                Plan::Replace(why) => panic!("day {now}: {why}"),
            }
            if let Some(next) = carry_out(&plan, &stored, &names(), at).unwrap() {
                stored = next;
            }
            assert!(trusted(&stored, &stored.ca_bundle, at), "{now}");
            if !matches!(plan, Plan::Sign(_)) {
                assert!(
                    trusted(&stored, &before.ca_bundle, at),
                    "{now}: replicas that have not read it yet"
                );
            }
        }
        let cas = pem::certificates(stored.ca_bundle.as_bytes(), "ca").unwrap();
        assert!(
            cas.len() <= 2,
            "predecessors that ended are dropped, there are {}",
            cas.len()
        );
    }
    assert!((60..=90).contains(&signed), "{signed} certificates in 1500 days");
    assert!((5..=7).contains(&announced), "{announced} CAs in 1500 days");
}

#[test]
fn a_new_ca_signs_nothing_until_it_has_settled() {
    let stored = fresh(&names(), start()).unwrap();
    let at = start() + Duration::days(250);
    // Renewed in time until then.
    let stored = carry_out(&Plan::Sign("test"), &stored, &names(), at - Duration::days(25))
        .unwrap()
        .unwrap();
    let first = plan(&stored, &names(), &[], at);
    assert_eq!(word(&first), "announce");
    let announced = carry_out(&first, &stored, &names(), at).unwrap().unwrap();
    assert_eq!(
        announced.serving, stored.serving,
        "still the certificate that everybody trusts"
    );
    assert!(
        announced.ca_bundle.contains(stored.ca_bundle.trim()),
        "the old CA is trusted on"
    );
    assert_eq!(
        word(&plan(&announced, &names(), &[], at + SETTLE - Duration::SECOND)),
        "keep"
    );
    assert_eq!(word(&plan(&announced, &names(), &[], at + SETTLE)), "sign");
}

/// A CA in its last third that is announced, with a certificate of its predecessor that is due, `SETTLE` after the
/// announcement; and the bundle of before.
fn announced() -> (Stored, String, OffsetDateTime) {
    let stored = fresh(&names(), start()).unwrap();
    let at = start() + Duration::days(250);
    let stored = carry_out(&Plan::Sign("test"), &stored, &names(), at - Duration::days(25))
        .unwrap()
        .unwrap();
    let announced = carry_out(&Plan::Announce("test"), &stored, &names(), at)
        .unwrap()
        .unwrap();
    (announced, stored.ca_bundle, at + SETTLE)
}

fn in_place(bundle: &str) -> BundleState {
    BundleState::InPlace(bundle.as_bytes().into())
}

fn refused(present: &[&str]) -> BundleState {
    BundleState::Failed {
        reason: "refused".to_owned(),
        present: present.iter().map(|bundle| bundle.as_bytes().to_vec()).collect(),
    }
}

type Standing = fn(old: &str, new: &str) -> [BundleState; 2];

#[rstest]
#[case::both_hold_it(|_: &str, new: &str| [in_place(new), in_place(new)], "sign")]
#[case::not_looked_at(|_: &str, new: &str| [BundleState::Unknown, in_place(new)], "keep")]
#[case::one_not_looked_at_and_one_lacks_it(|old: &str, _: &str| [in_place(old), BundleState::Unknown], "hold")]
#[case::one_has_only_the_old_one(|old: &str, new: &str| [in_place(new), in_place(old)], "hold")]
#[case::refused(|old: &str, new: &str| [in_place(new), refused(&[old, old])], "hold")]
#[case::one_webhook_of_two_lacks_it(|old: &str, new: &str| [in_place(new), refused(&[new, old])], "hold")]
#[case::blank(|_: &str, new: &str| [in_place(new), refused(&[""])], "hold")]
#[case::cannot_be_looked_at(|_: &str, new: &str| [in_place(new), refused(&[])], "hold")]
#[case::refused_but_it_stands_there(|_: &str, new: &str| [in_place(new), refused(&[new])], "sign")]
#[case::nobody_calls(|_: &str, _: &str| [BundleState::Missing, BundleState::Missing], "sign")]
fn a_new_ca_signs_only_when_both_configurations_hold_it(#[case] standing: Standing, #[case] expected: &str) {
    let (stored, old, now) = announced();
    let bundles = standing(&old, &stored.ca_bundle);
    assert_eq!(word(&plan(&stored, &names(), &bundles, now)), expected);
}

#[test]
fn a_clock_that_jumps_ahead_does_not_make_an_unseen_ca_sign() {
    let (stored, old, now) = announced();
    for jump in [Duration::ZERO, Duration::hours(1), Duration::days(4)] {
        let unseen = plan(&stored, &names(), &[in_place(&old), in_place(&old)], now + jump);
        assert_eq!(word(&unseen), "hold", "{jump}");
        assert_eq!(carry_out(&unseen, &stored, &names(), now + jump).unwrap(), None);
        let seen = [in_place(&stored.ca_bundle), in_place(&stored.ca_bundle)];
        assert_eq!(word(&plan(&stored, &names(), &seen, now + jump)), "sign", "{jump}");
    }
    // Set back, it has not settled.
    let back = plan(
        &stored,
        &names(),
        &[in_place(&stored.ca_bundle)],
        now - Duration::minutes(1),
    );
    assert_eq!(back, Plan::Keep);
}

#[test]
fn a_new_ca_signs_only_what_api_servers_can_have_read() {
    let (stored, _, now) = announced();
    let bundles = [in_place(&stored.ca_bundle), in_place(&stored.ca_bundle)];
    let mut seen = Seen::default();
    assert_eq!(word(&plan::plan(&stored, &names(), &bundles, &seen, now)), "hold");
    seen.note(&bundles, now);
    for (later, expected) in [(READ_WITHIN - Duration::SECOND, "hold"), (READ_WITHIN, "sign")] {
        let plan = plan::plan(&stored, &names(), &bundles, &seen, now + later);
        assert_eq!(word(&plan), expected, "{plan:?}");
    }
}

#[test]
fn the_old_certificate_is_served_until_its_very_end() {
    let (stored, old, now) = announced();
    let unwritable = [refused(&[&old]), refused(&[&old])];
    let Plan::Hold { reason, ends } = plan(&stored, &names(), &unwritable, now) else {
        panic!("not held back");
    };
    assert_eq!(reason, "not every caBundle holds it: refused");
    let last = plan(&stored, &names(), &unwritable, ends - Duration::SECOND);
    assert_eq!(word(&last), "hold");
    // Nobody trusts it any more; who mends the caBundle by hand finds a certificate that is valid.
    assert_eq!(word(&plan(&stored, &names(), &unwritable, ends)), "sign");
}

#[test]
fn a_renewal_by_the_same_ca_waits_for_nothing() {
    let stored = fresh(&names(), start()).unwrap();
    let due = start() + Duration::days(21);
    assert_eq!(
        word(&plan(&stored, &names(), &[BundleState::Unknown, refused(&[])], due)),
        "sign"
    );
}

type Damage = fn(&mut Stored, &Stored);

const FOREIGN_KEY: Damage = |stored, other| stored.serving.key.clone_from(&other.serving.key);
const FOREIGN_CERTIFICATE: Damage = |stored, other| stored.serving = other.serving.clone();
const NO_CERTIFICATE: Damage = |stored, _| stored.serving.certificate.clear();
const NO_KEY: Damage = |stored, _| "garbage".clone_into(&mut stored.serving.key);
const NEITHER: Damage = |stored, other| {
    NO_CERTIFICATE(stored, other);
    NO_KEY(stored, other);
};
const FOREIGN_CA_KEY: Damage = |stored, other| stored.ca_key = other.ca_key.clone();
const FOREIGN_CA: Damage = |stored, other| stored.ca_bundle.clone_from(&other.ca_bundle);
const NO_CA: Damage = |stored, _| "nothing".clone_into(&mut stored.ca_bundle);

#[rstest]
#[case::foreign_key(FOREIGN_KEY, "mend")]
#[case::foreign_certificate(FOREIGN_CERTIFICATE, "mend")]
#[case::no_certificate(NO_CERTIFICATE, "mend")]
#[case::no_key(NO_KEY, "mend")]
#[case::neither(NEITHER, "mend")]
#[case::foreign_ca_key(FOREIGN_CA_KEY, "replace")]
#[case::foreign_ca(FOREIGN_CA, "replace")]
#[case::no_ca(NO_CA, "replace")]
fn damage_is_healed(#[case] damage: Damage, #[case] expected: &str) {
    let mut stored = fresh(&names(), start()).unwrap();
    damage(&mut stored, &fresh(&names(), start()).unwrap());
    let decided = plan(&stored, &names(), &[], start());
    assert_eq!(word(&decided), expected);
    let healed = carry_out(&decided, &stored, &names(), start()).unwrap().unwrap();
    assert_eq!(plan(&healed, &names(), &[], start()), Plan::Keep);
    assert!(trusted(&healed, &healed.ca_bundle, start()));
}

#[rstest]
#[case::foreign_key(FOREIGN_KEY)]
#[case::foreign_certificate(FOREIGN_CERTIFICATE)]
#[case::no_certificate(NO_CERTIFICATE)]
#[case::no_key(NO_KEY)]
#[case::neither(NEITHER)]
fn a_ca_that_is_not_announced_heals_nothing(#[case] damage: Damage) {
    let (mut stored, old, now) = announced();
    damage(&mut stored, &fresh(&names(), start()).unwrap());
    for unseen in [
        [in_place(&old), in_place(&stored.ca_bundle)],
        [in_place(&stored.ca_bundle), refused(&[&old])],
        [BundleState::Unknown, BundleState::Unknown],
    ] {
        let decided = plan(&stored, &names(), &unseen, now);
        assert_eq!(word(&decided), "wait");
        assert_eq!(carry_out(&decided, &stored, &names(), now).unwrap(), None);
    }
    let seen = [in_place(&stored.ca_bundle), in_place(&stored.ca_bundle)];
    let decided = plan(&stored, &names(), &seen, now);
    let healed = carry_out(&decided, &stored, &names(), now).unwrap().unwrap();
    assert!(trusted(&healed, &stored.ca_bundle, now));
}

#[test]
fn other_names_need_another_certificate_and_fewer_do_not() {
    let service = authority::service_names("w", "n");
    let stored = fresh(&service, start()).unwrap();
    assert_eq!(word(&plan(&stored, &service[..1], &[], start())), "keep");
    assert_eq!(word(&plan(&stored, &["x.n.svc".to_owned()], &[], start())), "mend");
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let text = format!("{:?}", fresh(&names(), start()).unwrap());
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}
