use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text, b"").unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn patterns_match_as_pathspecs_do() {
    let table = [
        ("a.c", "a.c", true),
        ("src", "src/deep/x", true),
        ("src/", "src/x", true),
        ("src", "srcs", false),
        (".", "anything/at/all", true),
        ("*.c", "a.c", true),
        ("*.c", "src/a.c", false),
        ("src/*.c", "src/.hidden.c", true),
        ("src/*", "src/deep/x", true),
        ("**/*.c", "a.c", true),
        ("**/*.c", "x/y/a.c", true),
        ("src/**", "src", false),
        ("src/**", "src/a/b", true),
        ("src/**/t/*.c", "src/t/a.c", true),
        ("src/**/t/*.c", "src/a/b/t/a.c", true),
        ("src/**/t/*.c", "src/a/b/s/a.c", false),
        ("a?c", "abc", true),
        ("a?c", "aéc", true),
        ("a?c", "a/c", false),
        ("[a-c]x", "bx", true),
        ("[!a-c]x", "bx", false),
        ("[]x]", "]", true),
        ("{a,b{1,2}}.c", "b2.c", true),
        ("{a,b{1,2}}.c", "b.c", false),
        ("pages/\\[id\\].js", "pages/[id].js", true),
        ("*", ".git/HEAD", false),
        ("**", "x/.larder/state", false),
        ("a*b*c*d", "aXbXcXbXcXd", true),
        ("./a//b/../c", "a/c", true),
        ("\\!x", "!x", true),
    ];
    for (text, path, expected) in table {
        assert_eq!(pattern(text).matches(path.as_bytes()), expected, "{text} {path}");
    }
    assert!(pattern("a?b").matches(b"a\xffb") && pattern("*").matches(b"\xff") && !pattern("[a-z]").matches(b"\xff"));
}

#[test]
fn what_has_no_wildcard_is_a_path() {
    assert_eq!(pattern("a\\*b"), Pattern::path(b"a*b"));
    assert_eq!(pattern("a\\*b").text(), b"a\\*b");
    assert_eq!(pattern("."), Pattern::path(b""));
    assert_eq!(Pattern::parse("../x", b"lib").expect("within"), Pattern::path(b"x"));
    assert_eq!(Pattern::parse("../*.h", b"lib").expect("within").text(), b"*.h");
    assert_eq!(Pattern::parse("@git()", b"lib").expect("sound"), Pattern::Git(b"lib".to_vec()));
    assert_eq!(pattern("a..b"), Pattern::path(b"a..b"));
}

#[test]
fn what_leads_out_is_refused() {
    let long = "x/".repeat(3000);
    let table = [
        ("../x", Code::PermissionDenied),
        ("a/../../x", Code::PermissionDenied),
        ("/etc/passwd", Code::PermissionDenied),
        ("/*", Code::PermissionDenied),
        ("*/../x", Code::PermissionDenied),
        ("../*.c", Code::PermissionDenied),
        (".git/HEAD", Code::PermissionDenied),
        ("*/.larder", Code::PermissionDenied),
        ("", Code::ParseError),
        ("a\0b", Code::ParseError),
        ("{a", Code::ParseError),
        ("a}", Code::ParseError),
        ("[a", Code::ParseError),
        ("*\\", Code::ParseError),
        ("[z-a]", Code::ParseError),
        ("@git", Code::ParseError),
        ("!x", Code::ConfigInvalid),
        (&long, Code::ParseError),
        ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", Code::ParseError),
    ];
    for (text, code) in table {
        assert_eq!(Pattern::parse(text, b"").map_err(|error| error.code()), Err(code), "{text}");
    }
}

#[test]
fn two_patterns_meet_where_a_path_is_named_by_both() {
    let table = [
        ("a", "a", true),
        ("a", "a/b", true),
        ("a", "ab", false),
        ("src/*.c", "src/*.h", false),
        ("src/*.c", "src/a*", true),
        ("src/**", "src/gen/x.c", true),
        ("src/**/x.c", "src/gen", true),
        ("**/*.c", "gen/**", true),
        ("**/*.c", "gen/*.h", true), // a directory of that name
        ("a/*/c", "a/b/*", true),
        ("a/*/c", "b/**", false),
        ("[a-c]*", "[d-f]*", false),
        ("[a-c]*", "[!a]*", true),
        ("{x,y}/out", "y/*", true),
        ("{x,y}/out", "z/*", false),
        ("@git(src)", "src/gen/*.h", true),
        ("out/t1/*.o", "out/t2/*.o", false),
        ("*a", "b*", true),
        ("*a", "*b", false),
    ];
    for (a, b, expected) in table {
        assert_eq!(pattern(a).may_match_same(&pattern(b)), expected, "{a} {b}");
        assert_eq!(pattern(b).may_match_same(&pattern(a)), expected, "{b} {a}");
    }
}

#[test]
fn walks_enter_what_may_hold_a_match() {
    for (text, dir, expected) in [
        ("src/*.c", "src", true),
        ("src/*.c", "src/x.c", true),
        ("src/*.c", "src/deep", false),
        ("src/**/*.c", "src/deep", true),
        ("src/**/*.c", "lib", false),
        ("src/a", "src", true),
        ("src/a", "", true),
    ] {
        assert_eq!(pattern(text).may_match_beneath(dir.as_bytes()), expected, "{text} {dir}");
    }
}

#[test]
fn directories_above() {
    let above: Vec<&[u8]> = ancestors(b"a/b/c").collect();
    assert_eq!(above, [b"a/b".as_slice(), b"a", b""]);
    assert_eq!(ancestors(b"").count(), 0);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "(a|b|c|\\*|\\?|\\*\\*|\\[ab\\]|\\[!a\\]|/|\\{a,b\\}|\\{\\*,c/b\\}){1,7}";
    const PATH: &str = "[abc]{1,2}(/[abc]{1,2}){0,4}";

    proptest! {
        #[test]
        fn text_parses_to_the_same_pattern(text in TEXT) {
            if let Ok(pattern) = Pattern::parse(&text, b"") {
                let again = String::from_utf8(pattern.text()).expect("text");
                prop_assert_eq!(Pattern::parse(&again, b"").expect("its own text"), pattern);
            }
        }

        #[test]
        fn a_shared_path_means_that_they_meet(a in TEXT, b in TEXT, path in PATH) {
            let (Ok(a), Ok(b)) = (Pattern::parse(&a, b""), Pattern::parse(&b, b"")) else { return Ok(()) };
            let path = path.as_bytes();
            if a.matches(path) && b.matches(path) {
                prop_assert!(a.may_match_same(&b));
            }
            if a.matches(path) {
                prop_assert!(is_at_or_beneath(path, a.literal_prefix()));
                prop_assert!(ancestors(path).all(|dir| a.may_match_beneath(dir)));
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,40}", path in PATH) {
            if let Ok(pattern) = Pattern::parse(&text, b"base") {
                pattern.matches(path.as_bytes());
            }
        }
    }
}
