//! What a task runs: `cmd` or `script`, with everything in it replaced.

use super::Command;
use super::raw::{Text, Value};
use super::substitute::{self, Values};

/// The kernel takes no longer text as one argument (MAX_ARG_STRLEN, with its NUL).
const COMMAND_BYTES_MAX: usize = 128 * 1024 - 1;
const HAS_NUL: &str = "the command holds a NUL";
/// What a shell does by itself: as a program it may not exist, or do something else.
const BUILTINS: &[&str] = &[
    ".", ":", "[", "alias", "bg", "bind", "break", "builtin", "case", "cd", "command", "continue", "declare", "do",
    "done", "echo", "elif", "else", "enable", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi",
    "for", "function", "getopts", "hash", "help", "history", "if", "in", "jobs", "kill", "let", "local", "logout",
    "mapfile", "printf", "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt", "source", "test",
    "then", "time", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait",
    "while",
];
/// Interpreters of scripts, by the start of their names, and how they take a program as an argument.
const INTERPRETERS: &[(&str, &str)] = &[
    ("bash", "-c"),
    ("dash", "-c"),
    ("ksh", "-c"),
    ("node", "-e"),
    ("perl", "-e"),
    ("python", "-c"),
    ("ruby", "-e"),
    ("sh", "-c"),
    ("zsh", "-c"),
];

/// What `cmd` says. `is_verbatim`: nothing is to be replaced.
pub(super) fn from_cmd(value: &Value, values: &Values<'_>, is_verbatim: bool) -> Result<Command, String> {
    match value {
        Value::Text(text) if is_verbatim => checked(from_line(&text.text)),
        Value::Text(text) => {
            let (mut line, has_args) = substitute::shell(&text.text, values)?;
            for arg in values.args.filter(|_| !has_args).unwrap_or_default() {
                line.push(' ');
                line.push_str(&substitute::quoted(arg));
            }
            checked(from_line(&line))
        }
        Value::List(list) => from_words(list, values),
        _ => Err("`cmd` is a text or a list of texts".to_string()),
    }
}

/// What `script` says.
pub(super) fn from_script(text: &str, values: &Values<'_>) -> Result<Command, String> {
    let first = text.lines().next().unwrap_or_default();
    let args = values.args.unwrap_or_default();
    let Some(line) = first.strip_prefix("#!") else {
        let (body, has_args) = substitute::shell(text, values)?;
        let mut script = "set -e".to_string();
        if !has_args && !args.is_empty() {
            script.push_str(" --");
            args.iter().for_each(|arg| script.extend([" ".to_string(), substitute::quoted(arg)]));
        }
        return checked(Command::Shell(format!("{script}\n{body}")));
    };
    let mut words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
    if words.first().is_some_and(|word| word.ends_with("/env")) {
        words.remove(0);
        words.retain(|word| word != "-S");
    }
    let Some(program) = words.first().map(|word| word.rsplit('/').next().unwrap_or(word).to_string()) else {
        return Err("`#!` names no interpreter".to_string());
    };
    let Some((_, flag)) = INTERPRETERS.iter().find(|(name, _)| is_named(&program, name)) else {
        let known: Vec<&str> = INTERPRETERS.iter().map(|(name, _)| *name).collect();
        return Err(format!("`{program}` is no interpreter that takes a script as an argument: {}", known.join(", ")));
    };
    let is_shell = program.ends_with("sh");
    let body = if is_shell { substitute::shell(text, values)?.0 } else { substitute::foreign(text, values)? };
    words.extend([flag.to_string(), body]);
    if is_shell {
        // The first argument behind the text of `-c` is `$0`.
        words.push(program);
    }
    words.extend(args.iter().cloned());
    from_list(&words)
}

/// `python3.12` is `python`.
fn is_named(program: &str, name: &str) -> bool {
    program.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn from_words(list: &[Text], values: &Values<'_>) -> Result<Command, String> {
    let mut words = Vec::with_capacity(list.len());
    let mut has_args = false;
    for item in list {
        if substitute::is_plain(&item.text) {
            words.push(item.text.clone());
            continue;
        }
        let (more, is_args) = substitute::word(&item.text, values)?;
        words.extend(more);
        has_args |= is_args;
    }
    words.extend(values.args.filter(|_| !has_args).unwrap_or_default().iter().cloned());
    from_list(&words)
}

fn from_list(words: &[String]) -> Result<Command, String> {
    if words.iter().any(|word| word.contains('\0')) {
        return Err(HAS_NUL.to_string());
    }
    checked(Command::Words(words.iter().collect()))
}

/// A line without shell syntax as the words that it is, any other as it stands.
fn from_line(line: &str) -> Command {
    let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let is_shell = match words.first() {
        Some(first) => {
            first.contains('=') || BUILTINS.contains(first) || !words.iter().all(|word| substitute::is_safe(word))
        }
        None => true,
    };
    if is_shell {
        return Command::Shell(line.trim().to_string());
    }
    Command::Words(words.into_iter().collect())
}

fn checked(command: Command) -> Result<Command, String> {
    let (is_empty, len) = match &command {
        Command::Group => (false, 0),
        Command::Shell(text) if text.contains('\0') => return Err(HAS_NUL.to_string()),
        Command::Shell(text) => (text.is_empty(), text.len()),
        Command::Words(words) => {
            (words.first().is_none_or(str::is_empty), words.iter().map(|word| word.len() + 1).sum())
        }
    };
    if is_empty {
        return Err("the command is empty".to_string());
    }
    if len > COMMAND_BYTES_MAX {
        return Err(format!("the command has {len} bytes; it may have {COMMAND_BYTES_MAX}"));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(args: Option<&[String]>) -> Values<'_> {
        Values { inputs: Ok(vec!["a b".into()]), outputs: Ok(vec!["o".into()]), root: "/r", args, matrix: &[] }
    }

    fn words(list: &[&str]) -> Command {
        Command::Words(list.iter().collect())
    }

    #[test]
    fn a_text_without_shell_syntax_is_a_list() {
        for line in ["cc -c a.c -o a.o", "  cc   -c\ta.c -o a.o ", "make CC=gcc", "./x@1,2:3%+y"] {
            assert!(matches!(from_line(line), Command::Words(_)), "{line}");
        }
        assert_eq!(from_line("cc -c  a.c"), words(&["cc", "-c", "a.c"]));
        for line in
            ["a > b", "A=1 x", "cd x", "echo hi", "x 'y'", "a; b", "x $y", "~/x", "x *", "a\nb", "x #y", "x {a,b}"]
        {
            assert_eq!(from_line(line), Command::Shell(line.to_string()), "{line}");
        }
    }

    #[test]
    fn arguments_reach_the_command() {
        let args = ["x y".to_string()];
        let text = |text: &str| Value::Text(Text { text: text.to_string(), at: super::super::Place::default() });
        let run = |line: &str| from_cmd(&text(line), &values(Some(&args)), false);
        assert_eq!(run("pytest"), Ok(Command::Shell("pytest 'x y'".to_string())));
        assert_eq!(run("pytest {{args}} -q"), Ok(Command::Shell("pytest 'x y' -q".to_string())));
        assert_eq!(from_cmd(&text("p {{x}}"), &values(None), true), Ok(Command::Shell("p {{x}}".to_string())));
        assert_eq!(
            from_script("a\nb\n", &values(Some(&args))),
            Ok(Command::Shell("set -e -- 'x y'\na\nb\n".to_string()))
        );
    }

    #[test]
    fn scripts_have_an_interpreter() {
        let script = |text: &str| from_script(text, &values(None));
        assert_eq!(script("a\n"), Ok(Command::Shell("set -e\na\n".to_string())));
        let python = "#!/usr/bin/env python3\nprint(1)\n";
        assert_eq!(script(python), Ok(words(&["python3", "-c", python])));
        let bash = "#!/bin/bash -eu\nls {{in}}\n";
        assert_eq!(script(bash), Ok(words(&["/bin/bash", "-eu", "-c", "#!/bin/bash -eu\nls 'a b'\n", "bash"])));
        assert!(script("#!/usr/bin/awk\n").is_err() && script("#!\n").is_err());
    }

    #[test]
    fn a_command_has_a_length() {
        let long = Value::Text(Text { text: "x".repeat(COMMAND_BYTES_MAX + 1), at: super::super::Place::default() });
        assert!(from_cmd(&long, &values(None), true).is_err());
        let empty = Value::Text(Text { text: " ".into(), at: super::super::Place::default() });
        assert!(from_cmd(&empty, &values(None), true).is_err());
        assert!(from_cmd(&Value::List(Vec::new()), &values(None), true).is_err());
    }
}
