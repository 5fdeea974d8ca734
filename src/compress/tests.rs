use super::*;
use crate::crypto::tests::{bytes, list, vectors};
use proptest::prelude::*;
use std::io::{self, Read};

/// Every algorithm at its default level.
fn all() -> impl Iterator<Item = Compression> {
    Algorithm::ALL.into_iter().map(|algorithm| Compression::new(algorithm, None).expect("a default"))
}

fn text(len: usize) -> Vec<u8> {
    b"the quick brown fox jumps over the lazy dog; ".iter().copied().cycle().take(len).collect()
}

fn noise(len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut out);
    out
}

#[test]
fn frames_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/frames.json"));
    let mut decompressor = Decompressor::new();
    for case in list(&all["cases"]) {
        let (raw, wrapped) = (bytes(&case["raw"]), bytes(&case["wrapped"]));
        assert_eq!(
            Some(Algorithm::parse(case["algorithm"].as_str().expect("a name")).expect("known").code()),
            wrapped.first().copied()
        );
        assert_eq!(decompressor.unwrap_frame(&wrapped, raw.len()).expect("unwrapped"), raw);
    }
}

#[test]
fn levels_have_ranges() {
    for (algorithm, bad) in [(Algorithm::Zstd, 20), (Algorithm::Zlib, 10), (Algorithm::Gzip, 0), (Algorithm::Lz4, 13)] {
        let error = Compression::new(algorithm, Some(bad)).expect_err("out of range");
        assert_eq!(error.code(), Code::ConfigInvalid);
        assert!(error.to_string().contains(" to "), "{error}");
    }
    assert_eq!(Compression::new(Algorithm::Zstd, None).expect("default"), Compression::default());
    assert_eq!(Compression::new(Algorithm::None, Some(6)).expect("any level"), Compression::NONE);
    assert!(Compression::new(Algorithm::None, Some(13)).is_err());
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::parse(algorithm.name()).expect("its name"), algorithm);
        assert_eq!(Algorithm::from_code(algorithm.code()), Some(algorithm));
    }
    assert_eq!(Algorithm::from_code(5), None);
}

#[test]
fn the_start_of_a_frame_is_read_alone() {
    let (mut decompressor, mut out) = (Decompressor::new(), Vec::new());
    for compression in all() {
        let raw = [text(300_000), noise(1_000), text(9)].concat();
        let wrapped = Compressor::new(compression).expect("a compressor").wrap(&raw).expect("wrapped");
        for len in [0, 1, 131_072, 300_500, raw.len() - 1, raw.len(), raw.len() + 1] {
            decompressor.unwrap_start(&wrapped, len, raw.len(), &mut out).expect("unwrapped");
            assert!(out == raw[..len.min(raw.len())], "{len} bytes by {compression:?}");
        }
        let refused = |wrapped: &[u8], len, limit| {
            let error = Decompressor::new().unwrap_start(wrapped, len, limit, &mut Vec::new()).expect_err("refused");
            assert_eq!(error.code(), Code::ChunkInvalid);
        };
        refused(&wrapped, 100, raw.len() - 1);
        refused(&wrapped[..wrapped.len() / 20], 250_000, raw.len());
        refused(&wrapped[..3], 1, raw.len());
    }
}

#[test]
fn frames_come_back_with_contexts_used_again() {
    let mut decompressor = Decompressor::new();
    for compression in all() {
        let mut compressor = Compressor::new(compression).expect("a compressor");
        for raw in [text(0), text(1), text(200_000), noise(70_000), text(100), text(1 << 20)] {
            let wrapped = compressor.wrap(&raw).expect("wrapped");
            assert_eq!(decompressor.unwrap_frame(&wrapped, raw.len()).expect("unwrapped"), raw);
            if raw.len() > 1000 && raw[..9] == *b"the quick" && compression.algorithm != Algorithm::None {
                assert!(wrapped.len() < raw.len() / 20 && wrapped[0] == compression.algorithm.code());
                assert!(wrapped.capacity() - wrapped.len() >= 16, "room for a tag");
            }
        }
    }
}

#[test]
fn what_gains_little_is_stored_raw() {
    for compression in all() {
        let mut compressor = Compressor::new(compression).expect("a compressor");
        let raw = noise(100_000);
        let wrapped = compressor.wrap(&raw).expect("wrapped");
        assert_eq!((wrapped[0], wrapped.len()), (0, raw.len() + WRAP_BYTES));
    }
    assert!(gains(100, 97) && !gains(100, 98) && !gains(0, 1));
}

#[test]
fn only_what_is_random_all_over_is_not_tried() {
    let noise = noise(512 << 10);
    assert!(looks_random(&noise) && !looks_random(&noise[..60_000]));
    let counting: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let mut mixed = noise.clone();
    mixed[300_000..335_000].copy_from_slice(&text(35_000));
    for raw in [text(200_000), counting, mixed, vec![0; 200_000]] {
        assert!(!looks_random(&raw));
    }
}

#[test]
fn broken_frames_are_refused() {
    let mut decompressor = Decompressor::new();
    for compression in all() {
        let raw = text(5000);
        let wrapped = Compressor::new(compression).expect("a compressor").wrap(&raw).expect("wrapped");
        let mut refuse = |bytes: &[u8], limit: usize| {
            let error = decompressor.unwrap_frame(bytes, limit).expect_err("broken");
            assert_eq!(error.code(), Code::ChunkInvalid, "{compression:?}");
        };
        refuse(&wrapped, 4999);
        for length in [0u32, 4999, 5001, u32::MAX] {
            let mut lying = wrapped.clone();
            lying[1..5].copy_from_slice(&length.to_le_bytes());
            refuse(&lying, 10_000);
        }
        for end in 0..wrapped.len() {
            refuse(&wrapped[..end], 10_000);
        }
        let mut longer = wrapped.clone();
        longer.push(0);
        refuse(&longer, 10_000);
        assert_eq!(decompressor.unwrap_frame(&wrapped, 5000).expect("good after bad"), raw);
    }
    assert_eq!(decompressor.unwrap_frame(&[5, 0, 0, 0, 0], 10).expect_err("unknown").code(), Code::ChunkInvalid);
}

#[test]
fn streams_come_back_and_every_truncation_is_noticed() {
    for compression in all() {
        let raw = [text(3000), noise(3000)].concat();
        let mut packed = Vec::new();
        let done = compress_stream(&raw[..], &mut packed, compression).expect("compressed");
        assert_eq!((done.input_bytes, done.output_bytes), (raw.len() as u64, packed.len() as u64));
        let mut back = Vec::new();
        let done = decompress_stream(&packed[..], &mut back).expect("decompressed");
        let format = if compression.algorithm == Algorithm::None { Algorithm::Gzip } else { compression.algorithm };
        assert_eq!((done.algorithm, done.input_bytes), (format, packed.len() as u64));
        assert_eq!(done.output_bytes, raw.len() as u64);
        assert!(back == raw);
        for end in 0..packed.len() {
            let error = decompress_stream(&packed[..end], io::sink()).expect_err("cut");
            assert_eq!(error.code(), Code::ChunkInvalid, "{compression:?} cut at {end}");
        }
        for at in (0..packed.len()).step_by(97) {
            let mut flipped = packed.clone();
            flipped[at] ^= 0x10;
            let mut back = Vec::new();
            assert!(decompress_stream(&flipped[..], &mut back).is_err() || back == raw, "{compression:?} at {at}");
        }
        assert!(decompress_stream(&[&packed[..], b"garbage"].concat()[..], io::sink()).is_err());
    }
}

#[test]
fn none_brings_back_what_looks_compressed_already() {
    for inner in all() {
        let (mut once, mut twice, mut back) = (Vec::new(), Vec::new(), Vec::new());
        compress_stream(&text(3000)[..], &mut once, inner).expect("compressed");
        compress_stream(&once[..], &mut twice, Compression::NONE).expect("wrapped");
        decompress_stream(&twice[..], &mut back).expect("unwrapped");
        assert!(back == once && twice.len() < once.len() + 64, "{inner:?}");
    }
}

#[test]
fn members_in_a_row_are_one_stream() {
    for algorithm in [Algorithm::Gzip, Algorithm::Lz4, Algorithm::Zstd] {
        let mut packed = Vec::new();
        for part in ["one ", "two"] {
            let compression = Compression::new(algorithm, None).expect("a default");
            compress_stream(part.as_bytes(), &mut packed, compression).expect("compressed");
        }
        let mut back = Vec::new();
        decompress_stream(&packed[..], &mut back).expect("decompressed");
        assert_eq!(back, b"one two", "{algorithm}");
    }
}

#[test]
fn streams_of_nothing_and_of_something_else() {
    for compression in all() {
        let (mut packed, mut back) = (Vec::new(), Vec::new());
        compress_stream(io::empty(), &mut packed, compression).expect("compressed");
        decompress_stream(&packed[..], &mut back).expect("decompressed");
        assert!(back.is_empty(), "{compression:?}");
    }
    for other in ["xy", "plain text"] {
        let error = decompress_stream(other.as_bytes(), io::sink()).expect_err("not compressed");
        assert_eq!(error.code(), Code::InvalidArg);
    }
}

#[test]
fn a_failing_input_is_not_called_broken() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    for compression in all() {
        let error = compress_stream(Failing, io::sink(), compression).expect_err("unreadable");
        assert_eq!(error.code(), Code::PermissionDenied);
        let mut packed = Vec::new();
        compress_stream(&noise(10_000)[..], &mut packed, compression).expect("compressed");
        let error = decompress_stream(packed[..9000].chain(Failing), io::sink()).expect_err("unreadable");
        assert_eq!(error.code(), Code::PermissionDenied, "{compression:?}");
    }
}

#[test]
fn estimates_are_raw_by_stored() {
    assert!(estimate(&text(100_000), Compression::default()).expect("estimated") > 50.0);
    assert_eq!(estimate(&noise(1000), Compression::default()).expect("estimated"), 1.0);
    assert_eq!(estimate(&[], Compression::default()).expect("estimated"), 1.0);
}

proptest! {
    #[test]
    fn any_frame_comes_back(raw: Vec<u8>, repeat in 1usize..20, code in 0u8..5) {
        let raw = raw.repeat(repeat);
        let compression = Compression::new(Algorithm::from_code(code).expect("known"), None).expect("default");
        let wrapped = Compressor::new(compression).expect("a compressor").wrap(&raw).expect("wrapped");
        prop_assert_eq!(Decompressor::new().unwrap_frame(&wrapped, raw.len()).expect("unwrapped"), raw);
    }

    #[test]
    fn any_bytes_are_a_frame_or_refused(code in 0u8..6, length in 0u32..300, payload: Vec<u8>) {
        let bytes = [&[code][..], &length.to_le_bytes(), &payload].concat();
        match Decompressor::new().unwrap_frame(&bytes, 200) {
            Ok(raw) => prop_assert!(raw.len() == length as usize && raw.len() <= 200),
            Err(error) => prop_assert_eq!(error.code(), Code::ChunkInvalid),
        }
    }

    #[test]
    fn any_bytes_are_a_stream_or_refused(magic in 0usize..4, bytes: Vec<u8>) {
        let magics: [&[u8]; 4] = [&[0x28, 0xb5, 0x2f, 0xfd], &[4, 0x22, 0x4d, 0x18], &[0x1f, 0x8b, 8], &[0x78, 0x9c]];
        let _ = decompress_stream(&[magics[magic], &bytes].concat()[..], io::sink());
    }
}
