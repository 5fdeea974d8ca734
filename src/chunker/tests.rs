use super::*;
use crate::crypto::tests::{array, list, number, stream, vectors};
use proptest::prelude::*;

/// Bytes that repeat nothing, the same in every run.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

fn cuts(chunker: &Chunker, mut data: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while !data.is_empty() {
        let len = chunker.cut(data);
        lengths.push(len);
        data = &data[len..];
    }
    lengths
}

/// FORMAT section 5, word by word.
fn cut_by_the_book(chunker: &Chunker, data: &[u8]) -> usize {
    let Sizes { min, avg, max } = chunker.sizes;
    let bits = avg.ilog2();
    let top = |count: u32| !0u64 << (64 - count);
    let mut h = 0u64;
    for (index, byte) in data.iter().enumerate().skip(min as usize) {
        h = (h << 1).wrapping_add(chunker.gear[usize::from(*byte)]);
        let len = index + 1;
        let mask = if len <= avg as usize { top(bits + 2) } else { top(bits - 2) };
        if h & mask == 0 || len == max as usize {
            return len;
        }
    }
    data.len()
}

#[test]
fn cuts_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/chunking.json"));
    for case in list(&all["cases"]) {
        let size = |name: &str| number(&case[name]) as u32;
        let sizes = Sizes::new(size("min"), size("avg"), size("max")).expect("sizes");
        let chunker = Chunker::new(&array(&case["key"]), sizes);
        for (value, told) in chunker.gear.iter().zip(list(&case["gear_begins"])) {
            assert_eq!(format!("{value:016x}"), told.as_str().expect("digits"));
        }
        let length = number(&case["length"]) as usize;
        let data = case["seed"].as_str().map_or_else(|| vec![0; length], |seed| stream(seed, length));
        let told: Vec<_> = list(&case["chunks"]).iter().map(|length| number(length) as usize).collect();
        assert_eq!(cuts(&chunker, &data), told);
    }
}

#[test]
fn sizes_are_checked() {
    for (min, avg, max) in [(63, 128, 256), (64, 64, 128), (64, 96, 256), (64, 128, 127), (64, 128, (8 << 20) + 1)] {
        assert_eq!(Sizes::new(min, avg, max).expect_err("unsound").code(), Code::ConfigInvalid);
    }
    assert!(Sizes::new(4096, 32768, 131072).is_ok() && Sizes::new(64, 128, 128).is_ok());
    for name in ["default", "fine", "coarse"] {
        let Sizes { min, avg, max } = Sizes::profile(name).expect(name);
        assert!(Sizes::new(min, avg, max).is_ok());
    }
    assert_eq!(Sizes::profile("huge").expect_err("no profile").code(), Code::ConfigInvalid);
}

#[test]
fn chunks_are_about_as_long_as_they_should_be() {
    let data = noise(4 << 20, 1);
    for sizes in [Sizes::profile("fine").expect("fine"), Sizes::new(256, 1024, 4096).expect("sizes")] {
        let lengths = cuts(&Chunker::new(&[7; 32], sizes), &data);
        assert!(lengths[..lengths.len() - 1].iter().all(|len| (sizes.min as usize..=sizes.max as usize).contains(len)));
        let average = data.len() / lengths.len();
        assert!((sizes.avg as usize * 3 / 4..sizes.avg as usize * 3 / 2).contains(&average), "{average}");
    }
}

#[test]
fn equal_bytes_without_an_edge_are_cut_at_max() {
    let sizes = Sizes::new(64, 256, 1024).expect("sizes");
    let lengths = cuts(&Chunker::new(&[1; 32], sizes), &[0; 4096]);
    assert!(lengths.iter().all(|len| *len == lengths[0]), "{lengths:?}");
}

#[test]
fn an_insertion_moves_only_the_cuts_beside_it() {
    let chunker = Chunker::new(&[3; 32], Sizes::new(256, 1024, 4096).expect("sizes"));
    let before = noise(1 << 20, 2);
    let mut after = before.clone();
    after.splice(500_000..500_000, *b"inserted");
    let ends = |data: &[u8]| {
        let mut end = 0;
        cuts(&chunker, data)
            .into_iter()
            .map(|len| {
                end += len;
                data.len() - end
            })
            .collect::<std::collections::BTreeSet<_>>()
    };
    let (old, new) = (ends(&before), ends(&after));
    let shared = old.iter().filter(|end| **end < 490_000 && new.contains(end)).count();
    let all = old.iter().filter(|end| **end < 490_000).count();
    assert_eq!(shared, all, "every cut well after the insertion stays");
}

#[test]
fn another_key_cuts_elsewhere() {
    let (data, sizes) = (noise(1 << 20, 4), Sizes::new(256, 1024, 4096).expect("sizes"));
    assert_ne!(cuts(&Chunker::new(&[1; 32], sizes), &data), cuts(&Chunker::new(&[2; 32], sizes), &data));
}

proptest! {
    #[test]
    fn cuts_are_those_of_the_book(seed: u64, len in 0usize..6000, repeat in 1usize..200) {
        let chunker = Chunker::new(&[9; 32], Sizes::new(64, 256, 1024).expect("sizes"));
        let data: Vec<u8> = noise(repeat, seed).into_iter().cycle().take(len).collect();
        let mut rest = &data[..];
        while !rest.is_empty() {
            let cut = chunker.cut(rest);
            prop_assert_eq!(cut, cut_by_the_book(&chunker, rest));
            rest = &rest[cut..];
        }
    }

    #[test]
    fn a_cut_needs_no_more_than_max_bytes(seed: u64) {
        let sizes = Sizes::new(64, 256, 1024).expect("sizes");
        let (chunker, data) = (Chunker::new(&[9; 32], sizes), noise(5000, seed));
        prop_assert_eq!(chunker.cut(&data), chunker.cut(&data[..1024]));
    }
}
