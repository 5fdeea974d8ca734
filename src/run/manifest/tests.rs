use super::*;
use crate::error::Code;
use crate::run::pattern::Pattern;
use std::path::Path;

/// A directory with these files.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let temp = tempfile::tempdir().expect("temporary directory");
    for (name, text) in files {
        let path = temp.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("create");
        std::fs::write(path, text).expect("write");
    }
    temp
}

fn load_toml(text: &str) -> crate::error::Result<Manifest> {
    load_text(text.into(), Path::new("/p/larder.toml"), None, &LoadOptions::default())
}

fn load_lines(text: &str) -> crate::error::Result<Manifest> {
    load_text(text.into(), Path::new("m.txt"), Some(Path::new("/p")), &LoadOptions::default())
}

fn sound(text: &str) -> Manifest {
    load_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn names(manifest: &Manifest, tasks: &[TaskNo]) -> String {
    tasks.iter().map(|task| manifest.task(*task).name.as_str()).collect::<Vec<_>>().join(" ")
}

fn texts(patterns: &[Pattern]) -> Vec<String> {
    patterns.iter().map(|pattern| String::from_utf8(pattern.text()).expect("text")).collect()
}

fn words(list: &[&str]) -> Command {
    Command::Words(list.iter().collect())
}

#[test]
fn both_forms_say_the_same() {
    let lines = "# M3\ntask build {\n  cmd = cc hello.c -o hello\n  inputs = hello.c,\n  outputs = hello\n}\n\
                 task test {\n  cmd = ./hello > out.txt\n  outputs = out.txt\n  deps = build\n  env = A, B=x=y\n  timeout = 5m\n}\n";
    let toml = "[task.build]\ncmd = \"cc hello.c -o hello\"\ninputs = \"hello.c\"\noutputs = [\"hello\"]\n\
                [task.test]\ncmd = \"./hello > out.txt\"\noutputs = [\"out.txt\"]\ndeps = [\"build\"]\nenv = [\"A\", \"B=x=y\"]\ntimeout = 300\n";
    let (lines, toml) = (load_lines(lines).expect("sound"), sound(toml));
    for (a, b) in lines.tasks.iter().zip(&toml.tasks) {
        assert_eq!((&a.name, &a.command, &a.inputs, &a.outputs), (&b.name, &b.command, &b.inputs, &b.outputs));
        assert_eq!((&a.deps, &a.settings), (&b.deps, &b.settings));
    }
    assert_eq!(lines.tasks[0].command, words(&["cc", "hello.c", "-o", "hello"]));
    assert_eq!(lines.tasks[1].command, Command::Shell("./hello > out.txt".to_string()));
    assert_eq!(lines.tasks[1].env[1], EnvVar { name: "B".into(), value: Some("x=y".into()) });
    assert_eq!(toml.root, Path::new("/p"));
}

#[test]
fn old_files_mean_what_they_meant() {
    let text = "\u{feff}task a {\r\n cmd = docker ps --format '{{.Names}}' # kept = all\r\n inputs = x, , y ,\r\n deps =\r\n}\r\n\
                task b{\n cmd=a=b; echo $a\n inputs = two words\n}\n";
    let manifest = load_lines(text).expect("sound");
    assert_eq!(manifest.tasks[0].command, Command::Shell("docker ps --format '{{.Names}}' # kept = all".into()));
    assert_eq!(texts(&manifest.tasks[0].inputs), ["x", "y"]);
    assert_eq!(manifest.tasks[1].command, Command::Shell("a=b; echo $a".into()));
    assert_eq!(manifest.warnings.len(), 1);
    assert!(manifest.warnings[0].starts_with("m.txt:8:11: `two words`"), "{:?}", manifest.warnings);
}

#[test]
fn everything_has_its_place() {
    let manifest = sound(
        "project = 'demo'\nsalt = 's'\ndefault = ['all']\nmin-version = '0.1'\n[pools]\nlink = 2\n\
         [defaults]\nretries = 2\nenv = { A = '1', B = '2' }\n\
         [task.all]\ndeps = ['x']\ndescription = 'all of it'\n\
         [task.x]\ncmd = ['x', '{{in}}', '-o={{out}}']\ninputs = ['a b', 'c']\noutputs = ['o']\nafter = ['y']\ncwd = 'sub'\n\
         env = { A = true, C = 3 }\npass-env = ['HOME']\nsecret = { TOKEN = 'v2' }\ntools = ['cc', 'as']\nkey-from = ['cc --version']\n\
         timeout = '1500ms'\nretry-delay = 0.25\npool = 'link'\nweight = 2\ncache = false\ndepfile = 'x.d'\nexternal-links = true\n\
         color = true\nrooted = true\nargs = true\nsandbox = 'none'\n\
         [task.y]\nscript = '''\nset -x\n'''\nretries = 0\nkeep-outputs = true\n",
    );
    let x = &manifest.tasks[1];
    assert_eq!(x.command, words(&["x", "../a b", "../c", "-o=../o"]));
    let env = |name: &str, value: Option<&str>| EnvVar { name: name.into(), value: value.map(str::to_string) };
    assert_eq!(x.env, [env("A", None), env("B", Some("2")), env("C", Some("3"))]);
    assert_eq!(x.secrets, [Secret { name: "TOKEN".into(), label: "v2".into() }]);
    assert_eq!((x.tools.join(" "), x.key_from.len(), x.cwd.as_slice()), ("as cc".to_string(), 1, b"sub".as_slice()));
    assert_eq!((x.timeout_ms, x.retries, x.retry_delay_ms), (Some(1_500), 2, 250));
    assert_eq!((x.pool, x.weight, x.cache, x.depfile.as_deref()), (Some(0), 2, false, Some(b"x.d".as_slice())));
    assert!(x.external_links && x.color && x.rooted && x.takes_args && !x.interactive);
    assert_eq!((names(&manifest, &x.after), names(&manifest, &manifest.targets())), ("y".into(), "all".into()));
    let y = &manifest.tasks[2];
    assert_eq!((y.retries, y.cache, y.keep_outputs), (0, false, true));
    assert_eq!(y.command, Command::Shell("set -e\nset -x\n".into()));
    assert!(manifest.tasks[0].is_group() && manifest.tasks[0].settings.env.is_empty());
    assert_eq!((manifest.project.as_deref(), manifest.salt.as_str()), (Some("demo"), "s"));
}

#[test]
fn a_matrix_makes_tasks() {
    let manifest = sound(
        "[task.build]\ncmd = 'cc -m{{matrix.os}} {{matrix.bits}}'\noutputs = ['out/{{matrix.os}}/{{matrix.bits}}']\n\
         matrix = { os = ['linux', 'mac'], bits = [32, 64] }\n\
         [task.test]\ncmd = 't'\ndeps = ['build@os={{matrix.os}},bits=64']\nmatrix.os = ['mac']\n\
         [task.all]\ndeps = ['build']\n",
    );
    assert_eq!(names(&manifest, &manifest.tasks[4].deps), "build@os=mac,bits=64");
    assert_eq!(manifest.tasks[5].deps.len(), 4);
    assert_eq!(manifest.tasks[0].command, words(&["cc", "-mlinux", "32"]));
    assert_eq!(*manifest.tasks[3].matrix, [("os".into(), "mac".into()), ("bits".into(), "64".into())]);
    assert_eq!(texts(&manifest.tasks[3].outputs), ["out/mac/64"]);
}

#[test]
fn included_tasks_have_their_directory_before_their_name() {
    let temp = project(&[
        (
            "larder.toml",
            "include = ['lib', 'tools/old.txt', 'more.toml']\ndotenv = ['.env', 'none.env']\n[task.top]\ncmd = 'x {{in}}'\ninputs = ['lib/out.h']\ndeps = ['tools:gen', 'more']\n",
        ),
        (
            "lib/larder.toml",
            "include = ['deep']\n[defaults]\nretries = 1\n[task.build]\ncmd = 'cc {{in}} {{out}}'\ninputs = ['a.c', '../shared.h']\noutputs = ['out.h']\ndeps = ['deep:x', 'lib/deep:x', ':more']\n",
        ),
        ("lib/deep/larder.toml", "[task.x]\ncmd = 'true'\n"),
        ("tools/old.txt", "task gen {\n cmd = gen\n outputs = g\n}\n"),
        ("more.toml", "[task.more]\ncmd = 'y'\n"),
        (".env", "A=1\n"),
    ]);
    let manifest = load(&temp.path().join("larder.toml"), None, &LoadOptions::default()).expect("sound");
    let all: Vec<&str> = manifest.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(all, ["top", "lib:build", "tools:gen", "more", "lib/deep:x"]);
    assert_eq!(names(&manifest, &manifest.tasks[0].deps), "tools:gen more");
    assert_eq!(names(&manifest, &manifest.tasks[0].makers), "lib:build", "a literal input adds the edge");
    let build = &manifest.tasks[1];
    assert_eq!(names(&manifest, &build.deps), "more lib/deep:x");
    assert_eq!(
        (texts(&build.inputs), texts(&build.outputs)),
        (vec!["lib/a.c".into(), "shared.h".into()], vec!["lib/out.h".into()])
    );
    assert_eq!((build.command.clone(), build.retries), (words(&["cc", "a.c", "../shared.h", "out.h"]), 1));
    assert_eq!((manifest.manifests, manifest.files.len(), manifest.tasks[0].retries), (5, 7, 0));
    assert_eq!(manifest.dotenv, [("A".to_string(), "1".to_string())]);
    assert_eq!(manifest.tasks[4].at, Place { file: 4, line: 1, column: 7 });
    let moved = project(&[("x/y.toml", "[task.a]\ncmd = 'z'\n")]);
    let with_root = load(&moved.path().join("x/y.toml"), Some(moved.path()), &LoadOptions::default()).expect("sound");
    assert_eq!((with_root.tasks[0].name.as_str(), with_root.tasks[0].cwd.as_slice()), ("x:a", b"x".as_slice()));
}

/// What is wrong, the code, and the start of the message behind the file's name.
const BAD: &[(&str, Code, &str)] = &[
    ("[task.a]\ncmd = 'x'\ncmd = 'y'\n", Code::ParseError, ":3:1: "),
    ("[task.a\n", Code::ParseError, ":1:"),
    ("[task.a]\ncmd = 'x\n", Code::ParseError, ":2:"),
    ("[task.a]\ncmd = 'x'\n[task.a]\ncmd = 'y'\n", Code::ParseError, ":3:"),
    ("[task.a]\ncdm = 'x'\n", Code::ParseError, ":2:1: no task has a key `cdm`"),
    ("prject = 'x'\n", Code::ParseError, ":1:1: a manifest has no key `prject`"),
    ("cmd = 'x'\n", Code::ParseError, ":1:1: a manifest has no key `cmd`"),
    ("[task.a]\ninputs = ['x']\n", Code::ParseError, ":2:1: the task `a` has no `cmd`, so `inputs`"),
    ("[task.a]\n", Code::ParseError, ":1:7: the task `a` has no `cmd`"),
    ("[task.a]\ncmd = ''\n", Code::ParseError, ":2:7: the task `a`: the command is empty"),
    ("[task.a]\ncmd = 'x'\nscript = 'y'\n", Code::ParseError, ":3:1: the task `a` has both"),
    ("[task.\"a b\"]\ncmd = 'x'\n", Code::ParseError, ":1:7: `a b` is not the name of a task"),
    (
        "[task.a]\ncmd = 'x'\ndeps = ['b', 'nosuch']\n[task.bb]\ncmd = 'y'\n",
        Code::ParseError,
        ":3:9: there is no task `b`",
    ),
    ("[task.a]\ncmd = 'x'\ndeps = ['a']\n", Code::CycleDetected, ":3:9: the task `a` depends on itself"),
    (
        "[task.a]\ncmd = 'x'\ndeps = ['b']\n[task.b]\ncmd = 'y'\ndeps = ['a']\n",
        Code::CycleDetected,
        ":1:7: tasks depend on each other in a circle: a -> b -> a",
    ),
    (
        "[task.a]\ncmd = 'x'\ninputs = ['o']\noutputs = ['p']\n[task.b]\ncmd = 'y'\ninputs = ['p']\noutputs = ['o']\n",
        Code::CycleDetected,
        ":1:7: tasks depend",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['o']\n[task.b]\ncmd = 'y'\noutputs = ['o']\n",
        Code::ConfigInvalid,
        ":6:12: the output `o` of `b` is also the output `o` of `a` (/p/larder.toml:1:7)",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['o']\n[task.b]\ncmd = 'y'\noutputs = ['o/b']\n",
        Code::ConfigInvalid,
        ":6:12: the output `o/b` of `b` lies within",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['o/a']\n[task.b]\ncmd = 'y'\noutputs = ['o']\n",
        Code::ConfigInvalid,
        ":6:12: the output `o` of `b` holds",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['o/*.o']\n[task.b]\ncmd = 'y'\noutputs = ['o/x.*']\n",
        Code::ConfigInvalid,
        ":6:12: the output `o/x.*` of `b` can be",
    ),
    ("[task.a]\ncmd = 'x'\noutputs = ['../x']\n", Code::PermissionDenied, ":3:12: `../x` lies outside"),
    ("[task.a]\ncmd = 'x'\noutputs = ['/x']\n", Code::PermissionDenied, ":3:12: `/x` lies outside"),
    ("[task.a]\ncmd = 'x'\ninputs = ['b/../../x']\n", Code::PermissionDenied, ":3:11: "),
    ("[task.a]\ncmd = 'x'\noutputs = ['.git/x']\n", Code::PermissionDenied, ":3:12: "),
    ("[task.a]\ncmd = 'x'\ncwd = '..'\n", Code::PermissionDenied, ":3:7: "),
    ("[task.a]\ncmd = 'x'\noutputs = ['.']\n", Code::ConfigInvalid, ":3:12: the whole project"),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['*.toml']\n",
        Code::ConfigInvalid,
        ":3:12: the output `*.toml` would remove `larder.toml`",
    ),
    ("[task.a]\ncmd = 'x'\noutputs = ['o']\ncwd = 'o/x'\n", Code::ConfigInvalid, ":3:12: the output `o` holds `o/x`"),
    ("[task.a]\ncmd = 'x'\noutputs = ['@git(x)']\n", Code::ParseError, ":3:12: an output cannot be"),
    ("[task.a]\ncmd = 'x'\ninputs = ['o']\noutputs = ['o']\n", Code::ConfigInvalid, ":3:11: `o` is input and output"),
    (
        "[task.a]\ncmd = 'x'\ninputs = ['o/x']\noutputs = ['o']\n",
        Code::ConfigInvalid,
        ":3:11: `o/x` is input and output",
    ),
    (
        "[task.a]\ncmd = 'x'\ninputs = ['*.o']\noutputs = ['*.o']\n",
        Code::ConfigInvalid,
        ":3:11: `*.o` is input and output",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['g/x.c']\n[task.b]\ncmd = 'y'\ninputs = ['**/*.c']\n",
        Code::ConfigInvalid,
        ":6:11: the input `**/*.c` of `b` can match what `a` (/p/larder.toml:1:7) makes",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['g/x.c']\n[task.b]\ncmd = 'y'\ninputs = ['g']\nafter = ['a']\n",
        Code::ConfigInvalid,
        ":6:11: the input `g`",
    ),
    (
        "[task.a]\ncmd = 'x'\noutputs = ['g/x.c']\n[task.b]\ncmd = 'y'\ninputs = ['@git()']\n",
        Code::ConfigInvalid,
        ":6:11: the input `@git(.)`",
    ),
    ("[task.a]\ncmd = 'x'\ninputs = ['!x']\n", Code::ConfigInvalid, ":3:11: `!x`"),
    ("[task.a]\ncmd = 'x'\ninputs = ['a', 1]\n", Code::ParseError, ":3:16: `inputs` is a list of texts"),
    ("[task.a]\ncmd = 'x'\nretries = 101\n", Code::ConfigInvalid, ":3:11: `retries` is 101; it may be 0 to 100"),
    ("[task.a]\ncmd = 'x'\nretries = -1\n", Code::ConfigInvalid, ":3:11: `retries` may be 0 to 100"),
    ("[task.a]\ncmd = 'x'\ntimeout = 'soon'\n", Code::ConfigInvalid, ":3:11: `timeout`"),
    ("[task.a]\ncmd = 'x'\ncache = 'yes'\n", Code::ParseError, ":3:9: `cache` is `true` or `false`"),
    ("[task.a]\ncmd = 'x'\npool = 'lnk'\n[pools]\nlink = 1\n", Code::ParseError, ":3:8: there is no pool `lnk`"),
    ("[task.a]\ncmd = 'x'\npool = 'link'\nweight = 2\n[pools]\nlink = 1\n", Code::ConfigInvalid, ":3:8: a weight of 2"),
    ("[pools]\nlink = 0\n", Code::ConfigInvalid, ":2:8: "),
    ("[task.a]\ncmd = 'x'\nenv = ['1A']\n", Code::ParseError, ":3:8: `1A` is not the name"),
    ("[task.a]\ncmd = 'x'\nenv = ['A', 'A=1']\n", Code::ParseError, ":3:13: `A` stands twice"),
    ("[task.a]\ncmd = 'x'\nenv = ['A']\nsecret = ['A']\n", Code::ParseError, ":1:7: `A` stands in more than one"),
    ("[task.a]\ncmd = 'x {{inn}}'\n", Code::ParseError, ":2:7: the task `a`: `{{inn}}` stands for nothing"),
    ("[task.a]\ncmd = 'x {{args}}'\n", Code::ParseError, ":2:7: the task `a`: `{{args}}` needs"),
    ("[task.a]\ncmd = 'x {{in}}'\ninputs = ['*.c']\n", Code::ParseError, ":2:7: the task `a`: `{{in}}` cannot stand"),
    ("[task.a]\ncmd = 'x'\noutputs = ['{{matrix.os}}']\n", Code::ParseError, ":3:12: the matrix of this task"),
    ("[task.a]\ncmd = 'x'\nmatrix = { os = [] }\n", Code::ConfigInvalid, ":3:1: a matrix makes"),
    ("[task.a]\ncmd = 'x'\nmatrix = { os = ['a b'] }\n", Code::ParseError, ":3:18: "),
    (
        "[task.a]\ncmd = 'x'\nmatrix = { os = ['a', 'b'] }\noutputs = ['o']\n",
        Code::ConfigInvalid,
        ":4:12: the output `o` of `a@os=b` is also",
    ),
    (
        "[task.a]\ncmd = 'x'\nsandbox = 'strict'\n",
        Code::ConfigInvalid,
        ":3:11: `sandbox = \"strict\"`: sandboxes are not",
    ),
    ("[task.a]\ncmd = 'x'\nmemory = '1G'\n", Code::ConfigInvalid, ":3:1: `memory` is not in this version"),
    ("[task.a]\ncmd = 'x'\njobserver = true\n", Code::ConfigInvalid, ":3:1: `jobserver` is not"),
    ("[defaults]\nwatch = true\n", Code::ConfigInvalid, ":2:1: `watch` is not"),
    ("[defaults]\noutputs = ['x']\n", Code::ParseError, ":2:1: `outputs` cannot be a default"),
    ("[task.a]\ncmd = 'x'\ninteractive = true\ncache = true\n", Code::ConfigInvalid, ":4:1: `cache = true`"),
    ("min-version = '99'\n", Code::ConfigInvalid, ":1:15: this manifest needs larder 99"),
    ("min-version = 'x'\n", Code::ParseError, ":1:15: "),
    ("default = ['x']\n", Code::ParseError, ":1:12: there is no task `x`"),
    ("include = ['nosuch']\n", Code::ConfigInvalid, ":1:12: cannot include `nosuch`"),
    ("include = ['../up']\n", Code::PermissionDenied, ":1:12: "),
    (
        "[task.a]\ncmd = 'x'\ndepfile = 'd'\n[task.b]\ncmd = 'x'\ndepfile = 'd'\n",
        Code::ConfigInvalid,
        ":4:7: `b` has the same depfile",
    ),
    ("task = 1\n", Code::ParseError, ":1:8: `task` is a table of tasks"),
    ("[task]\na = 1\n", Code::ParseError, ":2:1: the task `a` is no table"),
];

#[test]
fn what_is_wrong_has_a_place_and_a_code() {
    for (text, code, start) in BAD {
        let error = load_toml(text).err().unwrap_or_else(|| panic!("accepted:\n{text}"));
        let message = error.to_string();
        let expected = format!("/p/larder.toml{start}");
        assert!(message.lines().any(|line| line.starts_with(&expected)), "{message}\n{text}");
        assert_eq!(error.code(), *code, "{message}");
        assert!(!message.contains('\u{1b}'));
    }
}

#[test]
fn lines_that_are_wrong_have_a_place() {
    let table = [
        ("task a {\n cmd = x\n", ":1:6: the task `a` is not closed"),
        ("task a {\n cmd = x\ntask b {\n cmd = y\n}\n", ":1:6: the task `a` is not closed"),
        ("task a {\n cmd x\n}\n", ":2:2: neither"),
        ("}\n", ":1:1: `}` without"),
        ("cmd = x\ntask a {\ncmd = x\n}\n", ":1:1:"),
        ("task a {\n  cmd = x\n  outptus = y\n}\n", ":3:3: no task has a key `outptus`"),
        ("task a {\n cmd = x\n cmd = y\n}\n", ":3:2: `cmd` stands twice"),
        ("task a {\n cmd =\n}\n", ":2:2: `cmd` has no value"),
        ("task a {\n}\n", ":1:6: the task `a` has no `cmd`"),
        ("task a b {\n cmd = x\n}\n", ":1:6: `a b` is not the name"),
        ("task a {\n cmd = x\n deps = x, nosuch\n}\ntask x {\n cmd = y\n}\n", ":3:12: there is no task `nosuch`"),
        ("task a {\n cmd = x\n retries = many\n}\n", ":3:12: `retries` is a whole number"),
        ("task a {\n cmd = x\n outputs = ok, ../x\n}\n", ":3:16: `../x` lies outside"),
        ("task a {\n cmd = x\n matrix = y\n}\n", ":3:2: `matrix` is not part"),
        ("task a {\n cmd = x\n sandbox = strict\n}\n", ":3:12: `sandbox"),
        (
            "task a {\n cmd = x\n}\ntask a {\n cmd = y\n}\n",
            ":4:6: the task `a` is there twice; the first is at m.txt:1:6",
        ),
        ("tsak a {\n cmd = x\n}\n", ":1:1: this stands in no task"),
    ];
    for (text, start) in table {
        let error = load_lines(text).err().unwrap_or_else(|| panic!("accepted:\n{text}"));
        let message = error.to_string();
        assert!(message.lines().any(|line| line.starts_with(&format!("m.txt{start}"))), "{message}\n{text}");
    }
    let bytes = b"task a {\n cmd = \xff\n}\n".to_vec();
    let error =
        load_text(bytes, Path::new("m.txt"), Some(Path::new("/p")), &LoadOptions::default()).expect_err("bytes");
    assert!(error.to_string().starts_with("m.txt:2:8: this is not UTF-8"), "{error}");
}

#[test]
fn inputs_may_match_what_their_dependencies_make() {
    for text in [
        "[task.a]\ncmd = 'x'\noutputs = ['g/x.c']\n[task.b]\ncmd = 'y'\ninputs = ['**/*.c']\ndeps = ['a']\n",
        "[task.a]\ncmd = 'x'\noutputs = ['g/x.c']\n[task.mid]\ndeps = ['a']\n[task.b]\ncmd = 'y'\ninputs = ['g']\ndeps = ['mid']\n",
        "[task.a]\ncmd = 'x'\ninputs = ['.']\noutputs = ['target']\n",
        "[task.a]\ncmd = 'x'\noutputs = ['a..b', 'out/t1/*.o']\n[task.b]\ncmd = 'y'\noutputs = ['out/t2/*.o']\n",
        "[task.a]\ncmd = 'x'\noutputs = ['g']\n[task.b]\ncmd = 'y'\ninputs = ['g/deep/*.c', 'g/lit']\ndeps = ['a']\n",
    ] {
        sound(text);
    }
}

#[test]
fn outputs_do_not_take_what_git_tracks() {
    let git = |temp: &tempfile::TempDir, args: &[&str]| {
        let done = std::process::Command::new("git").arg("-C").arg(temp.path()).args(args).output().expect("git");
        assert!(done.status.success(), "{args:?}");
    };
    let text = |output: &str| format!("[task.a]\ncmd = 'x'\noutputs = ['{output}']\n");
    for (output, is_bad) in [("src", true), ("src/*.c", true), ("src/a.c", false), ("out", false), ("src/*.o", false)] {
        let temp = project(&[("larder.toml", &text(output)), ("src/a.c", "")]);
        git(&temp, &["init", "-q"]);
        git(&temp, &["add", "."]);
        let options = LoadOptions { tracked: true, ..LoadOptions::default() };
        let loaded = load(&temp.path().join("larder.toml"), None, &options);
        assert_eq!(loaded.as_ref().err().map(|error| error.code()), is_bad.then_some(Code::ConfigInvalid), "{output}");
    }
}

#[test]
fn a_hundred_thousand_tasks_are_read_piece_by_piece() {
    let mut text = String::new();
    for number in 0..20_000 {
        let before = if number == 0 { String::new() } else { format!("'out/{}'", number - 1) };
        text.push_str(&format!(
            "[task.t{number}]\ncmd = 'cp in/{number} out/{number}'\ninputs = ['in/{number}', {before}]\noutputs = ['out/{number}']\n"
        ));
    }
    let manifest = sound(&text);
    assert_eq!(manifest.tasks.len(), 20_000);
    assert_eq!(*manifest.tasks[19_999].makers, [TaskNo(19_998)]);
    assert!(std::sync::Arc::ptr_eq(&manifest.tasks[0].settings, &manifest.tasks[19_999].settings));
}

#[test]
fn the_nearest_file_upward_is_the_project() {
    let temp = project(&[("larder.toml", ""), ("a/b/c", "")]);
    let found = find(&temp.path().join("a/b")).expect("above");
    assert_eq!(found.canonicalize().ok(), temp.path().join("larder.toml").canonicalize().ok());
    assert_eq!(find(Path::new("/proc")).expect_err("none").code(), Code::FileNotFound);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_of_few_characters(name in "\\PC{0,20}|[A-Za-z0-9_.-]{1,256}") {
            let quoted = ::toml::Value::String(name.clone()).to_string();
            let is_made = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            let is_good = !name.is_empty() && name.chars().all(is_made) && name != "." && name != "..";
            let loaded = load_toml(&format!("task.{quoted}.cmd = 'x'\n"));
            prop_assert_eq!(loaded.is_ok(), is_good, "{:?}", loaded.err());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(task a \\{\n|\\}\n|cmd = x\n|inputs = [a-z*/.,]{0,9}\n|\\[task\\.[ab]\\]\n|cmd = '[a-z{}]{0,8}'\n|deps = \\['[ab]'\\]\n|outputs = \\['[a-c/*.]{1,4}'\\]\n|\\PC{0,9}\n){0,8}") {
            for path in ["/p/larder.toml", "/p/m.txt"] {
                let loaded = load_text(text.clone().into(), Path::new(path), Some(Path::new("/p")), &LoadOptions::default());
                if let Err(error) = loaded {
                    prop_assert!(error.to_string().starts_with(path), "{error}");
                }
            }
        }

        #[test]
        fn pieces_and_the_whole_say_the_same(tasks in proptest::collection::vec(("[a-z]{1,6}", "[ -~]{0,12}", any::<bool>()), 0..6)) {
            let mut text = String::from("salt = \"s\"\n");
            let mut seen = std::collections::HashSet::new();
            for (name, cmd, has_env) in tasks.iter().filter(|(name, ..)| seen.insert(name.clone())) {
                let cmd = ::toml::Value::String(format!("x {}", cmd.replace("{{", "")));
                text.push_str(&format!("[task.{name}]\ncmd = {cmd}\n"));
                text.push_str(if *has_env { "[task.NAME.env]\nA = \"[x]\"\n" } else { "" }.replace("NAME", name).as_str());
            }
            // A table that goes on later is read at once.
            let whole = format!("{text}[pools]\na = 1\n[task.zzzzzzz]\ncmd = 'x'\n[defaults]\n[task.zzzzzzz.env]\nB = '1'\n");
            let pieces = format!("{text}[pools]\na = 1\n[task.zzzzzzz]\ncmd = 'x'\n[task.zzzzzzz.env]\nB = '1'\n");
            let (whole, pieces) = (load_toml(&whole), load_toml(&pieces));
            match (whole, pieces) {
                (Ok(whole), Ok(pieces)) => {
                    for (a, b) in whole.tasks.iter().zip(&pieces.tasks) {
                        prop_assert_eq!((&a.name, &a.command, &a.settings), (&b.name, &b.command, &b.settings));
                    }
                    prop_assert_eq!(whole.tasks.len(), pieces.tasks.len());
                }
                (whole, pieces) => prop_assert_eq!(whole.is_ok(), pieces.is_ok()),
            }
        }
    }
}
