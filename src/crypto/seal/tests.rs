use super::*;
use proptest::prelude::*;

const REPO: ShortId = ShortId::new([9; 16]);

fn rings() -> [Keyring; 2] {
    [Keyring::generate().expect("keys"), Keyring::public(&REPO)]
}

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

#[test]
fn headers_come_back_and_others_are_refused() {
    for ring in rings() {
        let (_, header) = FileCipher::create(FileType::Segment, &ring, &REPO).expect("a cipher");
        let bytes = header.encode();
        assert_eq!((bytes.len(), Header::decode(&bytes).expect("a header")), (HEADER_BYTES, header));
        for end in 0..HEADER_BYTES {
            assert_eq!(code(Header::decode(&bytes[..end])), Some(Code::StorageCorrupted));
        }
        for (at, value) in [(0, b'L'), (6, 0), (6, 6), (7, 2), (8, 2), (89, 1), (90, 1)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert_eq!(code(Header::decode(&changed)), Some(Code::StorageCorrupted), "byte {at}");
        }
    }
}

#[test]
fn pieces_open_only_where_they_were_sealed() {
    let ring = Keyring::generate().expect("keys");
    let (cipher, header) = FileCipher::create(FileType::Pack, &ring, &REPO).expect("a cipher");
    let sealed = cipher.seal(Domain::Frame, 7, b"frame").expect("sealed");
    assert_eq!(sealed.len(), 5 + cipher.overhead());
    let again = FileCipher::open(&header, FileType::Pack, &ring, &REPO).expect("opened");
    assert_eq!(again.open_bytes(Domain::Frame, 7, &sealed).expect("opened"), b"frame");
    let parts = FileCipher::from_parts(FileType::Pack, &header.key_id, &header.salt, &ring, &REPO).expect("opened");
    assert_eq!(parts.open_bytes(Domain::Frame, 7, &sealed).expect("opened"), b"frame");
    for (domain, ordinal) in [(Domain::Frame, 8), (Domain::Directory, 7), (Domain::Trailer, 7)] {
        assert_eq!(code(again.open_bytes(domain, ordinal, &sealed)), Some(Code::DecryptionFailed));
    }
    let elsewhere = [
        FileCipher::from_parts(FileType::Segment, &header.key_id, &header.salt, &ring, &REPO),
        FileCipher::from_parts(FileType::Pack, &header.key_id, &[0; 32], &ring, &REPO),
        FileCipher::from_parts(FileType::Pack, &header.key_id, &header.salt, &ring, &ShortId::new([8; 16])),
    ];
    for cipher in elsewhere {
        let cipher = cipher.expect("a cipher");
        assert_eq!(code(cipher.open_bytes(Domain::Frame, 7, &sealed)), Some(Code::DecryptionFailed));
    }
}

#[test]
fn a_file_opens_only_with_its_key_type_and_scheme() {
    let [ring, public] = rings();
    let (_, header) = FileCipher::create(FileType::Root, &ring, &REPO).expect("a cipher");
    let open = |header: &Header, expected, ring: &Keyring| code(FileCipher::open(header, expected, ring, &REPO));
    assert_eq!(open(&header, FileType::Root, &ring), None);
    assert_eq!(open(&header, FileType::Pack, &ring), Some(Code::StorageCorrupted));
    assert_eq!(open(&header, FileType::Root, &Keyring::generate().expect("keys")), Some(Code::InvalidKey));
    assert_eq!(open(&header, FileType::Root, &public), Some(Code::InvalidKey));
    let other = Header { commitment: [1; 32], ..header.clone() };
    assert_eq!(open(&other, FileType::Root, &ring), Some(Code::DecryptionFailed));
    let (_, plain) = FileCipher::create(FileType::Root, &public, &REPO).expect("a cipher");
    assert_eq!((plain.scheme, plain.commitment), (Scheme::None, [0; 32]));
    assert_eq!(open(&plain, FileType::Root, &ring), Some(Code::DecryptionFailed));
    assert_eq!(open(&plain, FileType::Root, &public), None);
    let rotated = ring.rotated().expect("rotated");
    assert_eq!(open(&header, FileType::Root, &rotated), None);
    let (_, newer) = FileCipher::create(FileType::Root, &rotated, &REPO).expect("a cipher");
    assert_ne!(newer.key_id, header.key_id);
}

#[test]
fn padme_lengths() {
    for (len, padded) in [(0, 0), (1, 1), (2, 2), (9, 10), (100, 104), (1000, 1024), (1025, 1088), (u64::MAX, u64::MAX)]
    {
        assert_eq!(padme(len), padded, "{len}");
    }
}

#[test]
fn small_files_come_back_padded() {
    for ring in rings() {
        for raw in [vec![], vec![7; 10], vec![7; 100_000], random::<1000>().expect("random").to_vec()] {
            let bytes = seal_small(FileType::Root, &ring, &REPO, &raw).expect("sealed");
            assert_eq!(open_small(FileType::Root, &ring, &REPO, &bytes).expect("opened"), raw);
            assert!(bytes.len() < raw.len() / 8 * 9 + 300);
            if ring.scheme() == Scheme::Aes256Gcm {
                assert_eq!(padme(bytes.len() as u64), bytes.len() as u64);
            }
            assert!(open_small(FileType::Lease, &ring, &REPO, &bytes).is_err());
        }
    }
}

#[test]
fn damaged_small_files_are_refused_or_whole() {
    for ring in rings() {
        let raw = vec![7; 300];
        let bytes = seal_small(FileType::Lease, &ring, &REPO, &raw).expect("sealed");
        for end in 0..bytes.len() {
            assert!(open_small(FileType::Lease, &ring, &REPO, &bytes[..end]).is_err());
        }
        assert!(open_small(FileType::Lease, &ring, &REPO, &[&bytes[..], &[0]].concat()).is_err());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            // Padding is the only part that nothing covers but the file's name.
            match open_small(FileType::Lease, &ring, &REPO, &changed) {
                Ok(opened) if ring.scheme() == Scheme::Aes256Gcm => assert_eq!(opened, raw),
                _ => {}
            }
        }
    }
}

#[test]
fn random_bytes_differ() {
    assert_ne!(random::<32>().expect("random"), random::<32>().expect("random"));
    let (mut one, mut two) = (vec![0; 5000], vec![0; 5000]);
    random_fill(&mut one).expect("random");
    random_fill(&mut two).expect("random");
    assert_ne!(one, two);
}

proptest! {
    #[test]
    fn padding_is_small_and_stable(len in 0u64..1 << 50) {
        let padded = padme(len);
        prop_assert!(padded >= len && padded - len <= len / 8 && padme(padded) == padded);
    }

    #[test]
    fn trailers_come_back(directory_offset: u64, directory_sealed_bytes: u64, frames: u32, file_bytes: u64) {
        let trailer = Trailer { directory_offset, directory_sealed_bytes, frames, flags: 0 };
        prop_assert_eq!(Trailer::decode(&trailer.encode()).expect("a trailer"), trailer);
        let (cipher, _) = FileCipher::create(FileType::Pack, &Keyring::public(&REPO), &REPO).expect("a cipher");
        if let Ok(end) = trailer.check(file_bytes, &cipher) {
            prop_assert!(directory_offset >= 91 && end <= file_bytes - 24);
        }
    }

    #[test]
    fn any_bytes_are_a_header_or_refused(bytes: Vec<u8>, rest: [u8; 91]) {
        prop_assert_eq!(code(Header::decode(&bytes)), Some(Code::StorageCorrupted));
        let bytes = [&b"larder\x01\x01\x01"[..], &rest[..80], &[0, 0]].concat();
        prop_assert_eq!(Header::decode(&bytes).expect("a header").encode(), bytes);
    }

    #[test]
    fn any_bytes_are_a_keyring_or_refused(bytes: Vec<u8>, at: prop::sample::Index, value: u8) {
        prop_assert_eq!(code(Keyring::decode(&bytes)), Some(Code::StorageCorrupted));
        let mut changed = Keyring::generate().expect("keys").encode().to_vec();
        let at = at.index(changed.len());
        changed[at] = value;
        if let Ok(ring) = Keyring::decode(&changed) {
            prop_assert_eq!(&*ring.encode(), &changed);
        }
        prop_assert!(Keyring::decode(&changed[..at]).is_err());
    }

    #[test]
    fn any_bytes_are_a_small_file_or_refused(bytes: Vec<u8>, trailer: [u8; 24]) {
        let ring = Keyring::public(&REPO);
        let (_, header) = FileCipher::create(FileType::Doom, &ring, &REPO).expect("a cipher");
        let _ = open_small(FileType::Doom, &ring, &REPO, &[&header.encode()[..], &bytes, &trailer].concat());
        let _ = open_small(FileType::Doom, &ring, &REPO, &bytes);
    }
}
