use super::World;

#[test]
fn every_algorithm_and_level_comes_back() {
    let world = World::new();
    let text = world.sh("seq 1 20000").text().to_string();
    for (algorithm, levels) in [("zlib", 1..=9), ("gzip", 1..=9), ("lz4", 1..=12), ("zstd", 1..=12)] {
        for level in levels {
            let small = world.larder_with(&["compress", "-a", algorithm, "-l", &level.to_string()], &text);
            assert_eq!(small.exit, 0, "{}", small.err);
            assert!(small.out.len() < text.len() * 9 / 10, "{algorithm} {level}: {}", small.out.len());
            assert_eq!(world.larder_with(&["decompress"], &small.out).clean(), text);
        }
    }
    for level in ["1", "6", "12"] {
        let same = world.larder_with(&["compress", "-a", "none", "-L", level], &text);
        assert_eq!(world.larder_with(&["decompress"], &same.out).clean(), text);
    }
}

#[test]
fn other_tools_read_it() {
    let world = World::new();
    assert_eq!(world.sh("seq 1 5000 | larder compress -a gzip | gzip -d | cmp - <(seq 1 5000)").clean(), "");
    assert_eq!(world.sh("seq 1 5000 | gzip | larder decompress | cmp - <(seq 1 5000)").clean(), "");
}

#[test]
fn what_is_wrong_is_said() {
    let world = World::new();
    for (algorithm, level) in [("zlib", "10"), ("gzip", "0"), ("lz4", "13"), ("zstd", "-1"), ("none", "13")] {
        world.larder(&["compress", "-a", algorithm, "-l", level]).failed(5, "CONFIG_INVALID");
    }
    world.larder(&["compress", "-a", "rar"]).failed(5, "CONFIG_INVALID");
    world.larder_with(&["decompress"], "plain text").failed(2, "INVALID_ARG");
    world.larder_with(&["decompress"], "").failed(13, "CHUNK_INVALID");
    let small = world.larder_with(&["compress"], "text ".repeat(1_000)).out;
    world.larder_with(&["decompress"], &small[..small.len() / 2]).failed(13, "CHUNK_INVALID");
}

#[test]
fn an_estimate_is_near_the_truth() {
    let world = World::new();
    world.sh("seq 1 200000 > text; cp /bin/bash elf; head -c 500000 /dev/urandom > noise").clean();
    for file in ["text", "elf", "noise"] {
        for algorithm in ["zstd", "gzip", "lz4"] {
            let said = world.larder(&["compress", "--estimate", "-a", algorithm, file]);
            let (percent, name) = said.clean().trim_end().split_once('\t').unwrap();
            assert_eq!(name, file);
            let raw = std::fs::metadata(world.path(file)).unwrap().len() as f64;
            let small = world.larder(&["compress", "-a", algorithm, file]).out.len() as f64;
            let saved = (1.0 - small / raw) * 100.0;
            let estimate: f64 = percent.parse().unwrap();
            assert!((estimate - saved).abs() < 15.0, "{file} {algorithm}: {estimate} against {saved}");
        }
    }
}
