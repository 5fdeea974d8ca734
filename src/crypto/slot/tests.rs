use super::*;
use proptest::prelude::*;

const REPO: ShortId = ShortId::new([9; 16]);
const CHEAP: KdfCost = KdfCost { t: 1, m_kib: 64, p: 4 };
const KEY_FILE: Secret<'_> = Secret::KeyFile(b"sixteen bytes it is");

fn slot(ring: &Keyring, secret: Secret<'_>) -> Vec<u8> {
    wrap_with(ring, &REPO, secret, "mine", 5, CHEAP, [1; 16], [2; 12]).expect("a slot")
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

#[test]
fn slots_open_with_their_secret_only() {
    let ring = Keyring::generate().expect("keys");
    for (secret, wrong) in [
        (Secret::Passphrase(b"open sesame"), Secret::Passphrase(b"open barley")),
        (KEY_FILE, Secret::KeyFile(b"sixteen other bytes")),
    ] {
        let bytes = slot(&ring, secret);
        let opened = unwrap_slot(&bytes, &REPO, secret).map(|ring| ring.encode());
        assert!(opened.expect("opened") == ring.encode());
        assert_eq!(code(unwrap_slot(&bytes, &REPO, wrong)), Some(Code::InvalidKey));
        assert_eq!(code(unwrap_slot(&bytes, &ShortId::new([8; 16]), secret)), Some(Code::InvalidKey));
        let info = slot_info(&bytes).expect("info");
        assert_eq!((info.kind, info.label.as_str(), info.created), (secret.kind(), "mine", 5));
        assert_eq!(info.kdf, (secret.kind() == SlotKind::Passphrase).then_some(CHEAP));
    }
    let passphrase = slot(&ring, Secret::Passphrase(b"open sesame"));
    assert_eq!(code(unwrap_slot(&passphrase, &REPO, KEY_FILE)), Some(Code::InvalidKey));
}

#[test]
fn every_member_of_a_slot_is_authenticated() {
    let bytes = slot(&Keyring::generate().expect("keys"), KEY_FILE);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let code = code(unwrap_slot(&changed, &REPO, KEY_FILE));
        assert!(matches!(code, Some(Code::InvalidKey | Code::StorageCorrupted)), "bit {bit}: {code:?}");
    }
    for end in 0..bytes.len() {
        assert_eq!(code(unwrap_slot(&bytes[..end], &REPO, KEY_FILE)), Some(Code::StorageCorrupted));
    }
}

#[test]
fn weak_secrets_and_costs_are_refused() {
    let ring = Keyring::generate().expect("keys");
    let wrap = |secret, cost| code(wrap_slot(&ring, &REPO, secret, "", 0, cost));
    assert_eq!(wrap(Secret::Passphrase(b""), KdfCost::FLOOR), Some(Code::InvalidArg));
    assert_eq!(wrap(Secret::KeyFile(b"short"), KdfCost::FLOOR), Some(Code::InvalidArg));
    assert_eq!(wrap(Secret::Passphrase(b"x"), CHEAP), Some(Code::ConfigInvalid));
    assert_eq!(wrap(KEY_FILE, KdfCost::FLOOR), None);
    let public = Keyring::public(&REPO);
    assert_eq!(code(wrap_slot(&public, &REPO, KEY_FILE, "", 0, KdfCost::FLOOR)), Some(Code::ConfigInvalid));
}

#[test]
fn a_slot_cannot_ask_for_more_than_the_ceiling() {
    let ring = Keyring::generate().expect("keys");
    for cost in [(65, 64, 4), (1, (4 << 20) + 1, 4), (1, 1024, 65), (0, 64, 4), (1, 31, 4), (1, 64, 0)] {
        let mut fields = Fields::decode(&slot(&ring, Secret::Passphrase(b"p")), WHAT).expect("a slot");
        let (t, m_kib, p) = cost;
        fields.put(member::COST, [t, m_kib, p]);
        let bytes = fields.encode();
        assert_eq!(
            code(unwrap_slot(&bytes, &REPO, Secret::Passphrase(b"p"))),
            Some(Code::StorageCorrupted),
            "{cost:?}"
        );
    }
}

#[test]
fn calibration_goes_upward_only() {
    assert_eq!(KdfCost::calibrated(0).expect("calibrated"), KdfCost::FLOOR);
    let cost = KdfCost::calibrated(60_000).expect("calibrated");
    assert!(cost.t > KdfCost::FLOOR.t && cost.is_within(KdfCost::FLOOR, KdfCost::CEILING));
}

proptest! {
    #[test]
    fn any_bytes_are_a_slot_or_refused(bytes: Vec<u8>) {
        prop_assert_eq!(code(slot_info(&bytes)), Some(Code::StorageCorrupted));
    }
}
