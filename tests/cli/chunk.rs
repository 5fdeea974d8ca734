use super::World;
use std::collections::HashSet;

fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn rows(text: &str) -> Vec<(u64, u64, String)> {
    let row = |line: &str| {
        let mut words = line.split(' ');
        let mut number = || words.next().unwrap().parse().unwrap();
        (number(), number(), words.next().unwrap().to_string())
    };
    text.lines().map(row).collect()
}

#[test]
fn lines_are_offset_length_id() {
    let world = World::new();
    insta::assert_snapshot!(world.larder_with(&["chunk"], "abc").clean(), @"0 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(world.larder(&["chunk"]).clean(), "");
}

#[test]
fn chunks_cover_the_file_within_their_limits_and_survive_an_insertion() {
    let world = World::new();
    let data = noise(8 << 20);
    world.write("big", &data);
    let said = world.larder(&["chunk", "--sizes", "2048/8192/65536", "big"]);
    let before = rows(said.clean());
    let mut end = 0;
    for (at, (offset, len, _)) in before.iter().enumerate() {
        assert_eq!(*offset, end);
        assert!(*len <= 65_536 && (*len >= 2_048 || at + 1 == before.len()));
        end += len;
    }
    assert_eq!(end, data.len() as u64);
    let mean = data.len() / before.len();
    assert!((4_096..16_384).contains(&mean), "mean {mean}");

    let mut longer = vec![1];
    longer.extend(&data);
    world.write("longer", &longer);
    let after = rows(world.larder(&["chunk", "--sizes", "2048/8192/65536", "longer"]).clean());
    let known: HashSet<_> = before.iter().map(|(_, _, id)| id).collect();
    let shared = after.iter().filter(|(_, _, id)| known.contains(id)).count();
    assert!(shared * 100 >= after.len() * 95, "{shared} of {}", after.len());
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let world = World::new();
    world.larder(&["chunk", "--sizes", "5000/8192/4096"]).failed(5, "CONFIG_INVALID");
    world.larder(&["chunk", "--sizes", "1/2"]).failed(2, "INVALID_ARG");
    world.larder(&["chunk", "--profile", "odd"]).failed(5, "CONFIG_INVALID");
}
